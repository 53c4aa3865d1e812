//! The allocator. Each is set up as its documentation says for a module with one thread.

/// Tells the allocator that the instance is configured. Only the plain bump needs to know.
pub(crate) fn configured() {
    #[cfg(feature = "bump")]
    ALLOCATOR.configured();
}

#[cfg(feature = "bump")]
mod bump;

#[cfg(feature = "bump")]
#[global_allocator]
static ALLOCATOR: bump::Bump = bump::Bump::new();

#[cfg(feature = "lol_alloc")]
#[global_allocator]
// SAFETY: a module without atomics has one thread.
static ALLOCATOR: lol_alloc::AssumeSingleThreaded<lol_alloc::FreeListAllocator> =
    unsafe { lol_alloc::AssumeSingleThreaded::new(lol_alloc::FreeListAllocator::new()) };

#[cfg(feature = "rlsf")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

#[cfg(feature = "talc")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

#[cfg(feature = "wee_alloc")]
#[global_allocator]
static ALLOCATOR: wee_alloc::WeeAlloc<'_> = wee_alloc::WeeAlloc::INIT;
