//! An arena is for one thread.
fn assert_sync<T: Sync>() {}

fn main() {
    assert_sync::<phase_arena::Arena>();
}
