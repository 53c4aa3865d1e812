//! The limits of programs and runs.

/// Limits that apply when a program is compiled.
#[derive(Clone, Copy, Debug)]
pub struct ProgramLimits {
    /// Bytes of a program's text.
    pub program_bytes_max: usize,
}

/// Limits of one run.
#[derive(Clone, Copy, Debug)]
pub struct RunLimits {
    /// How deeply documents and outputs may nest, in arrays and objects.
    pub depth_max: usize,
    /// How many outputs a run may give.
    pub outputs_max: usize,
}

/// How deeply the text of a program may nest. On the component's stack of 1 MiB, the programs that
/// were found to need most (`map(map(…))` over arrays that nest as deeply) overflow at 300.
pub const PROGRAM_DEPTH_MAX: usize = 256;
