use phase_arena::GlobalArena;

static ARENA: GlobalArena = GlobalArena::new();

fn main() {
    ARENA.phase("phase", |scope| {
        let number = scope.try_alloc(1).unwrap();
        std::thread::spawn(move || *number += 1);
    });
}
