//! What the fuzz targets do with a program.

use std::cell::Cell;

use arena_model::Life;
use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};

/// The operations of this process. Printed when it ends.
struct Operations(Cell<u64>);

thread_local! {
    static OPERATIONS: Operations = const { Operations(Cell::new(0)) };
}

impl Drop for Operations {
    // In the form of libFuzzer's own numbers.
    fn drop(&mut self) {
        eprintln!("stat::number_of_operations: {}", self.0.get());
    }
}

/// The bytes of a fuzzer as a program of any kind. After a failure the program is printed.
#[derive(Debug)]
pub struct AnyLife(Life);

/// The same as a program of the persistent part.
#[derive(Debug)]
pub struct PersistentLife(Life);

impl AnyLife {
    /// Runs and counts the program.
    pub fn run(&self) {
        run(&self.0);
    }
}

impl PersistentLife {
    /// Runs and counts the program.
    pub fn run(&self) {
        run(&self.0);
    }
}

impl<'a> Arbitrary<'a> for AnyLife {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self(Life::of(bytes.bytes(bytes.len())?)))
    }
}

impl<'a> Arbitrary<'a> for PersistentLife {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self(Life::persistent(bytes.bytes(bytes.len())?)))
    }
}

fn run(life: &Life) {
    let count = life.run();
    OPERATIONS.with(|operations| operations.0.set(operations.0.get() + count));
}
