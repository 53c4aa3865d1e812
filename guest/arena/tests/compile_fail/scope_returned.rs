use phase_arena::Scope;

use phase_arena::GlobalArena;

static ARENA: GlobalArena = GlobalArena::new();

fn main() {
    let _escaped: &Scope<'_> = ARENA.phase("phase", |scope| scope);
}
