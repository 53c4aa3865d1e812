//! A plain WebAssembly module with the arena as its allocator. Its host calls three functions:
//!
//! 1. `reserve(bytes)`: memory for a text. This begins a request.
//! 2. `count()`: counts the words of that text. The upper half of the result is the answer's address, the lower half its
//!    length. The answer is valid until the next `reserve`.
//! 3. `high_water()`: the most bytes that a request has used.
#![cfg(target_family = "wasm")]
#![allow(unsafe_code, reason = "pointers are what a plain module and its host exchange")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;

phase_arena::global_arena! {
    static ARENA;
}

thread_local! {
    /// The text and the answer of this request. The next one frees them, and with them the arena is empty.
    static HELD: RefCell<(Vec<u8>, String)> = const { RefCell::new((Vec::new(), String::new())) };
}

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
extern "C" fn reserve(bytes: usize) -> *mut u8 {
    HELD.take();
    // What was allocated before the first request would stay for good. Nothing was.
    ARENA.configured();
    ARENA.begin_request();
    let mut text = vec![0; bytes];
    let start = text.as_mut_ptr();
    HELD.with_borrow_mut(|held| held.0 = text);
    start
}

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
extern "C" fn count() -> u64 {
    let answer = HELD.with_borrow_mut(|(text, answer)| {
        *answer = counted(&String::from_utf8_lossy(text));
        (answer.as_ptr().addr() as u64) << 32 | answer.len() as u64
    });
    ARENA.end_request();
    answer
}

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
extern "C" fn high_water() -> u64 {
    ARENA.usage().high_water
}

fn counted(text: &str) -> String {
    let mut counts = BTreeMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word).or_insert(0_u32) += 1;
    }
    let mut answer = String::new();
    for (word, count) in counts {
        let _ = writeln!(answer, "{word} {count}");
    }
    answer
}
