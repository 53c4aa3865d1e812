//! arenaria as a library: runs a processor in your own program, without the server.
//!
//! A [`Processor`] is a loaded component and its instances. Each instance has a memory of fixed
//! size and a time limit, as in the server. A processor can be shared among tasks: a request takes
//! an idle instance, starts one, or waits.
//!
//! ```
//! use std::time::Duration;
//!
//! use arenaria::embed::{Options, Processor, Request};
//!
//! # let components = std::env::var("ARENARIA_COMPONENTS").unwrap_or("../target/components".into());
//! # let file = format!("{components}/transform.wasm");
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let options = Options::new(16 << 20, Duration::from_secs(1)).setting("program", ".name");
//! let processor = Processor::load(file, options).await?;
//!
//! let request = Request::post("/", br#"{"name":"sand"}"#);
//! let response = processor.handle(request).await?;
//! assert_eq!((response.status, response.body.as_slice()), (200, &b"\"sand\"\n"[..]));
//!
//! // All memory of the request is free again.
//! assert_eq!(processor.arena_usages().await?[0].in_use, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Requests and responses are not checked against the rules of HTTP. An instance is replaced only
//! after a fault, or if it asks for it. The server does more.
//!
//! What a processor writes with `log!` of the SDK becomes events of `tracing` with the target
//! `guest`. The text of a panic is in [`Fault::Panic`].

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;

pub use crate::component::guest_text::GuestText;
pub use crate::runtime::bindings::{ArenaUsage, Response};
pub use crate::runtime::fault::Fault;

use crate::component::world::World;
use crate::config::grants::Grants;
use crate::config::isolation::Cache;
use crate::config::limits::{RouteLimitSettings, RouteLimits};
use crate::config::units::{Size, Timeout};
use crate::runtime::bindings;
use crate::runtime::bindings::nanoseconds;
use crate::runtime::clock::Clock;
use crate::runtime::engine::{engine, open_cache};
use crate::runtime::guest_log::{During, GuestLog};
use crate::runtime::instance::{Account, Instance};
use crate::runtime::load::Source;
use crate::runtime::loaded::Loaded;
use crate::runtime::store::InstanceConfig;

/// How to run a processor.
#[derive(Clone, Debug)]
pub struct Options {
    memory: Size,
    guest_time: Duration,
    configure_time: Option<Duration>,
    instances: u32,
    settings: Vec<(String, String)>,
    cache: Cache,
    may_block: bool,
}

/// One HTTP request, whole.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method: `GET`, `POST`, …
    pub method: &'a str,
    /// The path and, if there is one, `?` and the query, percent-encoded.
    pub path_with_query: &'a str,
    /// Header fields, names in lower case. The guest sees no others.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body, whole. Empty if there is none.
    pub body: &'a [u8],
    /// The time at which the request arrived. The guest has no other clock.
    pub received_at: SystemTime,
}

/// A component that processes requests, and its instances.
///
/// A thread measures the time of the guests until this is dropped.
pub struct Processor {
    loaded: Loaded,
    instance_config: InstanceConfig,
    guest_time: Duration,
    instances: u32,
    /// As many permits as instances that are not in a call, including those not started yet.
    permits: Semaphore,
    idle: Mutex<Vec<Instance>>,
    _clock: Clock,
}

/// Why a component cannot be used. The message names the problem and the remedy.
#[derive(Debug)]
pub struct LoadError(String);

impl Options {
    /// The two limits without a default. `memory` is the size of an instance's memory in bytes, a
    /// multiple of 64 KiB. `guest_time` is how long a request may run in the guest.
    #[must_use]
    pub fn new(memory: u64, guest_time: Duration) -> Self {
        Self {
            memory: Size(memory),
            guest_time,
            configure_time: None,
            instances: 1,
            settings: Vec::new(),
            cache: Cache::Off,
            may_block: false,
        }
    }

    /// Adds a setting, which is passed to `configure`. A later setting with the same name does not
    /// replace it.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// The maximum number of instances, and so of concurrent requests. The default is 1. Address
    /// space is reserved for all of them. Only instances that were started use memory.
    #[must_use]
    pub fn instances(mut self, instances: u32) -> Self {
        self.instances = instances;
        self
    }

    /// How long an instance may take to start. The default is that of the server.
    #[must_use]
    pub fn configure_time(mut self, configure_time: Duration) -> Self {
        self.configure_time = Some(configure_time);
        self
    }

    /// Lets short calls of the guest, which allocate and free what a request passes, run on the stack of the calling
    /// thread. This is faster, and the server does so. The thread needs 2 MiB of stack, as Rust's own threads have, or a
    /// hostile guest can end the process; and it can stop the thread for some milliseconds.
    #[must_use]
    pub fn may_block(mut self, may_block: bool) -> Self {
        self.may_block = may_block;
        self
    }

    /// Keeps compiled components in this directory. No other user may be able to write to it,
    /// because its content is executed. Without a cache, each load compiles the component.
    #[must_use]
    pub fn cache(mut self, directory: impl Into<PathBuf>) -> Self {
        self.cache = Cache::Directory(directory.into());
        self
    }

    /// The limits in the form that the server uses, checked.
    fn limits(&self) -> Result<RouteLimits, LoadError> {
        let typed = RouteLimitSettings {
            memory: Some(self.memory),
            guest_time: Some(Timeout(self.guest_time)),
            configure_time: self.configure_time.map(Timeout),
            ..RouteLimitSettings::default()
        };
        if self.instances == 0 {
            return Err(LoadError("expected at least 1 instance, got instances = 0".into()));
        }
        let limits = typed.resolve(self.instances as usize);
        limits.check().map_err(LoadError)?;
        Ok(limits)
    }
}

impl<'a> Request<'a> {
    /// A `POST` without header fields that arrived now.
    #[must_use]
    pub fn post(path_with_query: &'a str, body: &'a [u8]) -> Self {
        let received_at = SystemTime::now();
        Self { method: "POST", path_with_query, headers: &[], body, received_at }
    }

    fn lower(self) -> bindings::Request<'a> {
        let Self { method, path_with_query, headers, body, received_at } = self;
        let received_at = nanoseconds(received_at);
        bindings::Request { method, path_with_query, headers, body, received_at }
    }
}

impl Processor {
    /// Loads a component and starts its first instance. Compiling blocks the thread for some
    /// seconds, unless the component is in the [cache](Options::cache).
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is not a processor or does not fit into the memory, or if the
    /// processor rejects its settings or fails in `configure`.
    pub async fn load(file: impl AsRef<Path>, options: Options) -> Result<Self, LoadError> {
        let (file, limits) = (file.as_ref(), options.limits()?);
        let refused = |error: anyhow::Error| LoadError(format!("{error:#}"));
        let source = Source::read(file, limits.memory, &Grants::default()).map_err(refused)?;
        if source.needs.world != World::Processor {
            let (name, world) = (file.display(), source.needs.world);
            let remedy =
                "only a processor can be embedded; use `arenaria serve` for this component";
            return Err(LoadError(format!("{name} is of the world {world}: {remedy}")));
        }
        if !source.needs.imports.is_empty() {
            let (name, imports) = (file.display(), source.needs.imports.join(", "));
            let remedy = "only a processor without imports can be embedded";
            return Err(LoadError(format!("{name} imports {imports}: {remedy}")));
        }
        let pool = source.pool(options.instances, limits.memory);
        let cache = open_cache(&options.cache).map_err(refused)?;
        let engine = engine(source.engine_kind(), pool, cache).map_err(refused)?;
        let clock = Clock::start()
            .map_err(|error| LoadError(format!("cannot start the clock: {error}")))?;
        let engine = clock.drive(engine);
        let instance_config = InstanceConfig::new(
            GuestLog::new("", limits.log_lines),
            &limits,
            options.settings,
            Grants::default(),
        );
        let processor = Self {
            loaded: source.load(&engine, limits.memory).map_err(refused)?,
            instance_config: InstanceConfig { may_block: options.may_block, ..instance_config },
            guest_time: limits.guest_time.0,
            instances: options.instances,
            permits: Semaphore::new(options.instances as usize),
            idle: Mutex::default(),
            _clock: clock,
        };
        let first = processor.start().await;
        let first = first.map_err(|fault| LoadError(format!("{}: {fault}", file.display())))?;
        processor.idle().push(first);
        Ok(processor)
    }

    /// Processes a request as soon as an instance is free.
    ///
    /// Dropping the future while the guest runs discards the instance.
    ///
    /// # Errors
    ///
    /// If the guest runs too long, exhausts its memory or stack, or traps. Its instance is dropped,
    /// and a later request starts a new one. Also if a new instance is needed and cannot be started.
    pub async fn handle(&self, request: Request<'_>) -> Result<Response, Fault> {
        // Dropped last, so that an instance is dropped before another one takes its place.
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        let idle = self.idle().pop();
        let mut instance = match idle {
            Some(instance) => instance,
            None => self.start().await?,
        };
        let Request { method, path_with_query, .. } = request;
        let response = instance.handle(request.lower(), self.guest_time).await;
        if let Some(lines) = instance.take_log() {
            let during = During::Request { slot: None, method, path_with_query, ids: None };
            self.instance_config.log.write(&lines, during);
        }
        let response = response?;
        self.idle().push(instance);
        Ok(response)
    }

    /// Reads the arena usage of each instance, after all running requests. An instance that asks
    /// for its replacement is dropped after the reading.
    ///
    /// # Errors
    ///
    /// If a guest fails during the reading. Its instance is dropped.
    pub async fn arena_usages(&self) -> Result<Vec<ArenaUsage>, Fault> {
        let _permits =
            self.permits.acquire_many(self.instances).await.expect("the semaphore is never closed");
        let instances = std::mem::take(&mut *self.idle());
        let mut usages = Vec::with_capacity(instances.len());
        for mut instance in instances {
            let usage = instance.usage(self.guest_time).await?;
            if !usage.retire {
                self.idle().push(instance);
            }
            usages.push(usage);
        }
        Ok(usages)
    }

    async fn start(&self) -> Result<Instance, Fault> {
        let config = &self.instance_config;
        let mut instance = Instance::start(&self.loaded, config, Account::default()).await?;
        if let Some(lines) = instance.take_log() {
            config.log.write(&lines, During::Start);
        }
        Ok(instance)
    }

    /// Never held across an `await`. Nothing panics while it is held.
    fn idle(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Processor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processor").field("instances", &self.instances).finish_non_exhaustive()
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LoadError {}

impl std::error::Error for Fault {}
