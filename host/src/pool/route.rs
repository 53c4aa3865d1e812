//! A route, as all workers share it.

use std::sync::Arc;

use hyper::header::{CONTENT_TYPE, HeaderName};

use anyhow::{Result, anyhow, bail};

use crate::component::world::World;
use crate::config::isolation::Isolation;
use crate::config::limits::RouteLimits;
use crate::config::route::RouteConfig;
use crate::config::units::Size;
use crate::pool::clients::Clients;
use crate::pool::stats::RouteMetrics;
use crate::runtime::clock::Driven;
use crate::runtime::fault::Fault;
use crate::runtime::guest_log::{During, GuestLog};
use crate::runtime::instance::{Account, Instance};
use crate::runtime::load::Source;
use crate::runtime::loaded::Loaded;
use crate::runtime::snapshot::load_configured;
use crate::runtime::store::InstanceConfig;

/// The header field with the program of a request.
const PROGRAM_HEADER: &str = "jq-program";

/// A path, its compiled component, and how that is run.
pub(crate) struct Route {
    pub(crate) path: String,
    /// Its counters. They are shown for as long as anything has this route.
    pub(crate) metrics: Arc<RouteMetrics>,
    pub(crate) world: World,
    pub(crate) isolation: Isolation,
    pub(crate) records: bool,
    /// Whether clients are told how long their requests took.
    pub(crate) server_timing: bool,
    pub(crate) slots: usize,
    /// Its share of the time of a worker, against that of other routes.
    pub(crate) weight: u32,
    forward_headers: Option<Vec<HeaderName>>,
    /// Whether requests may bring a program.
    is_ad_hoc: bool,
    pub(crate) limits: RouteLimits,
    /// How much each client has asked of it, if that is limited.
    pub(crate) clients: Option<Arc<Clients>>,
    loaded: Loaded,
    instance_config: InstanceConfig,
}

impl Route {
    /// Loads the component.
    ///
    /// # Errors
    ///
    /// If the component cannot be served. The message names the file, the problem and the remedy.
    pub(crate) async fn load(
        engine: &Driven,
        config: &RouteConfig,
        source: &Source,
        metrics: Arc<RouteMetrics>,
    ) -> Result<Self> {
        let memory = config.limits.memory;
        let world = source.needs.world;
        if config.records && world != World::Processor {
            bail!(
                "records = true on route {:?} requires a processor, got {}, a component of the world {world}; remove records",
                config.path,
                config.component.display()
            );
        }
        let body = config.limits.request_body;
        if world == World::Processor && body > memory {
            bail!(
                "request-body = {body} on route {:?} is more than memory = {memory}, and a processor has the whole body in its memory; raise memory or lower request-body",
                config.path
            );
        }
        let isolation = world.isolation(config.isolation);
        let instance_config = InstanceConfig::new(
            metrics.log.clone(),
            &config.limits,
            config.settings.values(),
            config.grants.clone(),
        );
        let loaded = match isolation {
            Isolation::Reuse => source.load(engine, memory)?,
            // A snapshot would bring the secret into the compile cache.
            Isolation::Fresh if config.settings.have_secrets() => source.load(engine, memory)?,
            Isolation::Fresh => load_configured(source, engine, &instance_config)
                .await?
                .map_err(|fault| cannot_start(&config.path, &config.limits, &fault))?,
        };
        Ok(Self {
            path: config.path.clone(),
            metrics,
            world,
            isolation,
            records: config.records,
            server_timing: config.server_timing,
            slots: config.slots,
            weight: config.weight,
            forward_headers: config.forward_headers.clone(),
            is_ad_hoc: config.is_ad_hoc(),
            clients: Clients::new(&config.client, &config.limits),
            limits: config.limits.clone(),
            loaded,
            instance_config,
        })
    }

    /// The component as it was compiled for this route.
    pub(crate) fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// Whether a header field is passed to the guest. The route may list the fields. By default, a
    /// processor gets the one that describes a body, and the program if its requests may bring one,
    /// because each field costs it an allocation or two, and a `wasi:http` component gets all.
    pub(crate) fn forwards(&self, name: &HeaderName) -> bool {
        match &self.forward_headers {
            Some(names) => names.contains(name),
            None if self.world == World::Processor => {
                name == CONTENT_TYPE || (self.is_ad_hoc && name == PROGRAM_HEADER)
            }
            None => true,
        }
    }

    /// Starts the first instance.
    ///
    /// # Errors
    ///
    /// If it cannot be started. The message is for the operator; a backtrace goes to the log.
    pub(crate) async fn start_first(&self, account: &Account) -> Result<Instance> {
        let started = self.start(account).await;
        started.map_err(|fault| cannot_start(&self.path, &self.limits, &fault))
    }

    /// Whether its instances have an arena that outlives a request.
    pub(crate) fn reads_usage(&self) -> bool {
        self.world == World::Processor && self.isolation == Isolation::Reuse
    }

    /// What its components may write to the log.
    pub(crate) fn log(&self) -> &GuestLog {
        &self.instance_config.log
    }

    /// Starts an instance. What it uses is counted in `account`.
    pub(crate) async fn start(&self, account: &Account) -> Result<Instance, Fault> {
        let account = account.clone();
        let mut instance = Instance::start(&self.loaded, &self.instance_config, account).await?;
        if let Some(lines) = instance.take_log() {
            self.log().write(&lines, During::Start);
        }
        Ok(instance)
    }
}

/// Why the first instance of a route cannot be started. The message is for the operator; a backtrace goes to the log.
fn cannot_start(path: &str, limits: &RouteLimits, fault: &Fault) -> anyhow::Error {
    let sentence = match fault {
        Fault::Refused(sentence) => sentence.to_string(),
        Fault::ConfigureTimeout => {
            format!(
                "configure ran for longer than configure-time = {}; raise configure-time",
                limits.configure_time
            )
        }
        Fault::Memory(_) => {
            format!("configure needs more than memory = {}; raise memory", limits.memory)
        }
        Fault::OwnMemory(bytes, _) => format!(
            "configure needs more than the component's own memory of {}; build it with more",
            Size(*bytes)
        ),
        Fault::Trap(_)
        | Fault::Panic { .. }
        | Fault::Stack(_)
        | Fault::Handles(_)
        | Fault::NoResponse
        | Fault::Deadline
        | Fault::RequestTimeout => {
            tracing::error!(route = path, "{fault}");
            "configure trapped; see the log, then fix the component or its settings".to_owned()
        }
    };
    anyhow!("route {path:?} cannot start: {sentence}")
}
