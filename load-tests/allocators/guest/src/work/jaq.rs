//! jq as a user of jaq's libraries would write it: values are boxes with reference counts, which the global allocator
//! gives.

use arenaria_guest::{Request, Response};
use jaq_core::data::JustLut;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars};
use jaq_json::{Val, read, write};

pub(crate) struct Work(Filter<JustLut<Val>>);

impl Work {
    pub(crate) fn new() -> Self {
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let modules = Loader::new(definitions)
            .load(&arena, File { code: super::jq_program::PROGRAM, path: () });
        let modules = modules.map_err(drop).expect("the program can be read");
        let filter = Compiler::default().with_funs(functions).compile(modules);
        Self(filter.map_err(drop).expect("the program can be compiled"))
    }

    pub(crate) fn handle(&mut self, request: Request<'_>) -> Response {
        let input = read::parse_single(request.body()).map_err(drop).expect("the body is JSON");
        let context = Ctx::<JustLut<Val>>::new(&self.0.lut, Vars::new([]));
        let mut out = Vec::new();
        for output in self.0.id.run((context, input)) {
            let value =
                output.map_err(drop).expect("the program runs on every document of the comparison");
            write::write(&mut out, &write::Pp::default(), 0, &value)
                .expect("a Vec takes every write");
            out.push(b'\n');
        }
        Response::new(200).body(out)
    }
}
