//! Random programs against the model of `guest/arena/model`: sizes and alignments to 4096, capacities from nothing up.
//!
//! The fuzzers (`cargo xtask fuzz arena persistent`) and a guest inside wasmtime run the same programs.

use arena_model::{Collections, Life};
use proptest::prelude::*;
use proptest::test_runner::RngAlgorithm;

/// About six bytes are an operation.
const BYTES: usize = if cfg!(miri) { 120 } else { 600 };

fn config() -> ProptestConfig {
    let cases = if cfg!(miri) { 12 } else { 1500 };
    ProptestConfig {
        cases,
        failure_persistence: None,
        // Miri spends most of its time on the default generator otherwise.
        rng_algorithm: RngAlgorithm::XorShift,
        ..ProptestConfig::default()
    }
}

fn lives(decode: fn(&[u8]) -> Life) -> impl Strategy<Value = Life> {
    prop::collection::vec(any::<u8>(), 0..BYTES).prop_map(move |bytes| decode(&bytes))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_arena_keeps_its_invariants(life in lives(Life::of)) {
        life.run();
    }

    #[test]
    fn the_persistent_part_keeps_them(life in lives(Life::persistent)) {
        life.run();
    }
}

/// The programs themselves are the same with each run, or comparing their hashes means nothing.
#[test]
#[cfg_attr(miri, ignore = "it allocates from the system")]
fn collections_depend_on_their_seed_alone() {
    let hash = |seed| {
        let mut collections = Collections::new(seed);
        (seed..seed + 20).map(|seed| collections.request(seed).0).collect::<Vec<_>>()
    };
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}

/// The documentation lists the invariants with the names of the functions that check them.
#[test]
fn each_invariant_is_a_check() {
    let documented = include_str!("../../src/lib.rs").lines();
    let documented =
        documented.filter_map(|line| line.strip_prefix("//! - `check_")?.split('`').next());
    let functions = include_str!("../../model/src/checks.rs").split("fn check_").skip(1);
    let functions = functions.filter_map(|text| text.split('(').next());
    let (mut documented, mut functions) =
        (documented.collect::<Vec<_>>(), functions.collect::<Vec<_>>());
    documented.sort_unstable();
    functions.sort_unstable();
    assert_eq!(documented, functions);
    assert!(functions.len() > 10);
}
