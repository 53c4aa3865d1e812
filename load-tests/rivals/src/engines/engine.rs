//! What an engine has to do.

/// A jq engine.
pub(crate) trait Engine {
    /// What the tables call it.
    fn name(&self) -> &str;
    /// Compiles a program, outside of what is measured.
    fn compile(&mut self, program: &str) -> Result<Box<dyn Compiled>, String>;
}

/// A compiled program. A run is what is measured: parse, run and print.
pub(crate) trait Compiled {
    /// Runs over every JSON text of the document that the program does not take itself (`input`). Appends one compact
    /// line for each output. The outputs before an error may be missing.
    fn run(&mut self, document: &[u8], out: &mut Vec<u8>) -> Result<(), String>;

    /// The most bytes that the last run had in use, if its memory does not come from this process's allocator.
    fn high_water(&mut self) -> Option<usize> {
        None
    }
}
