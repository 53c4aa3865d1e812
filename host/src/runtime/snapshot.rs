//! Configures a processor once, and makes a module of what it has then. Each instance of that module begins configured.
//!
//! A processor imports nothing, so what it has after `configure` depends only on the module and the settings: its
//! memory and its globals. `wasmtime-wizer` refuses a module that could keep more than these.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use wasmtime_wizer::Wizer;

use crate::runtime::clock::Driven;
use crate::runtime::core_call::CorePre;
use crate::runtime::guest_log::During;
use crate::runtime::instance::Instance;
use crate::runtime::load::{ExportsPre, Loaded, Source};
use crate::runtime::store::InstanceConfig;

/// Loads a component for instances of which each serves one request. They begin configured, if that is possible; then
/// the settings become a part of what is compiled.
///
/// # Errors
///
/// If the component cannot be served. The message names the file, the problem and the remedy.
pub(crate) async fn load_configured(
    source: &Source,
    engine: &Driven,
    config: &InstanceConfig,
) -> Result<Loaded> {
    let bounded = source.bounded(config.memory)?;
    let Some(module) = source.core_module(&bounded) else {
        return source.load(engine, config.memory);
    };
    let (wizer, failed) = (Wizer::new(), |error| source.not_loaded(&error));
    let bytes = &bounded[module.range.clone()];
    let (context, instrumented) = match wizer.instrument(bytes) {
        Ok(instrumented) => instrumented,
        Err(error) => {
            tracing::info!(
                route = config.log.route(),
                "each instance is configured anew: no snapshot can be made of the component: {error:#}"
            );
            return source.load(engine, config.memory);
        }
    };
    let pre = CorePre::new(&engine.engine, &module, &instrumented).map_err(failed)?;
    let loaded =
        Loaded { exports: ExportsPre::Core(pre), has_imports: false, pulse: engine.pulse.clone() };
    // If it fails, so does the first instance, which says why.
    let Ok(mut instance) = Instance::start(&loaded, config, Arc::default()).await else {
        return Ok(loaded);
    };
    if let Some(lines) = instance.take_log() {
        config.log.write(&lines, During::Start);
    }
    let (mut state, log) = instance.state().ok_or_else(|| anyhow!("it is a core module"))?;
    let snapshot = wizer.snapshot(&context, &mut state).await.map_err(failed)?;
    drop(instance);
    let pre = CorePre::new(&engine.engine, &module, &snapshot).map_err(failed)?;
    let exports = ExportsPre::Configured(pre.for_one_request(), log);
    Ok(Loaded { exports, ..loaded })
}
