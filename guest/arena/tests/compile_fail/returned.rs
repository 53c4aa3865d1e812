use phase_arena::GlobalArena;

static ARENA: GlobalArena = GlobalArena::new();

fn main() {
    let _escaped: &mut u32 = ARENA.phase("phase", |scope| scope.try_alloc(1).unwrap());
}
