use phase_arena::ScopeVec;

use phase_arena::GlobalArena;

static ARENA: GlobalArena = GlobalArena::new();

fn main() {
    ARENA.phase("phase", |scope| {
        let mut vec = ScopeVec::new(scope);
        let _ = vec.try_push(1);
        let slice = vec.into_slice();
        let _ = vec.try_push(2);
        slice[0] = 3;
    });
}
