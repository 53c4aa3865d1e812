use phase_arena::GlobalArena;

static ARENA: GlobalArena = GlobalArena::new();

fn main() {
    ARENA.phase("phase", |scope| {
        std::thread::scope(|threads| {
            threads.spawn(|| scope.try_alloc(1).is_ok());
        });
    });
}
