//! The arena of this instance. There is one, because there is one memory. Natively, in tests, each
//! thread has an arena for its phases, and the system's allocator serves everything else.

pub use phase_arena::{Exhausted, Scope, ScopeVec, Usage};

#[cfg(all(target_family = "wasm", not(phase_arena_detached)))]
phase_arena::global_arena! {
    /// The only allocator of a component.
    pub(crate) static ARENA;
}

/// Natively, and in a component that is compiled to be compared with another allocator.
#[cfg(not(all(target_family = "wasm", not(phase_arena_detached))))]
pub(crate) static ARENA: phase_arena::GlobalArena = phase_arena::GlobalArena::new();

/// Runs one phase of a request, such as `decode`. What `f` allocates in the scope is freed at once
/// when it returns, without running destructors; nothing allocated there can leave it. The most
/// bytes in use during the phase are reported under `name`, by the export `usage`.
///
/// Phases nest; the inner one ends first.
pub fn phase<R>(name: &'static str, f: impl for<'s> FnOnce(&Scope<'s>) -> R) -> R {
    ARENA.phase(name, f)
}

/// What `f` allocates outlives the request, as if
/// [`Processor::configure`](crate::Processor::configure) had allocated it. For caches and values
/// that are built on first use. Without it, a block that outlives its request is *sealed*: it
/// stays valid, but its memory is not reused before it is freed.
pub fn persistent<R>(f: impl FnOnce() -> R) -> R {
    ARENA.persistent(f)
}

/// How the arena is used now, and how it has been used.
#[must_use]
pub fn usage() -> Usage {
    ARENA.usage()
}
