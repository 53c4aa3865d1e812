//! Configures a processor once, and makes a module of what it has then. Each instance of that module begins configured.
//!
//! A processor imports nothing, so what it has after `configure` depends only on the module and the settings: its
//! memory and its globals. `wasmtime-wizer` refuses a module that could keep more than these.

use anyhow::Result;
use wasmtime_wizer::Wizer;

use crate::component::core_module::CoreModule;
use crate::runtime::clock::Driven;
use crate::runtime::core_call::{CorePre, CoreState};
use crate::runtime::fault::Fault;
use crate::runtime::guest_log::During;
use crate::runtime::instance::{Account, Instance};
use crate::runtime::load::{ExportsPre, Loaded, Source};
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
    let bounded = source.bounded(config.memory)?;
    let module = source.core_module(&bounded);
    if let Some(module) = &module {
        match of_snapshot(&bounded[module.range.clone()], module, engine, config).await {
            Ok(loaded) => return Ok(loaded),
            Err(error) => tracing::info!(
                route = config.log.route(),
                "each instance is configured anew, because no snapshot can be made: {error:#}"
            ),
        }
    }
    source.load_bounded(engine, &bounded, module.as_ref()).map(Ok)
}

async fn of_snapshot(
    bytes: &[u8],
    module: &CoreModule,
    driven: &Driven,
    config: &InstanceConfig,
) -> wasmtime::Result<Result<Loaded, Fault>> {
    let Driven { engine, pulse } = driven;
    let wizer = Wizer::new();
    let (context, instrumented) = wizer.instrument(bytes)?;
    let exports = ExportsPre::Core(CorePre::new(engine, module, &instrumented)?);
    let loaded = Loaded { exports, has_imports: false, pulse: pulse.clone() };
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
    let pre = CorePre::new(engine, module, &snapshot)?;
    if let Some(lines) = lines {
        config.log.write(&lines, During::Start);
    }
    let exports = ExportsPre::Configured(pre.for_one_request(), log);
    Ok(Ok(Loaded { exports, ..loaded }))
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
