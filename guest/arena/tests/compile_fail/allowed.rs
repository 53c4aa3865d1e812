//! What a phase is for compiles.
use phase_arena::GlobalArena;

static ARENA: GlobalArena = GlobalArena::new();

fn main() {
    let document = String::from("outlives the phase");
    let len = ARENA.phase("outer", |outer| {
        let words = outer.try_alloc([document.as_str(); 2]).unwrap();
        let inner = ARENA.phase("inner", |inner| {
            let copy = inner.try_alloc_slice_copy(words).unwrap();
            copy.len()
        });
        words.len() + inner
    });
    assert_eq!(len, 4);
}
