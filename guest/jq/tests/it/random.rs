//! What the fuzzers check (`cargo xtask fuzz`), on a few random inputs, without a fuzzer.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arenaria_jq::{Engine, Limits, Program};
use fastrand::Rng;

use crate::fuzz::engine::Case;
use crate::fuzz::{compiler, decoder};

const PROGRAMS: &str = include_str!("../../../../load-tests/rivals/programs.toml");
const DOCUMENTS: [&str; 5] = [
    include_str!("../../../../load-tests/rivals/documents/gateway.json"),
    include_str!("../../../../load-tests/rivals/documents/logs.json"),
    include_str!("../../../../load-tests/rivals/documents/orders.json"),
    include_str!("../../../../load-tests/rivals/documents/records.json"),
    include_str!("../../../../load-tests/rivals/documents/webhook.json"),
];

/// Checks so many inputs.
fn each<T: Debug>(inputs: u64, make: impl Fn(&mut Rng) -> T, check: impl Fn(&T)) {
    for seed in 0..inputs {
        let input = make(&mut Rng::with_seed(seed));
        if catch_unwind(AssertUnwindSafe(|| check(&input))).is_err() {
            panic!("the input of the seed {seed} failed: {input:?}");
        }
    }
}

fn programs() -> Vec<String> {
    let table: toml::Table = PROGRAMS.parse().unwrap();
    let programs = table["program"].as_array().unwrap();
    programs.iter().map(|program| program["program"].as_str().unwrap().to_owned()).collect()
}

fn bytes(random: &mut Rng, len_max: usize) -> Vec<u8> {
    (0..random.usize(0..=len_max)).map(|_| random.u8(..)).collect()
}

/// Changes, removes, repeats and inserts a few bytes.
fn mutated(text: &str, random: &mut Rng) -> Vec<u8> {
    const BYTES: &[u8] = b"\"\\{}[](),:;|.$@?-+eE0123456789untflsai#'\x00\x1f\xC3\xA9 \n";
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..random.usize(1..4) {
        let start = random.usize(..=bytes.len());
        let end = (start + random.usize(..8)).min(bytes.len());
        match random.u8(..4) {
            0 => drop(bytes.drain(start..end)),
            1 => bytes.extend_from_within(start..end),
            2 => bytes.insert(start, *random.choice(BYTES).unwrap()),
            _ => {
                bytes[start..end].iter_mut().for_each(|byte| *byte = *random.choice(BYTES).unwrap())
            }
        }
    }
    bytes
}

#[test]
fn documents_are_read_as_by_serde_json() {
    each(
        8_000,
        |random| {
            let document = random.choice(DOCUMENTS).unwrap();
            let start = document.ceil_char_boundary(random.usize(..document.len()));
            mutated(if random.bool() { document } else { &document[start..] }, random)
        },
        |document| decoder::check(document),
    );
    each(
        8_000,
        |random| mutated(&Case::of(&bytes(random, 100)).document, random),
        |document| decoder::check(document),
    );
}

/// What another entry replaces is read too.
#[test]
fn documents_that_fuzzing_found() {
    decoder::check(br#"{"a":{"\ud800":1},"a":2}"#);
    decoder::check(format!("{{\"a\":{}1{},\"a\":2}}", "[".repeat(99), "]".repeat(99)).as_bytes());
    decoder::check(format!("{{\"a\":{}1{},\"a\":2}}", "[".repeat(100), "]".repeat(100)).as_bytes());
}

#[test]
fn texts_are_compiled_or_refused() {
    let programs = programs();
    each(
        8_000,
        |random| {
            let program = random.choice(&programs).unwrap();
            String::from_utf8_lossy(&mutated(program, random)).into_owned()
        },
        |program| compiler::check(program),
    );
}

#[test]
fn runs_end_in_the_same_way_in_any_memory() {
    each(2_500, |random| Case::of(&bytes(random, 250)), Case::check);
}

#[test]
fn programs_run_on_any_document() {
    let programs = programs();
    each(
        1_000,
        |random| {
            let document = mutated(random.choice(DOCUMENTS).unwrap(), random);
            Case {
                program: random.choice(&programs).unwrap().clone(),
                document: String::from_utf8_lossy(&document).into_owned(),
                limits: Limits { memory: 1 << 20, ..Limits::default() },
            }
        },
        Case::check,
    );
}

/// Random programs test nothing if they do not compile or do not end well.
#[test]
fn most_cases_compile_and_many_give_something() {
    let (cases, mut compiled, mut ended) = (800, 0, 0);
    for seed in 0..cases {
        let case = Case::of(&bytes(&mut Rng::with_seed(seed), 250));
        let Ok(program) = Program::compile(&case.program, &case.limits) else { continue };
        compiled += 1;
        let document = case.document.as_bytes();
        let ran = Engine::new().run(&program, document, &case.limits, None, &mut Vec::new());
        ended += u64::from(ran.is_ok_and(|outcome| outcome.outputs > 0));
    }
    assert!(compiled * 10 >= cases * 9, "{compiled} of {cases} compile");
    assert!(ended * 10 >= cases * 3, "{ended} of {cases} give something");
}
