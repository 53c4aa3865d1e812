//! Random programs against the model: sizes and alignments to 4096, capacities from nothing up.

use proptest::prelude::*;
use proptest::test_runner::RngAlgorithm;

use phase_arena::{Scope, Scrub};

use crate::model::Model;
use crate::region::{Contents, Sandbox};

#[derive(Clone, Debug)]
enum Op {
    Alloc { size: usize, align: usize, zeroed: bool },
    Realloc { which: usize, size: usize },
    Free { which: usize },
    ScopeAlloc { size: usize, unit: u8 },
    Persistent(Vec<Op>),
    Phase(Vec<Op>),
    BeginRequest,
    BeginInspection,
    EndRequest,
    Scrub(Scrub),
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

#[derive(Clone, Copy)]
#[repr(C, align(4096))]
struct Page([u8; 4096]);

fn run(model: &mut Model, ops: &[Op], scope: Option<&Scope<'_>>) {
    for op in ops {
        match *op {
            Op::Alloc { size, align, zeroed } => model.alloc(size, align, zeroed),
            Op::Realloc { which, size } => model.realloc(which, size),
            Op::Free { which } => model.free(which),
            Op::ScopeAlloc { size, unit } => {
                let Some(scope) = scope else { continue };
                match unit {
                    0 => model.scope_alloc(scope, size / 4, 0u8),
                    1 => model.scope_alloc(scope, size / 2, 0u16),
                    2 => model.scope_alloc(scope, size / 8, 0u64),
                    3 => model.scope_alloc(scope, size / 64, Line([0; 64])),
                    _ => model.scope_alloc(scope, size / 4096, Page([0; 4096])),
                }
            }
            Op::Persistent(ref ops) => model.arena.persistent(|| run(model, ops, scope)),
            Op::Phase(ref ops) => {
                let mark = model.phase_begins();
                model.arena.phase("phase", |scope| {
                    run(model, ops, Some(scope));
                    model.phase_ends(mark);
                });
            }
            Op::BeginRequest => model.begin_request(),
            Op::BeginInspection => model.begin_inspection(),
            Op::EndRequest => model.end_request(),
            Op::Scrub(scrub) => model.set_scrub(scrub),
        }
        // Miri is after other things, and slow.
        if !cfg!(miri) {
            model.check();
        }
    }
    model.check();
}

/// Sizes up to a little above 4096, small ones and the edges of classes more often.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        3 => 0..80usize,
        2 => 0..=4100usize,
        1 => (3..=12u32, 0..3usize).prop_map(|(log2, more)| (1 << log2) + more - 1),
    ]
}

fn align() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..=3u32, 1 => 0..=12u32].prop_map(|log2| 1 << log2)
}

fn op() -> impl Strategy<Value = Op> {
    let leaf = prop_oneof![
        6 => (size(), align(), any::<bool>())
            .prop_map(|(size, align, zeroed)| Op::Alloc { size, align, zeroed }),
        4 => (any::<usize>(), size()).prop_map(|(which, size)| Op::Realloc { which, size }),
        5 => any::<usize>().prop_map(|which| Op::Free { which }),
        3 => (size(), 0..5u8).prop_map(|(size, unit)| Op::ScopeAlloc { size, unit }),
        1 => Just(Op::BeginRequest),
        1 => Just(Op::BeginInspection),
        1 => Just(Op::EndRequest),
        1 => prop::sample::select(&[Scrub::Off, Scrub::Zero, Scrub::Poison][..]).prop_map(Op::Scrub),
    ];
    leaf.prop_recursive(3, 24, 8, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..8).prop_map(Op::Persistent),
            2 => prop::collection::vec(inner, 0..8).prop_map(Op::Phase),
        ]
    })
}

fn program(len_max: usize) -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(op(), 0..len_max)
}

fn capacity() -> impl Strategy<Value = usize> {
    let large: usize = if cfg!(miri) { 30_000 } else { 300_000 };
    prop_oneof![1 => 0..2500usize, 3 => 2500..40_000usize, 2 => 20_000..=large]
}

fn config() -> ProptestConfig {
    let cases = if cfg!(miri) { 6 } else { 1500 };
    ProptestConfig {
        cases,
        failure_persistence: None,
        // Miri spends most of its time on the default generator otherwise.
        rng_algorithm: RngAlgorithm::XorShift,
        ..ProptestConfig::default()
    }
}

const OPS: usize = if cfg!(miri) { 20 } else { 80 };

proptest! {
    #![proptest_config(config())]

    /// A life: configuration, then requests, then the end of everything.
    #[test]
    fn an_arena_keeps_its_invariants(
        len in capacity(),
        skew in 0..64usize,
        dirty in any::<bool>(),
        configuration in program(OPS / 4),
        requests in program(OPS),
    ) {
        let contents = if dirty { Contents::Dirty } else { Contents::Zero };
        let arena = Sandbox::with(len, skew, contents);
        let mut model = Model::new(&arena);
        run(&mut model, &configuration, None);
        model.configure();
        model.check();
        model.begin_request();
        run(&mut model, &requests, None);
        model.check_contents();
        model.free_all();
        prop_assert_eq!((arena.usage().in_use, arena.usage().sealed), (0, 0));
    }

    /// An arena that is never configured: everything persists.
    #[test]
    fn an_arena_that_is_never_configured_keeps_them_too(
        len in capacity(),
        skew in 0..64usize,
        ops in program(OPS),
    ) {
        let arena = Sandbox::with(len, skew, Contents::Zero);
        let mut model = Model::new(&arena);
        run(&mut model, &ops, None);
        model.check_contents();
        model.free_all();
    }
}
