//! Maps HTTP to runs: which program runs on which document, and the response.
//!
//! It has no rules of the engine. Every response other than 200 and 204 is a problem document.

use crate::brought::program_text;
use crate::engine::{Engine, Input, Program, RunLimits};
use crate::problem::Problem;
use crate::programs::Programs;
use crate::settings::{Options, Outputs};
use arenaria_guest::{Processor, Request, Response, Settings};
use memchr::memchr_iter;

/// The component: its programs and its options.
pub struct Transform {
    options: Options,
    /// The operator's program.
    program: Option<Program>,
    programs: Programs,
}

impl Processor for Transform {
    fn configure(settings: Settings<'_>) -> Result<Self, String> {
        let (options, text) = Options::read(settings)?;
        let mut transform = Self::new(options);
        if let Some(text) = text {
            let program = transform.programs.compile(text);
            let program = program.map_err(|error| crate::position::sentence(text, &error))?;
            transform.program = Some(program);
        }
        Ok(transform)
    }

    fn handle(&mut self, request: Request<'_>) -> Response {
        self.answer(request).unwrap_or_else(|problem| problem.response())
    }
}

impl Transform {
    /// A component without an operator's program.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let programs = Programs::new(options.program, options.programs_cached_max);
        Self { options, program: None, programs }
    }

    /// Bounds on one run.
    #[must_use]
    pub fn run_limits(&self) -> RunLimits {
        self.options.run
    }

    /// The ad-hoc programs.
    pub fn programs(&mut self) -> &mut Programs {
        &mut self.programs
    }

    fn answer(&mut self, request: Request<'_>) -> Result<Response, Problem> {
        // Other methods may have an empty body, which is then not a valid document.
        if matches!(request.method(), "GET" | "HEAD") && request.body().is_empty() {
            return Ok(no_body().response().with_header("allow", "POST, PUT, PATCH"));
        }
        let options = self.options;
        let Some(text) = program_text(request)? else {
            let program = self.program.as_ref().ok_or_else(no_program)?;
            return respond(program, request, options);
        };
        if !options.ad_hoc {
            return Err(not_ad_hoc());
        }
        self.programs.with(&text, |program| respond(program, request, options))?
    }
}

fn respond(program: &Program, request: Request<'_>, options: Options) -> Result<Response, Problem> {
    let content_type = request.header("content-type").unwrap_or_default();
    if is_records(content_type) {
        return Ok(records(program, request, options.run));
    }
    let mut body = Vec::new();
    let input = Input { document: request.body(), now: Some(request.received_at()) };
    let count = Engine::new().run(program, input, options.run, &mut body)?;
    Ok(match (count, options.outputs) {
        (0, _) => Response::new(204),
        (1, _) => Response::json(body),
        (_, Outputs::Lines) => lines(body),
        (_, Outputs::Array) => Response::json(array(body)),
    })
}

/// Turns lines into one array, in place. The encoder writes no other line feeds.
fn array(mut lines: Vec<u8>) -> Vec<u8> {
    lines.pop();
    for byte in &mut lines {
        if *byte == b'\n' {
            *byte = b',';
        }
    }
    lines.insert(0, b'[');
    lines.extend_from_slice(b"]\n");
    lines
}

/// Each line that is not blank is a document, each output or error a line. The status is always
/// 200: a record that fails has an error line.
fn records(program: &Program, request: Request<'_>, limits: RunLimits) -> Response {
    let first = request.header("arenaria-first-record");
    let first = first.and_then(|first| first.parse().ok()).unwrap_or(1);
    let mut body = Vec::new();
    let mut engine = Engine::new();
    for (record, line) in (first..).zip(split(request.body())) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let input = Input { document: line, now: Some(request.received_at()) };
        if let Err(error) = engine.run(program, input, limits, &mut body) {
            let problem = Problem { record: Some(record), ..error.into() };
            problem.write_line(&mut body);
        }
    }
    lines(body)
}

/// The parts between the line feeds.
fn split(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    let ends = memchr_iter(b'\n', text).chain([text.len()]);
    ends.map(move |end| {
        let line = &text[start..end];
        start = end + 1;
        line
    })
}

fn lines(body: Vec<u8>) -> Response {
    Response::new(200).with_header("content-type", "application/x-ndjson").body(body)
}

fn is_records(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    ["application/x-ndjson", "application/ndjson", "application/jsonl"]
        .iter()
        .any(|records| media_type.eq_ignore_ascii_case(records))
}

fn no_body() -> Problem {
    let detail = "send a JSON document, for example with POST".to_owned();
    Problem::new(405, "method", "the request has no document", detail)
}

fn no_program() -> Problem {
    let detail =
        "give a program in the query (?program=…) or in the header `jq-program`".to_owned();
    Problem::new(400, "program", "the request has no program", detail)
}

fn not_ad_hoc() -> Problem {
    let detail = "the operator has not set `ad-hoc`".to_owned();
    Problem::new(403, "ad-hoc", "requests must not bring programs", detail)
}
