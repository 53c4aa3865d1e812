//! `bench FILE PROGRAM DOCUMENT`: what a call of `transform` costs. It prints the outputs, then answers
//! each line of standard input, a number of calls, with the CPU time of one in nanoseconds.
//! `examples/node` measures itself against it.

use std::io::{BufRead as _, Write as _, stdin, stdout};

use rustix::time::{ClockId, clock_gettime};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Result, Store, bail, error::Context as _};

mod bindings {
    #![allow(missing_docs, unreachable_pub, reason = "generated")]
    wasmtime::component::bindgen!({
        path: ["../../wit/processor", "../../wit/transform"],
        world: "arenaria:transform/transformer",
    });
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().context("give the component's file")?;
    let program = arguments.next().context("give a program")?;
    let document = std::fs::read(arguments.next().context("give the document's file")?)?;

    let engine = Engine::default();
    let component = Component::from_file(&engine, file)?;
    let mut store = Store::new(&engine, ());
    let transformer =
        bindings::Transformer::instantiate(&mut store, &component, &Linker::new(&engine))?;
    let jq = transformer.arenaria_transform_jq();
    let mut transform = || match jq.call_transform(&mut store, &program, &document)? {
        Ok(outputs) => Ok(outputs),
        Err(error) => bail!("{:?}: {}", error.kind, error.message),
    };

    stdout().write_all(&transform()?)?;
    for line in stdin().lock().lines() {
        let calls = line?.trim().parse::<u64>().context("give a number of calls")?;
        let begun = cpu_time();
        for _ in 0..calls {
            transform()?;
        }
        writeln!(stdout(), "{}", (cpu_time() - begun) / calls.max(1))?;
    }
    Ok(())
}

/// Nanoseconds.
fn cpu_time() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}
