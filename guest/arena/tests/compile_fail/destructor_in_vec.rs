use phase_arena::ScopeVec;

use phase_arena::GlobalArena;

static ARENA: GlobalArena = GlobalArena::new();

fn main() {
    ARENA.phase("phase", |scope| {
        let _ = ScopeVec::<Box<u32>>::new(scope);
    });
}
