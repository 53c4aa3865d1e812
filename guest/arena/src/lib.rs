//! The memory of a processor: one region, a persistent part and two fronts.
//!
//! ```text
//!  0        data + stack    __heap_base                                       memory.size
//!  | stack, static data | persistent | sealed | heap →    … free …    ← scopes |
//!                       0          start    floor   bump              top   capacity
//! ```
//!
//! - **Persistent part.** Holds what is allocated before [`Arena::configured`], and inside
//!   [`Arena::persistent`]. A general allocator with coalescing (`talc`). It is never reset. It
//!   extends until [`Arena::configured`], which fixes its size: what is used plus a sixteenth of
//!   the region.
//! - **Heap front**, grows upward: the global allocator during a request, so ordinary code works
//!   unchanged. It is a *reap* (region and heap): a bump offset and one list of free blocks per
//!   size class, without headers or coalescing. The top block grows and shrinks in place; no block
//!   moves to shrink. **It is reset, in one step, when the last live block is freed**: for a
//!   request, that is when its response has been taken. This is sound for any safe program,
//!   because nothing that is reused can be alive.
//! - **Scope front**, grows downward: [`Arena::phase`] gives typed allocation that is freed at once
//!   when the phase ends, without destructors. The compiler checks that nothing escapes from it.
//!   Phases nest; only the innermost one allocates.
//! - **Survivors.** If a request leaves blocks alive on the heap front, the next one *seals* them:
//!   the floor rises above them, and nothing below it is reused until the last of them is freed.
//!   Sealing is one step and always sound. [`Usage::sealed`] counts the bytes; above a quarter of
//!   the region, the arena asks to be retired.
//! - **Exhaustion** is a null pointer (so `try_reserve` gives an error) or [`Exhausted`]. Free
//!   blocks of larger classes are split before giving up.
//!
//! In a guest:
//!
//! ```
//! phase_arena::global_arena! {
//!     static ARENA;
//! }
//!
//! fn handle(body: &str) -> String {
//!     ARENA.phase("count", |scope| {
//!         let words = scope.try_alloc_slice_fill_with(2, |_| 0u32).expect("a small slice");
//!         words[0] = body.split(' ').count() as u32;
//!         format!("{} words", words[0])
//!     })
//! }
//!
//! # fn main() {
//! ARENA.configured();
//! ARENA.begin_request();
//! assert_eq!(handle("a b c"), "3 words");
//! ARENA.end_request();
//! # }
//! ```
//!
//! Over any memory, which is how it is tested:
//!
//! ```
//! use std::alloc::{GlobalAlloc, Layout};
//! use std::ptr::NonNull;
//!
//! let mut memory = vec![0u128; 1 << 12];
//! let base = NonNull::from(&mut memory[..]).cast();
//! // SAFETY: the memory is the arena's for as long as it is used, and zero.
//! let arena = unsafe { phase_arena::Arena::new_zeroed(base, 1 << 16) };
//! arena.configured();
//! arena.begin_request();
//! let layout = Layout::new::<[u64; 100]>();
//! // SAFETY: the layout is not empty.
//! let block = unsafe { arena.alloc(layout) };
//! assert_eq!(arena.usage().in_use, 896); // the class of 800 bytes
//! // SAFETY: just allocated with this layout.
//! unsafe { arena.dealloc(block, layout) };
//! assert_eq!((arena.usage().in_use, arena.usage().resets), (0, 1));
//! ```
//!
//! # Invariants
//!
//! Each has a check of its own, `guest/arena/model/src/checks.rs` in the repository, which random
//! programs run after every operation.
//!
//! - `check_order`: The parts lie in this order: persistent part, sealed blocks, heap front, free
//!   bytes, scopes.
//! - `check_disjoint`: Live blocks, listed blocks and scopes are disjoint, in range and aligned.
//! - `check_reset`: No live block on the heap front means: bump at the floor, all lists empty.
//! - `check_tiling`: Every listed block lies between floor and bump and is not alive. Live blocks,
//!   listed blocks and what was freed after the end of the request fill that span without a gap.
//! - `check_placement`: A block persists if it is allocated before [`Arena::configured`] or inside
//!   [`Arena::persistent`], or replaces one that persists. All others, and what spills, are on the
//!   heap front.
//! - `check_routing`: A block is freed into the part that contains its address, in every mode.
//! - `check_sealed`: No operation on a sealed or persistent block moves the bump, except a reset.
//! - `check_contents`: A live block keeps its bytes, whatever happens to others.
//! - `check_realloc`: `realloc` keeps the bytes up to the lesser of both sizes. If it fails, the
//!   block is unchanged. Shrinking does not fail.
//! - `check_zeroed`: What `alloc_zeroed` returns is zero.
//! - `check_offsets`: No arithmetic wraps: offsets and sizes stay below 2^31.
//! - `check_exhausted`: An allocation on the heap front fails only if neither the span between the
//!   fronts nor a listed block is large enough.
//! - `check_scrub`: With [`Scrub::Zero`], a heap front without live blocks means: all bytes between
//!   the fronts are zero. With [`Scrub::Poison`], they have its pattern.
//! - `check_usage`: [`Usage`] counts what happened.
//!
//! # How it is tested
//!
//! - **Random programs.** The same programs run natively (proptest), under Miri (strict provenance,
//!   symbolic alignment, 64 and 32 bits), in libFuzzer (`cargo xtask fuzz arena persistent`, which
//!   counts operations), and in a guest inside wasmtime.
//! - **The global allocator in the sandbox.** Random programs of ordinary collections run over many
//!   requests there and natively. Both must end with the same contents.
//! - **Size classes** are arithmetic on one `u32`. A test compares every size up to 256 KiB, every edge
//!   of a class and two million sizes up to 2^31 with a table. With `--release`, it compares every size.
//! - **Mutants.** `cargo xtask mutants` changes the code in each way that cargo-mutants knows. A change
//!   that no test notices is an error, unless `.cargo/mutants.toml` says that it changes nothing. The
//!   functions of `GlobalAlloc` are left out, because they must be unsafe.
//! - **Soundness bugs of other allocators** have a test each: `tests/it/neighbours.rs`.
//! - **Escapes.** Programs that must not compile: `tests/compile_fail`.
//!
//! # Limits of the design
//!
//! - The heap front does not free blocks "at once": every `Drop` of ordinary Rust code still runs,
//!   and the reset only makes the memory contiguous again. Only the scope front frees at once.
//! - The memory has a fixed maximum; it is not statically allocated.
//! - [`Scrub::Zero`] zeroes what was freed. Survivors, the persistent part and static data keep
//!   their bytes, and a freed block keeps its bytes until the next reset or sealing.
//! - [`GlobalArena::end_request`] also zeroes the stack of a module, which costs one read of the
//!   whole stack. The frames of the functions that call it keep their bytes.
//! - In a module with a libc (`wasm32-wasip2`), what the libc allocates and what imports return is in
//!   the libc's heap: it is neither counted nor scrubbed, and no reset frees it.
//! - It is for one thread. WebAssembly with atomics is rejected at compile time.
//! - Of a region above 2 GiB, only the first 2 GiB are used.
#![no_std]

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
extern crate std;

// From the outside in: the allocator of a guest, the arena, its three parts, their foundations.
#[doc(hidden)]
pub mod component;
mod global;

mod arena;
mod phases;
mod scope;
mod scope_vec;
mod scrub;
mod usage;

mod front;
mod heap;
mod persistent;

#[doc(hidden)]
pub mod classes;
mod region;

/// The program in the README is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use arena::Arena;
pub use global::GlobalArena;
pub use phases::PHASES_MAX;
pub use scope::{Exhausted, Scope};
pub use scope_vec::ScopeVec;
pub use scrub::{POISON, Scrub};
pub use usage::Usage;
