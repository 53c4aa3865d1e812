use phase_arena::GlobalArena;

static ARENA: GlobalArena = GlobalArena::new();

fn main() {
    let mut escaped: Option<&mut u32> = None;
    ARENA.phase("phase", |scope| {
        escaped = Some(scope.try_alloc(1).unwrap());
    });
    drop(escaped);
}
