//! Why a call gave no answer, and how that is told from what wasmtime says.

use std::fmt;

use wasmtime::{GcHeapOutOfMemory, Trap, WasmBacktrace};

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
    /// The guest ended well and gave no answer.
    NoResponse,
    /// A request took longer than its limit, waits included.
    RequestTimeout,
    /// `configure` refused the settings, with a sentence for the operator.
    Refused(String),
}

/// What happened, from wasmtime's error and from whether the guest was denied memory.
pub(crate) fn fault(is_memory_denied: bool, error: &wasmtime::Error) -> Fault {
    let text = one_line(error);
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => Fault::Deadline,
        Some(Trap::StackOverflow) => Fault::Stack(text),
        // An object of more than any heap could hold.
        Some(Trap::AllocationTooLarge) => Fault::Memory(text),
        Some(Trap::MemoryOutOfBounds) if is_below_the_stack(&text) => Fault::Stack(text),
        _ if error.is::<GcHeapOutOfMemory<()>>() => Fault::Memory(text),
        _ if is_memory_denied || ended_in_exhaustion(error) => Fault::Memory(text),
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

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trap(what) => write!(f, "the guest trapped: {what}"),
            Self::Stack(what) => write!(f, "the guest's stack is exhausted: {what}"),
            Self::Memory(what) => write!(f, "the guest's memory is exhausted: {what}"),
            Self::Deadline => f.write_str("the guest ran for too long"),
            Self::NoResponse => f.write_str("the guest gave no answer"),
            Self::RequestTimeout => f.write_str("the request took too long"),
            Self::Refused(sentence) => f.write_str(sentence),
        }
    }
}

/// An error with its causes, as a sentence.
pub(crate) fn one_line(error: &wasmtime::Error) -> String {
    format!("{error:#}").lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
