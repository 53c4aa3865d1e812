//! A route as the workers share it.

use std::sync::Arc;

use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use wasmtime::Engine;

use anyhow::{Result, bail};

use crate::component::world::World;
use crate::config::file::RouteConfig;
use crate::config::isolation::Isolation;
use crate::config::limits::RouteLimits;
use crate::runtime::fault::Fault;
use crate::runtime::instance::Instance;
use crate::runtime::load::{Loaded, Source};
use crate::runtime::memory::MemoryStats;
use crate::runtime::store::InstanceConfig;

/// What answers a path: a compiled component and how it is run.
pub(crate) struct Route {
    /// Its place among the routes.
    pub(crate) index: usize,
    pub(crate) path: String,
    pub(crate) world: World,
    pub(crate) isolation: Isolation,
    pub(crate) records: bool,
    pub(crate) slots: usize,
    forward_headers: Option<Vec<HeaderName>>,
    pub(crate) limits: RouteLimits,
    loaded: Loaded,
    instance_config: InstanceConfig,
}

impl Route {
    /// Loads the component.
    ///
    /// # Errors
    ///
    /// A sentence that names the file, what is wrong with it, and the remedy.
    pub(crate) fn load(
        engine: &Engine,
        index: usize,
        config: &RouteConfig,
        source: &Source,
    ) -> Result<Self> {
        let memory = config.limits.memory;
        let world = source.world;
        if config.records && world != World::Processor {
            bail!(
                "records = true on route {:?} needs a processor, but {} is a component of {world}; remove it",
                config.path,
                config.component.display()
            );
        }
        // Who wrote a processor with our SDK has its arena reset; of others nothing is known.
        let isolation = config.isolation.unwrap_or(match world {
            World::Processor => Isolation::Reuse,
            World::Proxy | World::Service => Isolation::Fresh,
        });
        Ok(Self {
            index,
            path: config.path.clone(),
            world,
            isolation,
            records: config.records,
            slots: config.slots,
            forward_headers: config.forward_headers.clone(),
            limits: config.limits.clone(),
            loaded: source.load(engine, memory)?,
            instance_config: InstanceConfig {
                settings: config.settings.clone(),
                time: config.limits.configure_time.0,
                call_time: config.limits.request_time.0,
                outgoing_requests: config.limits.outgoing_requests,
                memory,
                grants: config.grants.clone(),
            },
        })
    }

    /// Whether the guest is given a header field. Unless the route says which, a processor is given
    /// those that a body needs, and a `wasi:http` component, made for the whole request, all.
    pub(crate) fn forwards(&self, name: &HeaderName) -> bool {
        match &self.forward_headers {
            Some(names) => names.contains(name),
            None if self.world == World::Processor => name == CONTENT_TYPE || name == ACCEPT,
            None => true,
        }
    }

    /// Starts the first instance.
    ///
    /// # Errors
    ///
    /// A sentence for the operator; a backtrace goes to the log.
    pub(crate) async fn start_first(&self, memory_stats: &Arc<MemoryStats>) -> Result<Instance> {
        let limits = &self.limits;
        let fault = match self.start(memory_stats).await {
            Ok(instance) => return Ok(instance),
            Err(fault) => fault,
        };
        let sentence = match &fault {
            Fault::Refused(sentence) => sentence.clone(),
            Fault::Deadline | Fault::RequestTimeout => {
                format!(
                    "configure ran for longer than configure-time = {}; raise it",
                    limits.configure_time
                )
            }
            Fault::Memory(_) => {
                format!("configure needs more than memory = {}; raise it", limits.memory)
            }
            Fault::Trap(_) | Fault::Stack(_) | Fault::NoResponse => {
                tracing::error!(route = self.path, "{fault}");
                "configure trapped; the log says where, mend the component or its settings"
                    .to_owned()
            }
        };
        bail!("route {:?} cannot start: {sentence}", self.path)
    }

    /// Starts an instance, whose memory shows on the worker's `memory_stats`.
    pub(crate) async fn start(&self, memory_stats: &Arc<MemoryStats>) -> Result<Instance, Fault> {
        Instance::start(&self.loaded, &self.instance_config, Arc::clone(memory_stats)).await
    }
}
