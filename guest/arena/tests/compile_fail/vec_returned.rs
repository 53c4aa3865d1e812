use phase_arena::ScopeVec;

use phase_arena::GlobalArena;

static ARENA: GlobalArena = GlobalArena::new();

fn main() {
    let _escaped = ARENA.phase("phase", |scope| ScopeVec::<u8>::new(scope));
}
