use std::cell::Cell;

use phase_arena::GlobalArena;

static ARENA: GlobalArena = GlobalArena::new();

thread_local! {
    static ESCAPED: Cell<Option<&'static str>> = const { Cell::new(None) };
}

fn main() {
    ARENA.phase("phase", |scope| {
        ESCAPED.set(Some(scope.try_alloc_str("text").unwrap()));
    });
}
