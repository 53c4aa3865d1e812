//! Times a program over a document: `bench PROGRAM FILE [RUNS]`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for people")]
use arenaria_jq::{Engine, Limits, Program};
use std::time::Instant;

/// The best of so many is printed.
const SAMPLES: usize = 40;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let limits = Limits::default();
    let program = Program::compile(&arguments[1], &limits).unwrap();
    let document = std::fs::read(&arguments[2]).unwrap();
    let runs: u32 = arguments.get(3).map_or(1000, |runs| runs.parse().unwrap());
    let mut engine = Engine::new();
    let mut out = Vec::new();
    let mut best = f64::INFINITY;
    for _ in 0..SAMPLES {
        let begun = Instant::now();
        for _ in 0..runs {
            out.clear();
            engine.run(&program, &document, &limits, Some(0.0), &mut out).unwrap();
        }
        best = best.min(begun.elapsed().as_secs_f64() / f64::from(runs));
    }
    println!("{:.2} us, {} bytes out", best * 1e6, out.len());
}
