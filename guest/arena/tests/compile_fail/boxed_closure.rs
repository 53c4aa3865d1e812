//! Nor does a closure that borrows from the phase leave it.
use phase_arena::GlobalArena;

static ARENA: GlobalArena = GlobalArena::new();

fn main() {
    let _escaped: Box<dyn Fn() -> u32> = ARENA.phase("phase", |scope| {
        let number = scope.try_alloc(1u32).unwrap();
        Box::new(move || *number) as Box<dyn Fn() -> u32>
    });
}
