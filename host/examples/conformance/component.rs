//! The component's answers.

use std::time::Duration;

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Result, Store, Trap, bail};

use crate::blocks::{Expected, Test};
use bindings::exports::arenaria::transform::jq::Error;
use bindings::{Transformer, TransformerPre};

#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated from wit/transform")]
pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: ["../wit/processor", "../wit/transform"],
        world: "arenaria:transform/transformer",
    });
}

/// How long one test may run.
const DEADLINE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// What the component answered.
pub(crate) enum Answer {
    /// It compiles, and that was all that was asked.
    Compiles,
    Outputs(String),
    Error(Error),
    /// The instance was lost.
    Trap(String),
}

/// An instance of the component, replaced when it traps.
pub(crate) struct Jq {
    engine: Engine,
    pre: TransformerPre<()>,
    instance: Option<(Store<()>, Transformer)>,
}

impl Jq {
    pub(crate) fn new(path: &str) -> Result<Self> {
        let mut config = Config::new();
        config.epoch_interruption(true);
        // As in the server.
        config.max_wasm_stack(1 << 20);
        let engine = Engine::new(&config)?;
        let component = Component::from_file(&engine, path)?;
        let linker = Linker::new(&engine);
        let pre = TransformerPre::new(linker.instantiate_pre(&component)?)?;
        let clock = engine.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(TICK);
                clock.increment_epoch();
            }
        });
        Ok(Self { engine, pre, instance: None })
    }

    fn instance(&mut self) -> Result<(Store<()>, Transformer)> {
        if let Some(instance) = self.instance.take() {
            return Ok(instance);
        }
        let mut store = Store::new(&self.engine, ());
        store.set_epoch_deadline(100);
        let instance = self.pre.instantiate(&mut store)?;
        let settings = [("ad-hoc".to_owned(), "true".to_owned())];
        let configured =
            instance.arenaria_processor_lifecycle().call_configure(&mut store, &settings)?;
        if let Err(sentence) = configured {
            bail!("the component refuses its configuration: {sentence}");
        }
        Ok((store, instance))
    }

    pub(crate) fn run(&mut self, test: &Test<'_>) -> Result<Answer> {
        let (mut store, instance) = self.instance()?;
        store.set_epoch_deadline(DEADLINE.as_millis().div_ceil(TICK.as_millis()) as u64);
        let jq = instance.arenaria_transform_jq();
        let called = match &test.expected {
            Expected::Refusal => jq
                .call_check(&mut store, test.program)
                .map(|checked| checked.map(|()| Answer::Compiles)),
            Expected::Outputs { input, .. } => jq
                .call_transform(&mut store, test.program, input.as_bytes())
                .map(|outputs| outputs.map(|bytes| Answer::Outputs(lossy(bytes)))),
        };
        Ok(match called {
            Ok(answer) => {
                self.instance = Some((store, instance));
                answer.unwrap_or_else(Answer::Error)
            }
            Err(error) => Answer::Trap(match error.downcast_ref::<Trap>() {
                Some(Trap::Interrupt) => "still running after 1 s".to_owned(),
                Some(trap) => trap.to_string(),
                None => return Err(error),
            }),
        })
    }
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}
