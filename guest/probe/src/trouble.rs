//! Ways not to come back. `black_box` keeps the optimiser from seeing that they are pointless.

use std::hint::black_box;

/// Ends the instance with the `unreachable` instruction.
pub(crate) fn trap() -> ! {
    std::process::abort()
}

/// Runs until it is stopped.
pub(crate) fn endless() -> ! {
    loop {
        black_box(());
    }
}

/// Is busy for a while, by count: there is no clock here.
pub(crate) fn spin(iterations: u64) -> String {
    for iteration in 0..iterations {
        black_box(iteration);
    }
    format!("{iterations} iterations\n")
}

/// Recurses until the stack is used up.
pub(crate) fn recurse() -> String {
    format!("came back from {}\n", descend(0))
}

/// Deeper for ever, with some of the stack in each call. That something is left to do after the
/// inner call keeps it from becoming a loop.
fn descend(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    let deeper = if black_box(true) { descend(depth + 1) } else { 0 };
    deeper ^ black_box(frame)[0]
}
