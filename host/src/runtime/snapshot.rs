//! Configures a processor once, and makes a module of what it has then. Each instance of that module begins configured.
//!
//! A processor imports nothing, so what it has after `configure` depends only on the module and the settings: its
//! memory and its globals. `wasmtime-wizer` refuses a module that could keep more than these.

use anyhow::Result;
use wasmtime::Module;
use wasmtime_wizer::Wizer;

use crate::component::core_module::Functions;
use crate::runtime::clock::Driven;
use crate::runtime::core_call::{CorePre, CoreState};
use crate::runtime::fault::Fault;
use crate::runtime::guest_log::During;
use crate::runtime::instance::{Account, Instance};
use crate::runtime::load::{Prepared, Source};
use crate::runtime::loaded::Loaded;
use crate::runtime::store::InstanceConfig;

/// What a snapshot may have: runs of bytes that are not 0, for each of which wizer notes some, and these bytes, which are
/// copied several times until they are compiled.
const RUNS_MAX: usize = 200_000;
const BYTES_MAX: usize = 8 << 20;

/// Loads a component for instances of which each serves one request. They begin configured, if that is possible; then
/// the settings become a part of what is compiled.
///
/// # Errors
///
/// If the component cannot be served: the message names the file, the problem and the remedy. The fault, if it cannot
/// be configured.
pub(crate) async fn load_configured(
    source: &Source,
    engine: &Driven,
    config: &InstanceConfig,
) -> Result<Result<Loaded, Fault>> {
    let bounded = match source.prepare(config.memory)? {
        Prepared::Component(bounded) => bounded,
        // Its snapshot was made when it was compiled.
        Prepared::Compiled(compiled) => return compiled.load(engine).map(Ok),
    };
    if let Some((module, functions)) = bounded.core() {
        match of_snapshot(module, functions, engine, config).await {
            Ok(loaded) => return Ok(loaded),
            Err(error) => tracing::info!(
                route = config.log.route(),
                "each instance is configured anew, because no snapshot can be made: {error:#}"
            ),
        }
    }
    source.load_bounded(engine, &bounded).map(Ok)
}

async fn of_snapshot(
    module: &[u8],
    functions: &Functions,
    driven: &Driven,
    config: &InstanceConfig,
) -> wasmtime::Result<Result<Loaded, Fault>> {
    let engine = &driven.engine;
    let wizer = Wizer::new();
    let (context, instrumented) = wizer.instrument(module)?;
    let instrumented = Module::new(engine, &instrumented)?;
    let loaded = Loaded::core(CorePre::new(&instrumented, functions.clone())?, driven);
    let mut instance = match Instance::start(&loaded, config, Account::default()).await {
        Ok(instance) => instance,
        Err(fault) => return Ok(Err(fault)),
    };
    // Before the mark of what was read.
    let lines = instance.take_log();
    let (mut state, log) = instance.state().expect("it is a core module");
    check_size(&state)?;
    let snapshot = wizer.snapshot(&context, &mut state).await?;
    drop(instance);
    let module = Module::new(engine, &snapshot)?;
    let pre = CorePre::new(&module, functions.clone().for_one_request())?;
    if let Some(lines) = lines {
        config.log.write(&lines, During::Start);
    }
    Ok(Ok(Loaded::configured(pre, log, driven)))
}

/// Fails if a snapshot would take too much of the host's memory.
fn check_size(state: &CoreState<'_>) -> wasmtime::Result<()> {
    let (mut runs, mut bytes, mut is_in_run) = (0, 0, false);
    for byte in state.memory() {
        let is_set = *byte != 0;
        runs += usize::from(is_set && !is_in_run);
        bytes += usize::from(is_set);
        is_in_run = is_set;
    }
    wasmtime::ensure!(
        runs <= RUNS_MAX && bytes <= BYTES_MAX,
        "expected at most {BYTES_MAX} bytes in {RUNS_MAX} runs, got {bytes} in {runs}"
    );
    Ok(())
}
