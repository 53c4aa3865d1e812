//! arenaria as a library: a processor in a program of your own, without the server.
//!
//! A [`Processor`] is a component that was loaded once and its instances, each in a memory of fixed size
//! and under a deadline, as in the server. Share it among tasks as you like: a request takes an idle
//! instance, starts one, or waits.
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
//! // All that the request allocated is free again.
//! assert_eq!(processor.readings().await?[0].in_use, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What this deliberately does not do: it checks neither what goes in nor what comes out as HTTP, and it
//! replaces an instance only when it is lost or wishes so. That is the server's.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;

pub use crate::runtime::bindings::{Reading, Response};
pub use crate::runtime::fault::Fault;

use crate::component::world::World;
use crate::config::grants::Grants;
use crate::config::isolation::Cache;
use crate::config::limits::{RouteLimitSettings, RouteLimits};
use crate::config::units::{Size, Timeout};
use crate::runtime::bindings;
use crate::runtime::bindings::nanoseconds;
use crate::runtime::engine::{Clock, engine, open_cache};
use crate::runtime::instance::Instance;
use crate::runtime::load::{Loaded, Source};
use crate::runtime::store::InstanceConfig;

/// How a processor is run.
#[derive(Clone, Debug)]
pub struct Options {
    memory: Size,
    guest_time: Duration,
    configure_time: Option<Duration>,
    instances: u32,
    settings: Vec<(String, String)>,
    cache: Cache,
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
    /// The only clock that the guest has.
    pub received_at: SystemTime,
}

/// A component that processes requests, and its instances.
///
/// A thread keeps the time of the guests for as long as this lives.
pub struct Processor {
    loaded: Loaded,
    instance_config: InstanceConfig,
    guest_time: Duration,
    instances: u32,
    /// As many permits as instances that may live and are in no call.
    permits: Semaphore,
    idle: Mutex<Vec<Instance>>,
    _clock: Clock,
}

/// Why a component cannot be used: a sentence that names what is wrong and the remedy.
#[derive(Debug)]
pub struct LoadError(String);

impl Options {
    /// The two limits that nobody can choose for you: the bytes of an instance's memory, a multiple of
    /// 64 KiB, all of them from the start; and the longest that a request may run in the guest.
    #[must_use]
    pub fn new(memory: u64, guest_time: Duration) -> Self {
        Self {
            memory: Size(memory),
            guest_time,
            configure_time: None,
            instances: 1,
            settings: Vec::new(),
            cache: Cache::Off,
        }
    }

    /// Adds a setting: what `configure` is given. A later one of the same name does not replace it.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// How many instances there may be at once, and so how many requests run at once: 1 unless this is
    /// called. Address space is reserved for all of them, memory is used by those that were needed.
    #[must_use]
    pub fn instances(mut self, instances: u32) -> Self {
        self.instances = instances;
        self
    }

    /// The longest that an instance may take to start: as for the server unless this is called.
    #[must_use]
    pub fn configure_time(mut self, configure_time: Duration) -> Self {
        self.configure_time = Some(configure_time);
        self
    }

    /// Keeps compiled components in that directory, which nobody else may write to: what is found there
    /// is run. Without it, each load compiles.
    #[must_use]
    pub fn cache(mut self, directory: impl Into<PathBuf>) -> Self {
        self.cache = Cache::Directory(directory.into());
        self
    }

    /// The limits as the server has them, checked.
    fn limits(&self) -> Result<RouteLimits, LoadError> {
        let typed = RouteLimitSettings {
            memory: Some(self.memory),
            guest_time: Some(Timeout(self.guest_time)),
            configure_time: self.configure_time.map(Timeout),
            ..RouteLimitSettings::default()
        };
        if self.instances == 0 {
            return Err(LoadError("instances = 0 would serve nothing; choose at least 1".into()));
        }
        let limits = typed.resolve(self.instances as usize);
        limits.check().map_err(LoadError)?;
        Ok(limits)
    }
}

impl<'a> Request<'a> {
    /// A `POST` without header fields, received now.
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
    /// Loads a component and starts its first instance. This compiles, which holds the thread for some
    /// seconds unless the [cache](Options::cache) has it.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is no processor or does not fit into the memory, or if the processor
    /// refuses its settings or fails on them.
    pub async fn load(file: impl AsRef<Path>, options: Options) -> Result<Self, LoadError> {
        let (file, limits) = (file.as_ref(), options.limits()?);
        let refused = |error: anyhow::Error| LoadError(format!("{error:#}"));
        let source = Source::read(file, limits.memory, &Grants::default()).map_err(refused)?;
        if source.world != World::Processor {
            let (name, world) = (file.display(), source.world);
            let remedy = "only a processor can be embedded; run `arenaria serve` for it";
            return Err(LoadError(format!("{name} is of the world {world}: {remedy}")));
        }
        if !source.info.imports.is_empty() {
            let (name, imports) = (file.display(), source.info.imports.join(", "));
            let remedy = "only a processor without imports can be embedded";
            return Err(LoadError(format!("{name} imports {imports}: {remedy}")));
        }
        let pool = source.pool(options.instances, limits.memory);
        let cache = open_cache(&options.cache).map_err(refused)?;
        let engine = engine(source.engine_kind(), pool, cache).map_err(refused)?;
        let clock = Clock::start(std::slice::from_ref(&engine))
            .map_err(|error| LoadError(format!("cannot start the clock: {error}")))?;
        let processor = Self {
            loaded: source.load(&engine, limits.memory).map_err(refused)?,
            instance_config: InstanceConfig {
                settings: options.settings,
                time: limits.configure_time.0,
                call_time: limits.request_time.0,
                outgoing_requests: 0,
                memory: limits.memory,
                grants: Grants::default(),
            },
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

    /// Has a request processed, as soon as an instance is free.
    ///
    /// Dropping the future while the guest runs costs the instance, nothing else.
    ///
    /// # Errors
    ///
    /// If the guest runs for too long, exhausts its memory or stack, or traps. Its instance is gone, and
    /// the next request has another one; so is the fault if no other instance can be started.
    pub async fn handle(&self, request: Request<'_>) -> Result<Response, Fault> {
        // Dropped last: an instance is gone before another one may take its place.
        let _permit = self.permits.acquire().await.expect("it is never closed");
        let idle = self.idle().pop();
        let mut instance = match idle {
            Some(instance) => instance,
            None => self.start().await?,
        };
        let response = instance.handle(request.lower(), self.guest_time).await?;
        self.idle().push(instance);
        Ok(response)
    }

    /// Reads the arena of each instance once no request runs. An instance that asks to be replaced is
    /// dropped; its reading is the last one.
    ///
    /// # Errors
    ///
    /// If a guest fails even at that: its instance is gone.
    pub async fn readings(&self) -> Result<Vec<Reading>, Fault> {
        let _permits = self.permits.acquire_many(self.instances).await.expect("it is never closed");
        let instances = std::mem::take(&mut *self.idle());
        let mut readings = Vec::with_capacity(instances.len());
        for mut instance in instances {
            let reading = instance.usage(self.guest_time).await?;
            if !reading.retire {
                self.idle().push(instance);
            }
            readings.push(reading);
        }
        Ok(readings)
    }

    async fn start(&self) -> Result<Instance, Fault> {
        Instance::start(&self.loaded, &self.instance_config, Arc::default()).await
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
