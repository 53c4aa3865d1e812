//! One instance in its store: started, called, and timed while it runs.
//!
//! A call runs on a fiber. At every tick of the engine's clock it lets others pass; once it has run
//! for longer than its limit, it traps. Only time in the guest counts, not time spent waiting while
//! others run. After any [`Fault`] the instance must not be called again: the caller drops it.

use std::collections::BTreeSet;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Moment};

use wasmtime::{ResourceLimiter, Store, Trap, UpdateDeadline, WasmBacktrace};

use crate::bindings::{Processor, ProcessorPre, Reading, Request, Response};
use crate::component::one_line;
use crate::units::Size;

/// An instance, ready for a call.
pub struct Instance {
    store: Store<Guest>,
    exports: Processor,
    timer: Arc<Timer>,
}

/// What a store knows of its guest.
pub struct Guest {
    box_: MemoryBox,
}

/// How an instance is started.
#[derive(Clone, Debug)]
pub struct Start {
    /// What `configure` is given.
    pub settings: Vec<(String, String)>,
    /// How long it may take.
    pub time: Duration,
    /// All the memory that the instance may have.
    pub memory: Size,
}

/// The linear memory of all the instances that were started with it.
///
/// Atomic because a store's data must be `Send`: no two workers share one, hence also a cache line
/// of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct MemoryMeter {
    bytes: AtomicU64,
    grows: AtomicU64,
}

impl MemoryMeter {
    /// Bytes of the instances that live.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How often a `memory.grow` gave an instance more memory, since the meter was made.
    #[must_use]
    pub fn grows(&self) -> u64 {
        self.grows.load(Ordering::Relaxed)
    }
}

/// Why a call gave no answer. The instance is lost.
#[derive(Debug)]
pub enum Fault {
    /// The guest trapped.
    Trap(String),
    /// The guest's stack is exhausted.
    Stack(String),
    /// The guest's memory is exhausted.
    Memory(String),
    /// The guest ran for longer than its limit.
    Deadline,
    /// `configure` refused the settings, with a sentence for the operator.
    Refused(String),
}

impl Instance {
    /// Instantiates and configures. The instance's memory shows on `meter` for as long as it lives.
    ///
    /// # Errors
    ///
    /// If the guest refuses its settings or fails on them.
    pub async fn start(
        pre: &ProcessorPre<Guest>,
        start: &Start,
        meter: Arc<MemoryMeter>,
    ) -> Result<Self, Fault> {
        let timer = Arc::new(Timer::new());
        let guest = Guest { box_: MemoryBox::new(start.memory, meter) };
        let mut store = Store::new(pre.engine(), guest);
        store.limiter(|guest| &mut guest.box_);
        // What a guest hands over at once is at most what it has.
        store.set_hostcall_fuel(start.memory.bytes());
        let deadline = Arc::clone(&timer);
        store.epoch_deadline_callback(move |_| {
            if deadline.tick() {
                return Ok(UpdateDeadline::Interrupt);
            }
            // Unlike a wake-up, this lets the runtime look at its sockets before the guest goes on.
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        store.set_epoch_deadline(1);
        timer.begin(start.time);
        let instantiated = timed(&timer, pin!(pre.instantiate_async(&mut store))).await;
        let exports = instantiated.map_err(|error| fault(&store, &error))?;
        let mut instance = Self { store, exports, timer };
        instance.configure(start).await?;
        Ok(instance)
    }

    async fn configure(&mut self, start: &Start) -> Result<(), Fault> {
        let settings: Vec<_> =
            start.settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        self.store.set_epoch_deadline(1);
        let call =
            self.exports.arenaria_processor_lifecycle().call_configure(&mut self.store, &settings);
        let answer = timed(&self.timer, pin!(call)).await;
        match answer {
            Ok(answer) => answer.map_err(Fault::Refused),
            Err(error) => Err(fault(&self.store, &error)),
        }
    }

    /// Has a request processed.
    ///
    /// # Errors
    ///
    /// If the guest fails: the instance is lost.
    pub async fn handle(
        &mut self,
        request: Request<'_>,
        time: Duration,
    ) -> Result<Response, Fault> {
        self.begin(time);
        let call = self.exports.arenaria_processor_handler().call_handle(&mut self.store, request);
        let answer = timed(&self.timer, pin!(call)).await;
        answer.map_err(|error| fault(&self.store, &error))
    }

    fn begin(&mut self, time: Duration) {
        self.timer.begin(time);
        self.store.set_epoch_deadline(1);
        self.store.data_mut().box_.denied = false;
    }

    /// Reads the guest's arena.
    ///
    /// # Errors
    ///
    /// If the guest fails: the instance is lost.
    pub async fn usage(&mut self, time: Duration) -> Result<Reading, Fault> {
        self.begin(time);
        let call = self.exports.arenaria_processor_memory().call_usage(&mut self.store);
        let answer = timed(&self.timer, pin!(call)).await;
        answer.map(presentable).map_err(|error| fault(&self.store, &error))
    }
}

/// What a guest says of itself is for the operator: in numbers and names that can be shown.
fn presentable(mut reading: Reading) -> Reading {
    const PHASES_MAX: usize = 16;
    const NAME_BYTES_MAX: usize = 64;
    let mut names = BTreeSet::new();
    reading
        .phases
        .retain(|phase| phase.name.len() <= NAME_BYTES_MAX && names.insert(phase.name.clone()));
    reading.phases.truncate(PHASES_MAX);
    reading
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").finish_non_exhaustive()
    }
}

/// What happened, from wasmtime's error and what the store saw.
fn fault(store: &Store<Guest>, error: &wasmtime::Error) -> Fault {
    let text = one_line(error);
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => Fault::Deadline,
        Some(Trap::StackOverflow) => Fault::Stack(text),
        Some(Trap::MemoryOutOfBounds) if is_below_the_stack(&text) => Fault::Stack(text),
        _ if store.data().box_.denied || ended_in_exhaustion(error) => Fault::Memory(text),
        _ => Fault::Trap(text),
    }
}

/// Whether a guest trapped below address 0, where its stack in linear memory ends: addresses wrap, so
/// it is far above any memory of ours. Wasmtime says the address only in words.
fn is_below_the_stack(text: &str) -> bool {
    const FAULT: &str = "memory fault at wasm address 0x";
    const LOWEST: u64 = (4 << 30) - (16 << 20);
    let address = text.split_once(FAULT).and_then(|(_, rest)| rest.split_once(' '));
    address
        .is_some_and(|(hex, _)| u64::from_str_radix(hex, 16).is_ok_and(|address| address >= LOWEST))
}

/// Whether a guest trapped because an allocation failed. Rust tells nobody but by the functions it
/// ends in, which the name section of the module keeps; phase-arena's own is `arena_exhausted`.
fn ended_in_exhaustion(error: &wasmtime::Error) -> bool {
    const LAST_WORDS: [&str; 4] =
        ["arena_exhausted", "handle_alloc_error", "rust_alloc_error_handler", "rust_oom"];
    let frames = error.downcast_ref::<WasmBacktrace>().map_or(&[][..], WasmBacktrace::frames);
    frames
        .iter()
        .filter_map(|frame| frame.func_name())
        .any(|name| LAST_WORDS.iter().any(|words| name.contains(words)))
}

impl Fault {
    /// The reason under which the instance's retirement is counted.
    pub(crate) fn reason(&self) -> crate::metrics::Reason {
        use crate::metrics::Reason;
        match self {
            Self::Trap(_) | Self::Stack(_) => Reason::Trap,
            Self::Memory(_) => Reason::Memory,
            Self::Deadline => Reason::Deadline,
            Self::Refused(_) => Reason::Failed,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trap(what) => write!(f, "the guest trapped: {what}"),
            Self::Stack(what) => write!(f, "the guest's stack is exhausted: {what}"),
            Self::Memory(what) => write!(f, "the guest's memory is exhausted: {what}"),
            Self::Deadline => f.write_str("the guest ran for too long"),
            Self::Refused(sentence) => f.write_str(sentence),
        }
    }
}

/// The bound on everything that one instance can make the host allocate for it, and who counts it.
struct MemoryBox {
    /// Bytes of all memories together.
    limit: usize,
    used: usize,
    /// Whether the guest has asked for more than it may have, in this call.
    denied: bool,
    /// Whether the instance has its memory.
    created: bool,
    /// The bytes that were allowed last, for when the system does not have them.
    allowed: usize,
    meter: Arc<MemoryMeter>,
}

/// Entries of a table; a processor's holds the functions that it calls indirectly.
const TABLE_ENTRIES_MAX: usize = 20_000;

impl MemoryBox {
    fn new(limit: Size, meter: Arc<MemoryMeter>) -> Self {
        let limit = limit.bytes();
        Self { limit, used: 0, denied: false, created: false, allowed: 0, meter }
    }
}

impl ResourceLimiter for MemoryBox {
    /// A component has one memory (see `contract`): wasmtime asks first for what it begins with,
    /// which may be nothing, and then for each `memory.grow`.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        self.denied |= used > self.limit;
        // Past the memory's own maximum wasmtime would refuse only what is allowed and counted here.
        if used > self.limit || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.allowed = used - self.used;
        self.used = used;
        self.meter.bytes.fetch_add(self.allowed as u64, Ordering::Relaxed);
        if std::mem::replace(&mut self.created, true) {
            self.meter.grows.fetch_add(1, Ordering::Relaxed);
        }
        Ok(true)
    }

    /// Only the system still fails what was allowed. A size beyond all addresses comes here too, but
    /// was never asked for above, and its error is another.
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        if error.is::<io::Error>() {
            self.used -= self.allowed;
            self.meter.bytes.fetch_sub(self.allowed as u64, Ordering::Relaxed);
            self.meter.grows.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ENTRIES_MAX)
    }
}

impl Drop for MemoryBox {
    fn drop(&mut self) {
        self.meter.bytes.fetch_sub(self.used as u64, Ordering::Relaxed);
    }
}

/// Adds up the time that a call spends in the guest. Shared with the store's deadline callback,
/// which must be `Sync`, though only one thread ever uses it: hence atomics, all relaxed.
///
/// Most calls end before the clock's first tick, and cost no look at any clock: a call's time counts
/// from the first tick that it meets, and each time it goes on from then.
struct Timer {
    origin: Moment,
    /// When the guest last went on, nanoseconds since `origin`; 0 before the first tick.
    resumed: AtomicU64,
    /// What it had used by then, nanoseconds.
    spent: AtomicU64,
    /// What it may use, nanoseconds.
    limit: AtomicU64,
}

impl Timer {
    fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self { origin: Moment::now(), resumed: zero(), spent: zero(), limit: zero() }
    }

    fn begin(&self, limit: Duration) {
        self.resumed.store(0, Ordering::Relaxed);
        self.spent.store(0, Ordering::Relaxed);
        self.limit.store(nanoseconds(limit), Ordering::Relaxed);
    }

    /// The guest goes on after others have had their turn.
    fn resume(&self) {
        self.resumed.store(self.now(), Ordering::Relaxed);
    }

    /// A tick meets the guest: says whether its time is over, and lets others have their turn.
    fn tick(&self) -> bool {
        let now = self.now();
        let resumed = match self.resumed.load(Ordering::Relaxed) {
            0 => now,
            resumed => resumed,
        };
        let spent = self.spent.load(Ordering::Relaxed) + (now - resumed);
        self.spent.store(spent, Ordering::Relaxed);
        self.resumed.store(now, Ordering::Relaxed);
        spent > self.limit.load(Ordering::Relaxed)
    }

    fn now(&self) -> u64 {
        nanoseconds(self.origin.elapsed()).max(1)
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Runs a call; when it goes on after a pause, its timer does.
async fn timed<F: Future>(timer: &Timer, mut call: Pin<&mut F>) -> F::Output {
    let mut paused = false;
    poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            timer.resume();
        }
        call.as_mut().poll(context)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 65_536;

    /// A box of four pages, its meter, and a look at that: pages, grows.
    fn metered() -> (MemoryBox, impl Fn() -> (usize, u64)) {
        let meter = Arc::new(MemoryMeter::default());
        let box_ = MemoryBox::new(Size(4 * PAGE as u64), Arc::clone(&meter));
        (box_, move || (meter.bytes() as usize / PAGE, meter.grows()))
    }

    #[track_caller]
    fn ask(box_: &mut MemoryBox, [current, desired]: [usize; 2], maximum: usize) -> bool {
        box_.memory_growing(current * PAGE, desired * PAGE, Some(maximum * PAGE)).unwrap()
    }

    #[test]
    fn only_what_a_guest_grows_by_is_a_grow() {
        let (mut box_, shown) = metered();
        assert!(ask(&mut box_, [0, 0], 4));
        assert_eq!(shown(), (0, 0));
        assert!(ask(&mut box_, [0, 1], 4));
        assert!(ask(&mut box_, [1, 3], 4));
        assert_eq!(shown(), (3, 2));
        drop(box_);
        assert_eq!(shown(), (0, 2));
    }

    #[test]
    fn what_is_refused_or_fails_is_not_counted() {
        let (mut box_, shown) = metered();
        assert!(ask(&mut box_, [0, 1], 3));
        assert!(!ask(&mut box_, [1, 4], 3));
        assert!(!box_.denied, "that was the guest's own maximum");
        assert!(!ask(&mut box_, [1, 5], 8));
        assert!(box_.denied);
        assert_eq!(shown(), (1, 0));
        assert!(ask(&mut box_, [1, 2], 3));
        box_.memory_grow_failed(wasmtime::Error::msg("beyond all addresses")).unwrap();
        assert_eq!(shown(), (2, 1));
        assert!(ask(&mut box_, [2, 3], 3));
        box_.memory_grow_failed(io::Error::from(io::ErrorKind::OutOfMemory).into()).unwrap();
        assert_eq!(shown(), (2, 1));
        assert!(ask(&mut box_, [2, 3], 3));
        assert_eq!(shown(), (3, 2));
    }
}
