//! Reads lines of JSON, `{"program": …, "input": …}`, and writes what the engine gives for each.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for people")]
use arenaria_jq::{Engine, Limits, Program};
use std::io::BufRead;

fn main() {
    let mut limits = Limits::default();
    if let Ok(bytes) = std::env::var("EVACUATION_THRESHOLD") {
        limits.evacuation_threshold = bytes.parse().unwrap();
    }
    let mut engine = Engine::new();
    for line in std::io::stdin().lock().lines() {
        let case: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let (program, input) = (case["program"].as_str().unwrap(), case["input"].as_str().unwrap());
        let mut out = Vec::new();
        let error = match Program::compile(program, &limits) {
            Err(error) => Some(format!("compile: {} at {}", error.message, error.offset)),
            Ok(program) => engine
                .run(&program, input.as_bytes(), &limits, Some(0.0), &mut out)
                .err()
                .map(|error| format!("{error:?}")),
        };
        let out = String::from_utf8_lossy(&out);
        let outputs: Vec<&str> = out.lines().collect();
        println!("{}", serde_json::json!({ "outputs": outputs, "error": error }));
    }
}
