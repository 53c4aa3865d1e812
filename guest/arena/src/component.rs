//! The macro that makes the arena the allocator of a component, and what it expands to.

pub use crate::global::GlobalArena;

/// Makes the arena the allocator of a component: declares the global allocator, and exports the
/// functions with which the host allocates what it passes to the component.
///
/// ```
/// phase_arena::global_arena! {
///     /// The memory of a request.
///     static ARENA;
/// }
/// # fn main() { assert_eq!(vec![1, 2, 3].len(), 3); }
/// ```
///
/// On `wasm32-unknown-unknown` the function is `cabi_realloc`. On `wasm32-wasip2` there are two:
/// `cabi_export_realloc` for arguments of exports, which come into the arena and begin a request, and
/// `cabi_import_realloc` for results of imports, which come into the libc's heap. `wit-bindgen` must
/// be built without its own (`default-features = false`, without `realloc`).
#[macro_export]
macro_rules! global_arena {
    ($(#[$attribute:meta])* $visibility:vis static $name:ident;) => {
        $(#[$attribute])*
        #[global_allocator]
        $visibility static $name: $crate::component::GlobalArena = $crate::component::GlobalArena::new();

        #[cfg(all(target_arch = "wasm32", not(target_env = "p1")))]
        const _: () = {
            // SAFETY: the name is the canonical ABI's, and a component has one such function.
            #[cfg_attr(target_os = "unknown", unsafe(export_name = "cabi_realloc"))]
            #[cfg_attr(not(target_os = "unknown"), unsafe(export_name = "cabi_export_realloc"))]
            unsafe extern "C" fn export_realloc(
                pointer: *mut u8,
                old_size: usize,
                align: usize,
                new_size: usize,
            ) -> *mut u8 {
                // SAFETY: the canonical ABI's contract is this function's.
                unsafe { $name.host_realloc(pointer, old_size, align, new_size) }
            }

            // SAFETY: as above.
            #[cfg(not(target_os = "unknown"))]
            #[unsafe(export_name = "cabi_import_realloc")]
            unsafe extern "C" fn import_realloc(
                pointer: *mut u8,
                old_size: usize,
                align: usize,
                new_size: usize,
            ) -> *mut u8 {
                // SAFETY: the canonical ABI's contract is this function's.
                unsafe { $name.import_realloc(pointer, old_size, align, new_size) }
            }
        };
    };
}
