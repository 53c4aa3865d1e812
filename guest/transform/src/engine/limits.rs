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
