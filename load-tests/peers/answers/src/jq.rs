//! jq as a user of jaq's libraries would write it: compiled once, then parse, run, write.
//!
//! It deliberately takes jaq's own reader and writer, with what they accept and print beyond JSON:
//! the strict decoder and encoder of the real server are part of what is compared.

use anyhow::{Result, anyhow};
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars, data::JustLut};
use jaq_json::{Val, read, write};

/// A compiled program.
pub struct Program(Filter<JustLut<Val>>);

/// Why there are no outputs.
#[derive(Debug)]
pub enum Failure {
    /// The body is not a document.
    Document(String),
    /// The program failed on it.
    Program(String),
}

/// What a document gave.
#[derive(Debug, Default)]
pub struct Outputs {
    /// One line for each.
    pub lines: Vec<u8>,
    /// How many.
    pub count: usize,
}

impl Program {
    /// Compiles with the definitions of jq that jaq has.
    ///
    /// # Errors
    ///
    /// If it is not a program.
    pub fn compile(text: &str) -> Result<Self> {
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let modules = Loader::new(definitions)
            .load(&arena, File { code: text, path: () })
            .map_err(|errors| anyhow!("the program {text:?} cannot be read: {errors:?}"))?;
        let filter = Compiler::default()
            .with_funs(functions)
            .compile(modules)
            .map_err(|errors| anyhow!("the program {text:?} cannot be compiled: {errors:?}"))?;
        Ok(Self(filter))
    }

    /// Runs over one document.
    ///
    /// # Errors
    ///
    /// If the bytes are not a document, or the program fails on it.
    pub fn run(&self, document: &[u8]) -> Result<Outputs, Failure> {
        let input =
            read::parse_single(document).map_err(|error| Failure::Document(error.to_string()))?;
        let context = Ctx::<JustLut<Val>>::new(&self.0.lut, Vars::new([]));
        let style = write::Pp::default();
        let mut outputs = Outputs::default();
        for output in self.0.id.run((context, input)) {
            // `unwrap_valr` would end the process on `halt`.
            let value = output.map_err(|exception| match exception.get_err() {
                Ok(error) => Failure::Program(error.to_string()),
                Err(_) => Failure::Program("it did not end with a value".into()),
            })?;
            write::write(&mut outputs.lines, &style, 0, &value).expect("a Vec takes every write");
            outputs.lines.push(b'\n');
            outputs.count += 1;
        }
        Ok(outputs)
    }
}
