//! A type with a destructor would leak what it owns.
use phase_arena::GlobalArena;

static ARENA: GlobalArena = GlobalArena::new();

fn main() {
    ARENA.phase("phase", |scope| {
        let _ = scope.try_alloc(String::new());
    });
}
