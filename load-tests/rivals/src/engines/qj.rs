//! qj 0.3 as its own command runs: simdjson's tape for simple programs, else values and its virtual machine.

use std::cell::RefCell;
use std::rc::Rc;

use qj::io::simd::{Parsed, Rejected, SimdParser};
use qj::io::tape::{Layout, Scratch};
use qj::io::tape_eval::{Output, TapeProgram};
use qj::jq::lang::execute::{InputSource, Jq};
use qj::jq::lang::{CompileOptions, jq_compile_args};
use qj::jq::value::{DumpOptions, Error, Value, parse_sized, print};

use super::engine::{Compiled, Engine};

/// The engine.
#[derive(Default)]
pub(crate) struct Qj {
    texts: Rc<RefCell<Texts>>,
}

impl Engine for Qj {
    fn name(&self) -> &'static str {
        "qj"
    }

    fn compile(&mut self, program: &str) -> Result<Box<dyn Compiled>, String> {
        let code = jq_compile_args(program.as_bytes(), &CompileOptions::new(".")).map_err(|error| error.render())?;
        let mut jq = Jq::new(code);
        jq.set_input(Some(Box::new(Source(Rc::clone(&self.texts)))));
        let tape = TapeProgram::new(program.as_bytes());
        Ok(Box::new(Program { jq, tape, texts: Rc::clone(&self.texts), style: DumpOptions::compact() }))
    }
}

/// The texts of a document that are still to be read, each on a line of its own.
#[derive(Default)]
struct Texts {
    parser: SimdParser,
    scratch: Scratch,
    document: Vec<u8>,
    end: usize,
    at: usize,
}

impl Texts {
    /// Starts a document. simdjson reads beyond its end.
    fn start(&mut self, document: &[u8]) {
        self.document.clear();
        self.document.extend_from_slice(document);
        self.document.resize(document.len() + qj::simdjson::padding(), 0);
        (self.end, self.at) = (document.len(), 0);
    }

    /// Gives the next text to `work`, which may look at the tape. A text that simdjson rejects (for a big integer, say)
    /// is read by qj's port of jq's own parser, as its command does.
    fn next_with<T: From<Value>>(
        &mut self,
        work: impl FnOnce(Parsed<'_>, &mut Scratch) -> Result<T, Rejected>,
    ) -> Option<Result<T, Error>> {
        let start = self.at;
        let line = memchr::memchr(b'\n', &self.document[start..self.end]).map_or(self.end, |length| start + length);
        self.at = (line + 1).min(self.end);
        (line > start).then(|| {
            let result = self.parser.parse_with(&self.document, start, line, |text| work(text, &mut self.scratch));
            result.flatten().or_else(|_| parse_sized(&self.document[start..line]).map(T::from))
        })
    }
}

/// The texts as `input` sees them.
struct Source(Rc<RefCell<Texts>>);

impl InputSource for Source {
    fn next_input(&mut self) -> Option<Result<Value, Error>> {
        self.0.borrow_mut().next_with(|text, _| text.value())
    }
}

/// A compiled program.
struct Program {
    jq: Jq,
    tape: Option<TapeProgram>,
    texts: Rc<RefCell<Texts>>,
    style: DumpOptions,
}

impl Program {
    /// Runs the next text on the tape if that is possible, else gives its value. `None` at the end.
    fn next(&mut self, out: &mut Vec<u8>) -> Option<Result<Option<Value>, Error>> {
        let layout = Layout::new(&self.style)?;
        self.texts.borrow_mut().next_with(|text, scratch| {
            let Some(tape) = &self.tape else { return text.value().map(Some) };
            let mut results = Vec::new();
            let doc = text.doc();
            if tape.eval(&doc, scratch, &mut results).is_err() {
                return text.value().map(Some);
            }
            for val in &results {
                Output { doc: &doc, val }.dump(&layout, scratch, out);
                out.push(b'\n');
            }
            Ok(None)
        })
    }
}

impl Compiled for Program {
    fn run(&mut self, document: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        self.texts.borrow_mut().start(document);
        while let Some(text) = self.next(out) {
            let Some(value) = text.map_err(|error| error.to_string())? else { continue };
            self.jq.start(value, 0);
            for output in &mut self.jq {
                print::dump_to_vec(&output.map_err(|error| error.to_string())?, &self.style, out);
                out.push(b'\n');
            }
        }
        Ok(())
    }
}
