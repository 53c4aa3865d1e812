//! What is measured and compared.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::cases::{Case, Documents, SIZES, same_values};
use crate::engines::{Compiled, Engine, OURS};
use crate::memory;

/// What was measured of one program over one document.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) size: &'static str,
    /// By engine: the median of nanoseconds a run, or bytes. Missing if it gives another answer than libjq, or none.
    pub(crate) figures: BTreeMap<String, f64>,
    /// By engine: the slowest turn's time as a multiple of the fastest one's.
    pub(crate) spread: BTreeMap<String, f64>,
}

/// An engine's answer: the lines and the error that ended them, or why the program does not compile.
type Answer = Result<(Vec<u8>, Result<(), String>), String>;

/// Runs once.
fn answer(program: &mut dyn Compiled, document: &[u8]) -> Answer {
    let mut out = Vec::new();
    let end = program.run(document, &mut out);
    Ok((out, end))
}

/// An engine that takes part in a measurement.
struct Turn {
    name: String,
    program: Box<dyn Compiled>,
    runs: u32,
    samples: Vec<f64>,
}

/// The processor time of this thread: what other processes take does not count. No engine here has threads of its own.
pub(crate) fn spent() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Measures the time of each program in each size, the engines in turns of so many milliseconds.
pub(crate) fn times(
    engines: &mut [Box<dyn Engine>],
    cases: &[Case],
    documents: &Documents,
    rounds: usize,
    turn: u64,
) -> Vec<Row> {
    let mut rows = Vec::new();
    for case in cases {
        for ((size, _), document) in SIZES.into_iter().zip(&documents[&case.document]) {
            let mut turns = start(engines, &case.program, document, Duration::from_millis(turn));
            let mut out = Vec::new();
            for _ in 0..rounds {
                // Another engine begins in each round.
                let first = turns.len().min(1);
                turns.rotate_left(first);
                for turn in &mut turns {
                    let start = spent();
                    for _ in 0..turn.runs {
                        out.clear();
                        let _ = std::hint::black_box(turn.program.run(document, &mut out));
                    }
                    turn.samples.push((spent() - start).as_nanos() as f64 / f64::from(turn.runs));
                }
            }
            let mut row = row(case, size);
            for Turn { name, mut samples, .. } in turns {
                samples.sort_by(f64::total_cmp);
                row.figures.insert(name.clone(), samples[samples.len() / 2]);
                row.spread.insert(name, samples[samples.len() - 1] / samples[0]);
            }
            rows.push(row);
        }
    }
    rows
}

/// An empty row.
fn row(case: &Case, size: &'static str) -> Row {
    let (id, name) = (case.id.clone(), case.name.clone());
    Row { id, name, size, figures: BTreeMap::new(), spread: BTreeMap::new() }
}

/// The engines that give the first one's answer, warmed up.
fn start(engines: &mut [Box<dyn Engine>], program: &str, document: &[u8], turn: Duration) -> Vec<Turn> {
    let mut turns = Vec::<Turn>::new();
    let mut right = None;
    for engine in engines {
        let Ok(mut program) = engine.compile(program) else { continue };
        let Ok((out, Ok(()))) = answer(&mut *program, document) else { continue };
        if same_values(right.get_or_insert_with(|| out.clone()), &out) {
            let runs = runs(&mut *program, document, turn);
            turns.push(Turn { name: engine.name().to_owned(), program, runs, samples: Vec::new() });
        }
    }
    turns
}

/// How many runs fill a turn.
fn runs(program: &mut dyn Compiled, document: &[u8], turn: Duration) -> u32 {
    let mut out = Vec::new();
    let mut runs = 1_u32;
    loop {
        let start = spent();
        for _ in 0..runs {
            out.clear();
            let _ = program.run(document, &mut out);
        }
        let spent = spent() - start;
        if spent * 2 >= turn || runs > 1 << 20 {
            let missing = turn.as_secs_f64() / spent.as_secs_f64().max(1e-9);
            return ((f64::from(runs) * missing).ceil() as u32).max(1);
        }
        runs *= 2;
    }
}

/// Measures the high water of memory above the level after compiling, of each engine.
pub(crate) fn high_water(engines: &mut [Box<dyn Engine>], cases: &[Case]) -> Vec<Row> {
    let mut rows = Vec::new();
    for case in cases {
        let mut row = row(case, "");
        for engine in engines.iter_mut() {
            let Ok(mut program) = engine.compile(&case.program) else { continue };
            let (most, answer) = memory::high_water(|| answer(&mut *program, case.document.as_bytes()));
            if matches!(answer, Ok((_, Ok(())))) {
                let most = program.high_water().unwrap_or(most);
                row.figures.insert(engine.name().to_owned(), most as f64);
            }
        }
        rows.push(row);
    }
    rows
}

/// How an engine's answer differs from libjq's.
#[derive(Serialize)]
pub(crate) struct Difference {
    pub(crate) id: String,
    pub(crate) size: &'static str,
    pub(crate) engine: String,
    /// `compile`, `error`, `values` or `text`; `expected` if libjq's answer is not the file's. `None`: the same text.
    pub(crate) kind: Option<&'static str>,
    pub(crate) right: String,
    pub(crate) answer: String,
    /// Why it is expected.
    pub(crate) known: Option<String>,
}

impl Difference {
    /// Whether this is as it should be: libjq's answer is the file's, and ours is libjq's, unless a difference is known.
    pub(crate) fn is_right(&self) -> bool {
        let is_other = !matches!(self.kind, None | Some("text"));
        match self.kind {
            Some("expected") => false,
            _ if OURS.contains(&self.engine.as_str()) => is_other == self.known.is_some(),
            _ => true,
        }
    }
}

/// Compares the answers of all engines with libjq's, and libjq's with the expected ones.
pub(crate) fn check(engines: &mut [Box<dyn Engine>], cases: &[Case], documents: &Documents) -> Vec<Difference> {
    let mut differences = Vec::new();
    for case in cases {
        for ((size, bytes), document) in SIZES.into_iter().zip(&documents[&case.document]) {
            let mut right: Option<Answer> = None;
            for engine in engines.iter_mut() {
                let given = engine.compile(&case.program).and_then(|mut program| answer(&mut *program, document));
                let (kind, right_text) = match &right {
                    Some(right) => (kind(right, &given), text(right)),
                    None if bytes > 0 || text(&given) == case.expected.trim() => (None, String::new()),
                    None => (Some("expected"), case.expected.clone()),
                };
                let (id, engine, answer) = (case.id.clone(), engine.name().to_owned(), text(&given));
                let known = case.known.clone().filter(|_| OURS.contains(&engine.as_str()));
                differences.push(Difference { id, size, engine, kind, right: right_text, answer, known });
                right.get_or_insert(given);
            }
        }
    }
    differences
}

/// How two answers differ. Errors may have other words.
fn kind(right: &Answer, given: &Answer) -> Option<&'static str> {
    match (right, given) {
        (Ok((left, Ok(()))), Ok((out, Ok(())))) if same_values(left, out) => (left != out).then_some("text"),
        (Ok((_, Ok(()))), Ok((_, Ok(())))) => Some("values"),
        (_, Ok(_)) => Some("error"),
        (_, Err(_)) => Some("compile"),
    }
}

/// An answer for people.
fn text(answer: &Answer) -> String {
    match answer {
        Ok((out, Ok(()))) => String::from_utf8_lossy(out).trim_end().to_owned(),
        Ok((out, Err(error))) => format!("{}error: {error}", String::from_utf8_lossy(out)),
        Err(error) => format!("does not compile: {error}"),
    }
}
