//! Why a call failed, derived from wasmtime's error.

use std::fmt;

use wasmtime::component::ResourceTableError;
use wasmtime::{GcHeapOutOfMemory, Trap, WasmBacktrace};

use crate::component::guest_text::GuestText;
use crate::runtime::memory::MemoryLimiter;
use crate::runtime::remedy::remedy;

/// Why a call failed. Its instance must not be called again.
#[derive(Debug)]
pub enum Fault {
    /// The guest trapped.
    Trap(GuestText),
    /// The guest panicked. It wrote the text of its panic to its log.
    Panic {
        /// The text, and where the guest panicked.
        message: GuestText,
        /// What the author should do, if it is a known mistake.
        remedy: Option<&'static str>,
        /// The trap that ended the panic.
        trap: GuestText,
    },
    /// The guest's stack is exhausted.
    Stack(GuestText),
    /// The guest's memory is exhausted.
    Memory(GuestText),
    /// The guest exhausted its linear memory of so many bytes, which is below the limit: the guest
    /// cannot grow it.
    OwnMemory(u64, GuestText),
    /// The guest needs more handles to host resources than its limit.
    Handles(GuestText),
    /// The guest ran for longer than its limit.
    Deadline,
    /// The guest returned without a response.
    NoResponse,
    /// A request took longer than its limit, including waits.
    RequestTimeout,
    /// The start of an instance took longer than its limit.
    ConfigureTimeout,
    /// `configure` rejected the settings, with a message for the operator.
    Refused(GuestText),
}

/// The fault, from wasmtime's error, from what is known of the guest's memory, and from the text of its panic.
pub(crate) fn fault(
    memory: &MemoryLimiter,
    error: &wasmtime::Error,
    panic: Option<GuestText>,
) -> Fault {
    let text = describe(error);
    // Without the backtrace, because the guest chose the names in it.
    let causes = causes(error);
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => Fault::Deadline,
        Some(Trap::StackOverflow) => Fault::Stack(text),
        // An object that is larger than any heap.
        Some(Trap::AllocationTooLarge) => Fault::Memory(text),
        Some(Trap::MemoryOutOfBounds) if is_below_the_stack(causes.as_str()) => Fault::Stack(text),
        _ if has_too_many_handles(error, causes.as_str()) => Fault::Handles(text),
        _ if error.is::<GcHeapOutOfMemory<()>>() => Fault::Memory(text),
        _ if memory.has_denied() => Fault::Memory(text),
        _ if ended_in_exhaustion(error) => match memory.linear_below_limit() {
            Some(bytes) => Fault::OwnMemory(bytes, text),
            None => Fault::Memory(text),
        },
        _ => match panic {
            Some(message) => Fault::Panic { remedy: remedy(message.as_str()), message, trap: text },
            None => Fault::Trap(text),
        },
    }
}

/// Whether the host's table of resources is full, or the guest's table of handles. Wasmtime reports the
/// second only in the error's text.
fn has_too_many_handles(error: &wasmtime::Error, text: &str) -> bool {
    const TEXT: &str = "store handle limit exceeded";
    matches!(error.downcast_ref(), Some(ResourceTableError::Full)) || text.contains(TEXT)
}

/// Whether a guest trapped below address 0, where its stack in linear memory ends. Addresses wrap,
/// so the address is far above the end of the memory. Wasmtime reports it only in the error's text.
fn is_below_the_stack(text: &str) -> bool {
    const FAULT: &str = "memory fault at wasm address 0x";
    const LOWEST: u64 = (4 << 30) - (16 << 20);
    let address = text.split_once(FAULT).and_then(|(_, rest)| rest.split_once(' '));
    address
        .is_some_and(|(hex, _)| u64::from_str_radix(hex, 16).is_ok_and(|address| address >= LOWEST))
}

/// Whether a guest trapped because an allocation failed. Rust reports this only through the name of
/// the function that traps, which is in the module's name section. The function of phase-arena is
/// `arena_exhausted`.
fn ended_in_exhaustion(error: &wasmtime::Error) -> bool {
    const FUNCTIONS: [&str; 4] =
        ["arena_exhausted", "handle_alloc_error", "rust_alloc_error_handler", "rust_oom"];
    let frames = error.downcast_ref::<WasmBacktrace>().map_or(&[][..], WasmBacktrace::frames);
    frames
        .iter()
        .filter_map(|frame| frame.func_name())
        .any(|name| FUNCTIONS.iter().any(|function| name.contains(function)))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trap(what) => write!(f, "the guest trapped: {what}"),
            Self::Panic { message, remedy: None, trap } => {
                write!(f, "the guest panicked: {message}; {trap}")
            }
            Self::Panic { message, remedy: Some(remedy), trap } => {
                write!(f, "the guest panicked: {message}; {remedy}; {trap}")
            }
            Self::Stack(what) => write!(f, "the guest's stack is exhausted: {what}"),
            Self::Memory(what) => write!(f, "the guest's memory is exhausted: {what}"),
            Self::OwnMemory(bytes, what) => {
                write!(f, "the guest's memory of {bytes} bytes is exhausted: {what}")
            }
            Self::Handles(what) => write!(f, "the guest needs too many handles: {what}"),
            Self::Deadline => f.write_str("the guest exceeded its time limit"),
            Self::NoResponse => f.write_str("the guest returned no response"),
            Self::RequestTimeout => {
                f.write_str("the request exceeded its time limit, including waits")
            }
            Self::ConfigureTimeout => f.write_str("the instance took too long to start"),
            Self::Refused(sentence) => write!(f, "{sentence}"),
        }
    }
}

/// An error with its causes on one line, and the guest's functions after them, the innermost first.
pub(crate) fn describe(error: &wasmtime::Error) -> GuestText {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return causes(error) };
    // The engine keeps at most 32.
    let functions = trace.frames().iter().map(|frame| match frame.func_name() {
        Some(name) => GuestText::function(name),
        None => GuestText::new(format_args!("function {}", frame.func_index())),
    });
    let functions = GuestText::joined(" < ", functions);
    let module = trace.frames().first().and_then(|frame| frame.module().name());
    let module = GuestText::name(module.unwrap_or("a module without a name"));
    GuestText::joined("; in ", [causes(error), GuestText::joined(": ", [module, functions])])
}

/// The causes without the backtrace, which wasmtime puts between them.
fn causes(error: &wasmtime::Error) -> GuestText {
    const BACKTRACE: &str = "error while executing at wasm backtrace";
    let causes = error.chain().map(GuestText::new);
    GuestText::joined(": ", causes.filter(|cause| !cause.as_str().starts_with(BACKTRACE)))
}
