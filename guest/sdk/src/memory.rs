//! The arena of this instance, as a processor reaches it. There is one, because there is one
//! memory. Natively, where there are only tests, each thread has one for its phases, and everything
//! else comes from the system's allocator.

pub use phase_arena::{Exhausted, Scope, ScopeVec, Usage};

use phase_arena::GlobalArena;

/// The only allocator of a component.
#[cfg_attr(all(target_family = "wasm", target_os = "unknown"), global_allocator)]
pub(crate) static ARENA: GlobalArena = GlobalArena::new();

/// Runs one phase of a request, such as `decode`. What `f` allocates in the scope is given back at
/// once when it returns, without running destructors; nothing allocated there can leave it. The
/// most bytes that were in use meanwhile are kept under `name` for [`usage`].
///
/// Phases nest, and the inner one ends first.
pub fn phase<R>(name: &'static str, f: impl for<'s> FnOnce(&Scope<'s>) -> R) -> R {
    ARENA.phase(name, f)
}

/// Allocates for keeps: what `f` allocates outlives the request, as if it had been allocated by
/// [`Processor::configure`](crate::Processor::configure). For caches and for what is built on first
/// use. Without it, whatever outlives its request is *sealed*: safe, but never used again.
pub fn persistent<R>(f: impl FnOnce() -> R) -> R {
    ARENA.persistent(f)
}

/// How the arena is used now, and how it has been used.
#[must_use]
pub fn usage() -> Usage {
    ARENA.usage()
}
