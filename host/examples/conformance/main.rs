//! `conformance COMPONENT TESTS OUT.md`: runs jq's own test file through a component's interface
//! `arenaria:transform/jq` and writes what passed, what differs and what was left out.
//!
//! Nothing here knows a single test: which group a test falls into follows from what the component
//! answers. The result depends on the component and the tests alone, so that it can be committed
//! and compared.

use bindings::exports::arenaria::transform::jq::{Error, ErrorKind};
use bindings::{Transformer, TransformerPre};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;
use wasmtime::component::{Component, Linker};
use wasmtime::error::Context;
use wasmtime::{Config, Engine, Result, Store, Trap, bail};

#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated from wit/transform")]
mod bindings {
    wasmtime::component::bindgen!({
        path: ["../wit/processor", "../wit/transform"],
        world: "arenaria:transform/transformer",
    });
}

/// How long one test may run.
const DEADLINE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// Characters of a program, value or message in the tables.
const CELL_CHARS_MAX: usize = 120;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [component, tests, out] = arguments.as_slice() else {
        bail!("usage: conformance COMPONENT TESTS OUT.md");
    };
    let text = std::fs::read_to_string(tests).with_context(|| format!("cannot read {tests}"))?;
    let mut jq = Jq::new(component)?;
    let mut results = Vec::new();
    for test in parse(&text) {
        let verdict = judge(&test, jq.run(&test)?);
        results.push((test, verdict));
    }
    std::fs::write(out, report(&results)).with_context(|| format!("cannot write {out}"))
}

/// One block of the test file.
struct Test<'t> {
    /// Where its program stands, from 1.
    line: usize,
    program: &'t str,
    expected: Expected<'t>,
}

enum Expected<'t> {
    /// The program must not compile.
    Refusal,
    /// The program gives these outputs on this input.
    Outputs { input: &'t str, outputs: Vec<&'t str> },
}

/// Reads jq's format as jq does: blank lines and comments separate blocks.
fn parse(text: &str) -> Vec<Test<'_>> {
    let skipped = |line: &str| line.is_empty() || line.starts_with('#');
    let mut lines = text.lines().zip(1..).peekable();
    let mut tests = Vec::new();
    while let Some((line, number)) = lines.next() {
        if skipped(line) {
            continue;
        }
        let refusal = line.starts_with("%%FAIL");
        let program = if refusal { lines.next() } else { Some((line, number)) };
        let Some((program, line)) = program else { break };
        let input = if refusal { None } else { lines.next() };
        let mut rest = Vec::new();
        while let Some((line, _)) = lines.next_if(|(line, _)| !skipped(line)) {
            rest.push(line);
        }
        let expected = match input {
            Some((input, _)) => Expected::Outputs { input, outputs: rest },
            None => Expected::Refusal,
        };
        tests.push(Test { line, program, expected });
    }
    tests
}

/// What the component answered.
enum Answer {
    /// It compiles, and that was all that was asked.
    Compiles,
    Outputs(String),
    Error(Error),
    /// The instance was lost.
    Trap(String),
}

/// An instance of the component, replaced when it traps.
struct Jq {
    engine: Engine,
    pre: TransformerPre<()>,
    instance: Option<(Store<()>, Transformer)>,
}

impl Jq {
    fn new(path: &str) -> Result<Self> {
        let mut config = Config::new();
        config.epoch_interruption(true);
        // As in the server.
        config.max_wasm_stack(1 << 20);
        let engine = Engine::new(&config)?;
        let component = Component::from_file(&engine, path)?;
        let linker = Linker::new(&engine);
        let pre = TransformerPre::new(linker.instantiate_pre(&component)?)?;
        let clock = engine.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(TICK);
                clock.increment_epoch();
            }
        });
        Ok(Self { engine, pre, instance: None })
    }

    fn instance(&mut self) -> Result<(Store<()>, Transformer)> {
        if let Some(instance) = self.instance.take() {
            return Ok(instance);
        }
        let mut store = Store::new(&self.engine, ());
        store.set_epoch_deadline(100);
        let instance = self.pre.instantiate(&mut store)?;
        let settings = [("ad-hoc".to_owned(), "true".to_owned())];
        let configured =
            instance.arenaria_processor_lifecycle().call_configure(&mut store, &settings)?;
        if let Err(sentence) = configured {
            bail!("the component refuses its configuration: {sentence}");
        }
        Ok((store, instance))
    }

    fn run(&mut self, test: &Test<'_>) -> Result<Answer> {
        let (mut store, instance) = self.instance()?;
        store.set_epoch_deadline(DEADLINE.as_millis().div_ceil(TICK.as_millis()) as u64);
        let jq = instance.arenaria_transform_jq();
        let called = match &test.expected {
            Expected::Refusal => jq
                .call_check(&mut store, test.program)
                .map(|checked| checked.map(|()| Answer::Compiles)),
            Expected::Outputs { input, .. } => jq
                .call_transform(&mut store, test.program, input.as_bytes())
                .map(|outputs| outputs.map(|bytes| Answer::Outputs(lossy(bytes)))),
        };
        Ok(match called {
            Ok(answer) => {
                self.instance = Some((store, instance));
                answer.unwrap_or_else(Answer::Error)
            }
            Err(error) => Answer::Trap(match error.downcast_ref::<Trap>() {
                Some(Trap::Interrupt) => "still running after 1 s".to_owned(),
                Some(trap) => trap.to_string(),
                None => return Err(error),
            }),
        })
    }
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

enum Verdict {
    Passed,
    /// The component answers, but not what jq answers.
    Differs {
        group: String,
        expected: String,
        got: String,
    },
    /// The component says that what the test is about does not exist in the sandbox.
    LeftOut {
        reason: String,
    },
}

fn judge(test: &Test<'_>, answer: Answer) -> Verdict {
    let expected = match &test.expected {
        Expected::Refusal => "an error".to_owned(),
        Expected::Outputs { outputs, .. } => outputs.join(" "),
    };
    let differs = |group: &str, got: String| Verdict::Differs {
        group: group.to_owned(),
        expected: expected.clone(),
        got,
    };
    match (&test.expected, answer) {
        (_, Answer::Trap(trap)) => differs("the instance is lost", trap),
        (_, Answer::Error(error)) if error.message.contains("not available") => {
            let reason = error.message.rsplit(": ").next().unwrap_or_default().to_owned();
            Verdict::LeftOut { reason }
        }
        (Expected::Refusal, Answer::Error(error)) if error.kind == ErrorKind::Program => {
            Verdict::Passed
        }
        (_, Answer::Error(error)) => differs(group_of(&error), error.message),
        (_, Answer::Compiles) => differs("jq refuses the program", "no error".to_owned()),
        (Expected::Refusal, Answer::Outputs(got)) => differs("jq refuses the program", got),
        (Expected::Outputs { outputs, .. }, Answer::Outputs(text)) => {
            let got: Vec<&str> = text.lines().collect();
            let same = |(expected, got): (&&str, &&str)| same_json(expected, got);
            if outputs.len() != got.len() {
                differs("another number of outputs", got.join(" "))
            } else if outputs.iter().zip(&got).all(same) {
                Verdict::Passed
            } else {
                differs(group_of_values(test.program, outputs, &got), got.join(" "))
            }
        }
    }
}

/// The group of a test that ends in an error, from the error alone.
fn group_of(error: &Error) -> &'static str {
    let message = error.message.as_str();
    match error.kind {
        ErrorKind::Program if message.contains("is not defined") => "a name is not defined",
        ErrorKind::Program if message.contains("module") || message.contains("import") => {
            "modules cannot be imported"
        }
        ErrorKind::Program if message.contains("nest") => "the program nests more than allowed",
        ErrorKind::Program => "the program is refused",
        ErrorKind::Document => "the input is not strict JSON, or nests more than allowed",
        ErrorKind::Output => "an output nests more than allowed, or there are too many",
        ErrorKind::Memory => "the memory is exhausted",
        ErrorKind::Run => "run error",
    }
}

/// The group of a test that gives as many outputs as jq, but others.
fn group_of_values(program: &str, expected: &[&str], got: &[&str]) -> &'static str {
    let pairs = || expected.iter().zip(got).filter(|(a, b)| !same_json(a, b));
    let number = |text: &str| text.parse::<f64>().is_ok();
    if pairs().all(|(a, b)| number(a) && number(b)) {
        "another number"
    } else if program.contains("try") || program.contains("error") {
        "another error, or another text of an error"
    } else {
        "another value"
    }
}

/// Whether two texts are the same JSON: numbers by value, keys in any order.
fn same_json(a: &str, b: &str) -> bool {
    match (serde_json::from_str::<Value>(a), serde_json::from_str::<Value>(b)) {
        (Ok(a), Ok(b)) => same_value(&a, &b),
        // What serde_json does not read, such as deep nesting, must be the same text.
        _ => a == b,
    }
}

fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(key, a)| b.get(key).is_some_and(|b| same_value(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        _ => a == b,
    }
}

type Rows<'r> = BTreeMap<&'r str, Vec<(&'r Test<'r>, &'r str, &'r str)>>;

fn report(results: &[(Test<'_>, Verdict)]) -> String {
    let mut passed = 0;
    let mut differs = Rows::new();
    let mut left_out: BTreeMap<&str, Vec<&Test<'_>>> = BTreeMap::new();
    for (test, verdict) in results {
        match verdict {
            Verdict::Passed => passed += 1,
            Verdict::Differs { group, expected, got } => {
                differs.entry(group).or_default().push((test, expected, got));
            }
            Verdict::LeftOut { reason } => left_out.entry(reason).or_default().push(test),
        }
    }
    let differ: usize = differs.values().map(Vec::len).sum();
    let left: usize = left_out.values().map(Vec::len).sum();
    let mut out = String::new();
    let _ = write!(
        out,
        "# Conformance\n\n\
         jq's own tests (jqlang/jq, MIT licence, (c) 2012 Stephen Dolan), run through the component's interface `arenaria:transform/jq`.\n\n\
         | tests | passed | differs | left out |\n|--:|--:|--:|--:|\n\
         | {} | {passed} | {differ} | {left} |\n\n\
         Outputs are compared as JSON: numbers by value, keys in any order. A test that expects an \
         error passes if\nthe program is refused. A run gives no partial outputs: if it fails, the answer is the error alone.\n\n\
         ## Differs\n",
        results.len(),
    );
    for (group, rows) in &differs {
        let _ = write!(
            out,
            "\n### {group} ({})\n\n| line | program | jq | here |\n|--:|---|---|---|\n",
            rows.len()
        );
        for (test, expected, got) in rows {
            let (program, expected, got) = (cell(test.program), cell(expected), cell(got));
            let _ = writeln!(out, "| {} | {program} | {expected} | {got} |", test.line);
        }
    }
    out.push_str("\n## Left out\n");
    for (reason, tests) in &left_out {
        let _ = write!(out, "\n### {reason} ({})\n\n| line | program |\n|--:|---|\n", tests.len());
        for test in tests {
            let _ = writeln!(out, "| {} | {} |", test.line, cell(test.program));
        }
    }
    out
}

/// A text as code in a cell of a table, cut off if it is long.
fn cell(text: &str) -> String {
    if text.is_empty() {
        return "nothing".to_owned();
    }
    let mut shown: String = text.chars().take(CELL_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    let escaped = shown.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let escaped = escaped.replace('|', "&#124;").replace('\\', "&#92;").replace('`', "&#96;");
    let escaped = escaped.replace('*', "&#42;").replace('_', "&#95;");
    format!("<code>{escaped}</code>")
}
