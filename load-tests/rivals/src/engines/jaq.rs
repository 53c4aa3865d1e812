//! jaq 3.1, natively, with its own reader and writer.

use jaq_core::data::{DataT, HasLut};
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Lut, Vars, native};
use jaq_json::{Val, read, write};
use jaq_std::input::{self, HasInputs, Inputs, RcIter};

use super::engine::{Compiled, Engine};

/// The engine.
pub(crate) struct Jaq;

/// What a run shares: the program's table, and the inputs for `input`.
#[derive(Clone)]
struct Shared<'a> {
    lut: &'a Lut<Kind>,
    inputs: Inputs<'a, Val>,
}

/// The kind of data that jaq's filters see.
struct Kind;

impl DataT for Kind {
    type V<'a> = Val;
    type Data<'a> = Shared<'a>;
}

impl<'a> HasLut<'a, Kind> for Shared<'a> {
    fn lut(&self) -> &'a Lut<Kind> {
        self.lut
    }
}

impl<'a> HasInputs<'a, Val> for Shared<'a> {
    fn inputs(&self) -> Inputs<'a, Val> {
        self.inputs
    }
}

impl Engine for Jaq {
    fn name(&self) -> &'static str {
        "jaq"
    }

    fn compile(&mut self, program: &str) -> Result<Box<dyn Compiled>, String> {
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let inputs = input::funs::<Kind>().into_vec().into_iter().map(native::run::<Kind>);
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs()).chain(inputs);
        let arena = Arena::default();
        let modules = Loader::new(definitions)
            .load(&arena, File { code: program, path: () })
            .map_err(|errors| format!("{errors:?}"))?;
        let filter = Compiler::default().with_funs(functions).compile(modules);
        Ok(Box::new(Program(filter.map_err(|errors| format!("{errors:?}"))?)))
    }
}

/// A compiled program.
struct Program(Filter<Kind>);

impl Compiled for Program {
    fn run(&mut self, document: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let style = write::Pp::default();
        let inputs = RcIter::new(read::parse_many(document).map(|text| text.map_err(|error| error.to_string())));
        let inputs: Inputs<'_, Val> = &inputs;
        for text in inputs {
            let context = Ctx::<Kind>::new(Shared { lut: &self.0.lut, inputs }, Vars::new([]));
            for output in self.0.id.run((context, text?)) {
                // `unwrap_valr` would end the process on `halt`.
                let value = output.map_err(|exception| match exception.get_err() {
                    Ok(error) => error.to_string(),
                    Err(_) => "it did not end with a value".into(),
                })?;
                write::write(out, &style, 0, &value).map_err(|error| error.to_string())?;
                out.push(b'\n');
            }
        }
        Ok(())
    }
}
