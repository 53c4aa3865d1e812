//! What the inner phase allocates may not be kept by the outer one.
use phase_arena::ScopeVec;

use phase_arena::GlobalArena;

static ARENA: GlobalArena = GlobalArena::new();

fn main() {
    ARENA.phase("outer", |outer| {
        let mut kept: ScopeVec<'_, &mut u32> = ScopeVec::try_with_capacity(outer, 1).unwrap();
        ARENA.phase("inner", |inner| {
            let _ = kept.try_push(inner.try_alloc(1).unwrap());
        });
    });
}
