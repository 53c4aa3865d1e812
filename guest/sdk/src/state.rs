//! The processor of an instance, and the order of its calls: `configure`, then requests, one at a
//! time. Every export passes through here, so that the arena knows where a request begins and ends.
//! Invariant: the arena's persistent part is closed before the first request's own code runs.

use std::cell::{Cell, RefCell};

use phase_arena::GlobalArena;

use crate::memory::{ARENA, persistent};
use crate::processor::Processor;
use crate::response::Response;
use crate::settings::{Settings, take_built_in};

thread_local! {
    /// Whether the persistent part is closed.
    static CONFIGURED: Cell<bool> = const { Cell::new(false) };
    /// Whether a bracket is open.
    static IN_REQUEST: Cell<bool> = const { Cell::new(false) };
}

/// A processor with a place for its state. [`export!`](crate::export!) implements it; do not
/// implement it by hand.
pub trait Exported: Processor {
    #[doc(hidden)]
    fn with_state<R>(f: impl FnOnce(&State<Self>) -> R) -> R;
}

/// The place of a processor.
#[doc(hidden)]
#[derive(Debug)]
pub struct State<P>(RefCell<Stage<P>>);

#[derive(Debug)]
enum Stage<P> {
    /// No export was called yet.
    New,
    Ready(P),
    /// `configure` failed with this sentence.
    Failed(String),
}

impl<P: Processor> State<P> {
    #[doc(hidden)]
    #[must_use]
    pub const fn new() -> Self {
        Self(RefCell::new(Stage::New))
    }

    /// Configures, the first time.
    fn configure(&self, settings: Vec<(String, String)>) -> Result<(), String> {
        if CONFIGURED.get() {
            return request(|| {
                drop(settings);
                Err("configure must be called once, before the first request".to_owned())
            });
        }
        let mut stage = self.0.borrow_mut();
        *stage = build(settings);
        let result = match &*stage {
            Stage::Failed(sentence) => Err(sentence.clone()),
            Stage::New | Stage::Ready(_) => Ok(()),
        };
        close_persistent_part();
        result
    }

    /// Configures without settings, if the host did not configure.
    fn configure_if_new(&self) {
        let mut stage = self.0.borrow_mut();
        if matches!(*stage, Stage::New) {
            // A bracket of another export may have closed the persistent part already.
            let build = || build(Vec::new());
            *stage = if CONFIGURED.get() { persistent(build) } else { build() };
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut P) -> R) -> Result<R, String> {
        match &mut *self.0.borrow_mut() {
            Stage::Ready(processor) => Ok(f(processor)),
            Stage::Failed(sentence) => Err(sentence.clone()),
            Stage::New => Err("the processor is not configured".to_owned()),
        }
    }
}

fn build<P: Processor>(mut settings: Vec<(String, String)>) -> Stage<P> {
    let built = take_built_in(&mut settings).and_then(|scrub| {
        ARENA.set_scrub(scrub);
        P::configure(Settings::new(&settings))
    });
    built.map_or_else(Stage::Failed, Stage::Ready)
}

fn close_persistent_part() {
    if !CONFIGURED.replace(true) {
        ARENA.configured();
    }
}

/// Runs an export of the component's own as a request: the memory that `f` allocates is reset when
/// its last block has been freed. A request inside another one is part of the outer one.
pub fn request<R>(f: impl FnOnce() -> R) -> R {
    close_persistent_part();
    let _bracket = Bracket::open(GlobalArena::begin_request);
    apart(f)
}

/// Calls a function in a frame of its own. When the bracket ends, all that the request's code left
/// on the stack is then below the bracket's frame, where scrub zeroes it.
#[inline(never)]
fn apart<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// A running request. Its drop ends it, so that an unwinding panic (natively) ends it like a
/// return.
struct Bracket {
    /// Whether it is inside another one, which goes on.
    inner: bool,
}

impl Bracket {
    fn open(begin: fn(&GlobalArena)) -> Self {
        let inner = IN_REQUEST.replace(true);
        if !inner {
            begin(&ARENA);
        }
        Self { inner }
    }
}

impl Drop for Bracket {
    fn drop(&mut self) {
        if !self.inner {
            ARENA.end_request();
            IN_REQUEST.set(false);
        }
    }
}

/// As [`request`], with the processor of this instance. If the host has not configured it, it is
/// configured without settings.
///
/// # Errors
///
/// The sentence with which [`Processor::configure`] failed.
///
/// # Panics
///
/// If it is called inside the processor's own `configure` or `handle`.
pub fn request_with<P: Exported, R>(f: impl FnOnce(&mut P) -> R) -> Result<R, String> {
    P::with_state(|state| {
        state.configure_if_new();
        request(|| state.with(f))
    })
}

pub(crate) fn configure<P: Exported>(settings: Vec<(String, String)>) -> Result<(), String> {
    P::with_state(|state| state.configure(settings))
}

/// Answers a request. If the processor is not configured, the response is 500.
pub(crate) fn handle<P: Exported>(f: impl FnOnce(&mut P) -> Response) -> Response {
    request_with(f).unwrap_or_else(|sentence| {
        Response::text(format!("the processor is not configured: {sentence}\n")).with_status(500)
    })
}

/// Inspects the arena between two requests: within a bracket, so that the last request is over and
/// what it left alive is already counted as sealed. The bracket itself is not a request.
pub(crate) fn inspect<R>(read: impl FnOnce() -> R) -> R {
    let _bracket = CONFIGURED.get().then(|| Bracket::open(GlobalArena::begin_inspection));
    read()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Request;

    /// Each test runs on a thread of its own, so each has an instance of its own.
    struct Counter {
        step: u64,
        count: u64,
    }

    impl Processor for Counter {
        fn configure(settings: Settings<'_>) -> Result<Self, String> {
            settings.expect_only(&["step"])?;
            let step = settings.get("step").unwrap_or("1");
            let step = step.parse().map_err(|_| format!("setting `step` is `{step}`"))?;
            Ok(Self { step, count: 0 })
        }

        fn handle(&mut self, _: Request<'_>) -> Response {
            self.count += self.step;
            Response::text(self.count.to_string())
        }
    }

    crate::export!(Counter);

    fn configure_with(name: &str, value: &str) -> Result<(), String> {
        configure::<Counter>(vec![(name.to_owned(), value.to_owned())])
    }

    #[track_caller]
    fn check_handle(status: u16, body: &str) {
        let response = handle::<Counter>(|counter| counter.handle(Request::new("GET", "/")));
        assert_eq!(response.status(), status);
        assert_eq!(String::from_utf8_lossy(response.bytes()), body);
    }

    #[test]
    fn the_state_outlives_a_request() {
        configure_with("step", "5").unwrap();
        check_handle(200, "5");
        check_handle(200, "10");
        assert_eq!(request_with(|counter: &mut Counter| counter.count), Ok(10));
    }

    #[test]
    fn a_host_may_forget_to_configure() {
        check_handle(200, "1");
        let error = configure_with("step", "5").unwrap_err();
        assert_eq!(error, "configure must be called once, before the first request");
        check_handle(200, "2");
    }

    #[test]
    fn an_export_of_its_own_may_come_first() {
        assert_eq!(request(|| 7), 7);
        check_handle(200, "1");
        assert!(configure_with("step", "5").is_err());
    }

    #[test]
    fn a_failed_configuration_serves_nothing() {
        assert_eq!(configure_with("step", "x").unwrap_err(), "setting `step` is `x`");
        check_handle(500, "the processor is not configured: setting `step` is `x`\n");
        assert!(configure_with("step", "1").is_err(), "a failed configuration stays failed");
        check_handle(500, "the processor is not configured: setting `step` is `x`\n");
    }

    #[test]
    fn built_in_settings_are_not_the_processors() {
        configure_with("arena-scrub", "true").unwrap();
        check_handle(200, "1");
    }

    #[test]
    fn a_bracket_within_a_bracket_does_not_end_the_outer_one() {
        request(|| {
            request(|| ());
            assert!(IN_REQUEST.get());
        });
        assert!(!IN_REQUEST.get());
    }

    #[test]
    fn a_panic_ends_the_bracket() {
        let panicked = std::panic::catch_unwind(|| request(|| panic!("on purpose")));
        assert!(panicked.is_err());
        assert!(!IN_REQUEST.get());
    }

    #[test]
    fn reading_the_arena_does_not_configure() {
        inspect(|| ());
        configure_with("step", "2").unwrap();
        inspect(|| assert!(IN_REQUEST.get()));
        assert!(!IN_REQUEST.get());
        check_handle(200, "2");
    }

    #[test]
    fn the_last_request_is_told_from_the_calls_that_inspect_it() {
        let read = || (ARENA.usage().request_high_water, ARENA.usage().request_survivors);
        let use_phase = |bytes: usize| {
            ARENA.phase("test", |scope| {
                scope.try_alloc_slice_fill_with(bytes, |_| 0_u8).unwrap();
            });
        };
        configure_with("step", "1").unwrap();
        assert_eq!(inspect(read), (0, 0), "there was no request");
        request(|| use_phase(100));
        for _ in 0..2 {
            assert_eq!(inspect(read), (100, 0));
            inspect(|| use_phase(1000));
        }
        request(|| use_phase(50));
        assert_eq!(inspect(read), (50, 0));
    }
}
