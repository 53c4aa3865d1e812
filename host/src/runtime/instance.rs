//! One instance in its store: starts it, calls it, and limits its time.
//!
//! A call runs on a fiber. At every tick of the engine's clock it yields to other tasks. If it has
//! run longer than its limit, it traps. Only time in the guest counts, not the time in which other
//! tasks run. After any [`Fault`] the instance must not be called again: the caller drops it.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;
use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::Proxy;
use wasmtime_wasi_http::p3::bindings::Service;

use crate::component::guest_text::GuestText;
use crate::config::units::Size;
use crate::runtime::bindings::{ArenaUsage, Processor, Request, Response};
use crate::runtime::core_call::{CoreInstance, CoreState};
use crate::runtime::deadline::{BLOCKING_TICKS, Timer, timed};
use crate::runtime::fault::{Fault, describe, fault};
use crate::runtime::guest_log::During;
use crate::runtime::loaded::{ExportsPre, Loaded};
use crate::runtime::log_buffer::{LogBuffer, LogLines, LogMark, LogPlace};
use crate::runtime::memory::{MemoryLimiter, MemoryStats};
use crate::runtime::phase_names::PhaseNames;
use crate::runtime::share::Share;
use crate::runtime::store::{InstanceConfig, StoreData};
use crate::runtime::wasi_http_call::{self, WasiHttpCall};

/// An instance, ready for a call.
pub(crate) struct Instance {
    store: Store<StoreData>,
    exports: Exports,
    timer: Arc<Timer>,
    /// The time limit of a call, including waits. None for components without imports: they cannot
    /// wait.
    longest: Option<Duration>,
    /// Whether another call would begin. A guest of `wasi:http` 0.3 may ask for backpressure.
    accepts_calls: bool,
    phase_names: PhaseNames,
    /// Where a processor keeps its log, if it has one.
    log: Option<LogBuffer>,
}

/// Where it is counted what an instance uses: for a route, on a worker.
#[derive(Clone, Default)]
pub(crate) struct Account {
    pub(crate) memory: Arc<MemoryStats>,
    /// None where no other guest runs.
    pub(crate) share: Option<Arc<Share>>,
}

/// The log of a new instance.
enum Log {
    None,
    /// Where the guest has told that it is.
    Told(LogPlace),
    /// Where it was in the instance of which a snapshot was made.
    At(LogBuffer),
}

/// The exports of the component's world.
enum Exports {
    Core(CoreInstance),
    Processor(Processor),
    Proxy(Proxy),
    Service(Service),
}

impl Instance {
    /// Instantiates, and configures a processor. What it uses is counted in `account`.
    ///
    /// # Errors
    ///
    /// If the guest refuses its settings or fails on them.
    pub(crate) async fn start(
        loaded: &Loaded,
        config: &InstanceConfig,
        account: Account,
    ) -> Result<Self, Fault> {
        let started = Self::start_in_time(loaded, config, account).await;
        started.map_err(|fault| match fault {
            Fault::Deadline | Fault::RequestTimeout => Fault::ConfigureTimeout,
            other => other,
        })
    }

    async fn start_in_time(
        loaded: &Loaded,
        config: &InstanceConfig,
        account: Account,
    ) -> Result<Self, Fault> {
        let memory = MemoryLimiter::new(config.memory, account.memory);
        let guest = if loaded.has_imports {
            StoreData::with_wasi(memory, config)
        } else {
            StoreData::without_wasi(memory)
        };
        let mut store = guest.store(loaded.engine(), config);
        // A guest cannot pass more bytes in one call than its memory has.
        store.set_hostcall_fuel(config.memory.bytes());
        let timer = Arc::new(Timer::new(loaded.pulse.clone(), account.share, config.may_block));
        timer.attach(&mut store);
        timer.begin(&mut store, config.time);
        let longest = |time| loaded.has_imports.then_some(time);
        let instantiated = {
            let call = pin!(exports(loaded, &mut store, &timer));
            within(longest(config.time), timed(&timer, call)).await?
        };
        let (exports, log) =
            instantiated.map_err(|error| fault(&store.data().memory, &error, None))?;
        store.data_mut().memory.settle();
        let longest = longest(config.call_time);
        let phase_names = config.phase_names.clone();
        let log = match log {
            Log::None => None,
            Log::At(log) => Some(log),
            Log::Told(place) => match LogBuffer::new(place, &store) {
                Ok(log) => Some(log),
                Err(what) => {
                    if config.log.admits_line() {
                        let route = config.log.route();
                        warn!(route, "cannot read the log of the guest: {what}");
                    }
                    None
                }
            },
        };
        let mut instance =
            Self { store, exports, timer, longest, accepts_calls: true, phase_names, log };
        if loaded.is_configured_at_start()
            && let Err(fault) = instance.configure(config).await
        {
            if let Some(lines) = instance.take_log() {
                config.log.write(&lines, During::Start);
            }
            return Err(fault);
        }
        Ok(instance)
    }

    async fn configure(&mut self, config: &InstanceConfig) -> Result<(), Fault> {
        let settings: Vec<_> =
            config.settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        self.timer.arm(&mut self.store);
        let Self { store, exports, timer, .. } = self;
        let result = match exports {
            Exports::Core(core) => {
                timed(timer, pin!(core.configure(store, timer, &settings))).await
            }
            other => {
                let lifecycle = other.processor().arenaria_processor_lifecycle();
                let call = pin!(lifecycle.call_configure(store, &settings));
                within(self.longest.map(|_| config.time), timed(timer, call)).await?
            }
        };
        match result {
            Ok(result) => result.map_err(|text| Fault::Refused(GuestText::new(text))),
            Err(error) => Err(self.fault(&error)),
        }
    }

    /// Lets a processor handle a request.
    ///
    /// # Errors
    ///
    /// If the guest fails: the instance is lost.
    pub(crate) async fn handle(
        &mut self,
        request: Request<'_>,
        time: Duration,
    ) -> Result<Response, Fault> {
        self.begin(time);
        let Self { store, exports, timer, .. } = self;
        // Each call is pinned where it is made: it is large to move.
        let result = match exports {
            Exports::Core(core) => timed(timer, pin!(core.handle(store, timer, request))).await,
            other => {
                let handler = other.processor().arenaria_processor_handler();
                let call = pin!(handler.call_handle(store, request));
                within(self.longest, timed(timer, call)).await?
            }
        };
        result.map_err(|error| self.fault(&error))
    }

    /// Lets a `wasi:http` component handle a request. `guest_time` limits the time in the guest,
    /// `request_time` the time with all waits. The response arrives while the guest still runs;
    /// this returns after the guest.
    ///
    /// # Errors
    ///
    /// If the guest fails: the instance is lost.
    pub(crate) async fn call_wasi_http(
        &mut self,
        call: WasiHttpCall,
        guest_time: Duration,
        request_time: Duration,
    ) -> Result<(), Fault> {
        self.begin(guest_time);
        let reply = call.reply.clone();
        let Self { store, exports, timer, accepts_calls, .. } = self;
        let ended = {
            let call = pin!(async {
                match exports {
                    Exports::Core(_) | Exports::Processor(_) => {
                        unreachable!("a processor is called through handle")
                    }
                    Exports::Proxy(proxy) => wasi_http_call::proxy(store, proxy, call).await,
                    Exports::Service(service) => {
                        *accepts_calls = wasi_http_call::service(store, service, call).await?;
                        Ok(())
                    }
                }
            });
            tokio::time::timeout(request_time, timed(timer, call)).await
        };
        match ended {
            Ok(Ok(())) if !reply.is_open() => Ok(()),
            // A language runtime may handle the exhausted memory as an error of its own, and
            // return.
            Ok(Ok(())) if self.store.data().memory.has_denied() => {
                Err(Fault::Memory(GuestText::new("it returned without a response")))
            }
            Ok(Ok(())) => Err(Fault::NoResponse),
            Ok(Err(error)) => Err(self.fault(&error)),
            Err(_) => Err(Fault::RequestTimeout),
        }
    }

    fn fault(&self, error: &wasmtime::Error) -> Fault {
        if self.timer.has_blocked_too_long() {
            return Fault::Trap(GuestText::new(format_args!(
                "what allocates or frees in it ran for longer than {BLOCKING_TICKS} ms: {}",
                describe(error)
            )));
        }
        let panic = self.log.as_ref().and_then(|log| log.panic(&self.store));
        fault(&self.store.data().memory, error, panic)
    }

    /// The lines that a processor has logged since the last call of this, or since its start. Usually there are none.
    /// The guest is not called, so it may have trapped.
    #[inline]
    pub(crate) fn take_log(&mut self) -> Option<LogLines> {
        self.log.as_mut()?.take(&self.store)
    }

    fn begin(&mut self, time: Duration) {
        self.timer.begin(&mut self.store, time);
        self.store.data_mut().memory.begin();
    }

    /// Reads the usage of a processor's arena. `time` includes waits.
    ///
    /// # Errors
    ///
    /// If the guest fails: the instance is lost.
    pub(crate) async fn usage(&mut self, time: Duration) -> Result<ArenaUsage, Fault> {
        self.begin(time);
        let Self { store, exports, timer, .. } = self;
        let result = match exports {
            Exports::Core(core) => timed(timer, pin!(core.usage(store, timer))).await,
            other => {
                let memory = other.processor().arenaria_processor_memory();
                let call = pin!(memory.call_usage(store));
                within(self.longest.map(|_| time), timed(timer, call)).await?
            }
        };
        result.map(|usage| self.phase_names.limit(usage)).map_err(|error| self.fault(&error))
    }

    /// What a snapshot is made of, if this is a core module: its memory and globals, and where its log is.
    pub(crate) fn state(&mut self) -> Option<(CoreState<'_>, Option<LogMark>)> {
        let log = self.log.as_ref().and_then(LogBuffer::mark);
        match &self.exports {
            Exports::Core(core) => Some((core.state(&mut self.store), log)),
            Exports::Processor(_) | Exports::Proxy(_) | Exports::Service(_) => None,
        }
    }

    /// Whether another call would begin. If not, it would wait until its time is over.
    pub(crate) fn accepts_calls(&self) -> bool {
        self.accepts_calls
    }

    /// Whether the instance has grown since its start, and has more memory than this.
    pub(crate) fn has_grown_past(&self, mark: Size) -> bool {
        self.store.data().memory.has_grown_past(mark)
    }

    /// Bytes of its linear memories.
    pub(crate) fn linear_memory(&self) -> u64 {
        self.store.data().memory.linear()
    }

    /// How many handles to host resources the guest holds.
    pub(crate) fn handles(&mut self) -> usize {
        self.store.data_mut().handles()
    }
}

impl Exports {
    fn processor(&self) -> &Processor {
        match self {
            Self::Processor(processor) => processor,
            Self::Core(_) | Self::Proxy(_) | Self::Service(_) => {
                unreachable!("a route calls only what its world exports")
            }
        }
    }
}

/// Runs a call until it ends or its time is used up.
async fn within<F: Future>(longest: Option<Duration>, call: F) -> Result<F::Output, Fault> {
    match longest {
        None => Ok(call.await),
        Some(time) => tokio::time::timeout(time, call).await.map_err(|_| Fault::RequestTimeout),
    }
}

/// Instantiates, and asks a processor where it keeps its log.
async fn exports(
    loaded: &Loaded,
    store: &mut Store<StoreData>,
    timer: &Timer,
) -> wasmtime::Result<(Exports, Log)> {
    let exports = match &loaded.exports {
        ExportsPre::Core(pre) => {
            let core = pre.instantiate(store).await?;
            let log = match core.log_buffer(store, timer).await? {
                Some(bytes) => Log::Told(LogPlace::Bytes(bytes)),
                None => Log::None,
            };
            return Ok((Exports::Core(core), log));
        }
        ExportsPre::Configured(pre, log) => {
            let core = pre.instantiate(store).await?;
            let log = log.map_or(Log::None, |mark| {
                let (start, length) = mark.place;
                Log::At(LogBuffer::resume(mark, core.bytes(start, length)))
            });
            return Ok((Exports::Core(core), log));
        }
        ExportsPre::Processor(exports) => {
            let instance = exports.pre.instantiate_async(&mut *store).await?;
            let processor = exports.indices.load(&mut *store, &instance)?;
            let log = match &exports.log {
                None => Log::None,
                Some(export) => {
                    let function = LogBuffer::function(export, &instance, store)?;
                    Log::Told(LogPlace::List(function.call_async(store, ()).await?.0))
                }
            };
            return Ok((Exports::Processor(processor), log));
        }
        ExportsPre::Proxy(pre) => Exports::Proxy(pre.instantiate_async(store).await?),
        ExportsPre::Service(pre) => Exports::Service(pre.instantiate_async(store).await?),
    };
    Ok((exports, Log::None))
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").finish_non_exhaustive()
    }
}
