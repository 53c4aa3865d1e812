//! Our engine, natively.

use arenaria_jq::{Engine as Jq, Limits, Program};

use super::engine::{Compiled, Engine};

/// The engine.
pub(crate) struct Ours;

impl Engine for Ours {
    fn name(&self) -> &'static str {
        "arenaria"
    }

    fn compile(&mut self, program: &str) -> Result<Box<dyn Compiled>, String> {
        let limits = Limits::default();
        let program = Program::compile(program, &limits).map_err(|error| error.message)?;
        Ok(Box::new(Run { program, engine: Jq::new(), limits }))
    }
}

struct Run {
    program: Program,
    engine: Jq,
    limits: Limits,
}

impl Compiled for Run {
    fn run(&mut self, document: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        match self.engine.run(&self.program, document, &self.limits, Some(1.8e9), out) {
            Ok(_) => Ok(()),
            Err(arenaria_jq::RunError::Document { .. }) => {
                out.clear();
                for line in document.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    let result = self.engine.run(&self.program, line, &self.limits, Some(1.8e9), out);
                    result.map_err(|error| format!("{error:?}"))?;
                }
                Ok(())
            }
            Err(error) => Err(format!("{error:?}")),
        }
    }
}
