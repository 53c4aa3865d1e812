//! The clock that interrupts guests: a thread that advances the epoch of every engine. A guest that blocks a worker
//! cannot block it, because it is not a task of a runtime.
//!
//! It sleeps while no guest runs. A call that begins says so, and wakes the clock if it sleeps; that costs a call a
//! look at one flag. A guest that runs says so at each tick. A guest may run for long between two looks at the clock, or
//! not be run at all by the system, and the clock falls asleep beside it. So it ticks once a second in its sleep.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// How often a running guest yields to other tasks, and how precise its deadline is.
const TICK: Duration = Duration::from_millis(1);
/// After so many ticks without a guest, the clock sleeps.
const IDLE_TICKS: u32 = 100;
/// A guest that the clock has missed waits so long for its next tick.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// The thread, which ends with this.
pub(crate) struct Clock {
    /// An engine ends with its last component.
    engines: Arc<Mutex<Vec<EngineWeak>>>,
    pulse: Pulse,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// An engine with its clock.
#[derive(Clone, Debug)]
pub(crate) struct Driven {
    pub(crate) engine: Engine,
    pub(crate) pulse: Pulse,
}

/// Tells a clock that a guest runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pulse(Arc<Flags>);

/// On a cache line of their own: each call reads the first.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Flags {
    /// Whether a guest has run since the last tick.
    has_run: AtomicBool,
    ticks: AtomicU64,
    sleeps: AtomicBool,
    thread: Mutex<Option<Thread>>,
}

impl Clock {
    /// Starts the clock.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub(crate) fn start() -> std::io::Result<Self> {
        let (stop, pulse) = (Arc::new(AtomicBool::new(false)), Pulse::default());
        let engines = Arc::<Mutex<Vec<EngineWeak>>>::default();
        let (driven, stopped, beat) = (Arc::clone(&engines), Arc::clone(&stop), pulse.clone());
        let thread = std::thread::Builder::new().name("clock".into()).spawn(move || {
            let mut idle = 0;
            let tick = || {
                // No code here panics while it holds the lock.
                let mut engines = driven.lock().unwrap_or_else(PoisonError::into_inner);
                engines.retain(|engine| {
                    engine.upgrade().inspect(|engine| engine.increment_epoch()).is_some()
                });
            };
            while !stopped.load(Ordering::SeqCst) {
                std::thread::sleep(TICK);
                beat.0.ticks.fetch_add(1, Ordering::Relaxed);
                tick();
                idle = if beat.take() { 0 } else { idle + 1 };
                if idle >= IDLE_TICKS {
                    beat.sleep(&stopped, tick);
                    idle = 0;
                }
            }
        })?;
        pulse.wakes(thread.thread().clone());
        Ok(Self { engines, pulse, stop, thread: Some(thread) })
    }

    /// Advances the epoch of this engine too, for as long as it lives.
    pub(crate) fn drive(&self, engine: Engine) -> Driven {
        self.engines.lock().unwrap_or_else(PoisonError::into_inner).push(engine.weak());
        Driven { engine, pulse: self.pulse.clone() }
    }
}

impl Driven {
    /// An engine of which no guest runs, so it needs no clock.
    pub(crate) fn without_clock(engine: Engine) -> Self {
        Self { engine, pulse: Pulse::default() }
    }
}

impl Pulse {
    /// A guest runs.
    #[inline]
    pub(crate) fn beat(&self) {
        // Mostly it is known already. Then nothing is written, so that workers do not wait for each other.
        if !self.0.has_run.load(Ordering::SeqCst) {
            self.begin();
        }
    }

    /// How many ticks there were.
    #[inline]
    pub(crate) fn ticks(&self) -> u64 {
        self.0.ticks.load(Ordering::Relaxed)
    }

    #[cold]
    fn begin(&self) {
        self.0.has_run.store(true, Ordering::SeqCst);
        // The clock says first that it sleeps, and then looks whether a guest has run. So one of the two sees the other.
        if self.0.sleeps.load(Ordering::SeqCst)
            && let Some(thread) = &*self.thread()
        {
            thread.unpark();
        }
    }

    /// Whether a guest has run since the last call.
    fn take(&self) -> bool {
        self.0.has_run.swap(false, Ordering::SeqCst)
    }

    /// Sleeps until a guest runs, or the clock is stopped. Calls the function each time that it has slept for long.
    fn sleep(&self, stopped: &AtomicBool, asleep: impl Fn()) {
        self.0.sleeps.store(true, Ordering::SeqCst);
        while !self.0.has_run.load(Ordering::SeqCst) && !stopped.load(Ordering::SeqCst) {
            std::thread::park_timeout(SLEEP_MAX);
            asleep();
        }
        self.0.sleeps.store(false, Ordering::SeqCst);
    }

    fn wakes(&self, thread: Thread) {
        *self.thread() = Some(thread);
    }

    fn thread(&self) -> std::sync::MutexGuard<'_, Option<Thread>> {
        self.0.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // This fails only if the thread panicked, and sleeping and counting do not panic.
            let _ = thread.join();
        }
    }
}
