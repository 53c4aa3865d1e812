//! jq's format of tests.

/// One block of the test file.
pub(crate) struct Test<'t> {
    /// Where its program stands, from 1.
    pub(crate) line: usize,
    pub(crate) program: &'t str,
    pub(crate) expected: Expected<'t>,
}

pub(crate) enum Expected<'t> {
    /// The program must not compile.
    Refusal,
    /// The program gives these outputs on this input.
    Outputs { input: &'t str, outputs: Vec<&'t str> },
}

/// Reads jq's format as jq does: blank lines and comments separate blocks.
pub(crate) fn parse(text: &str) -> Vec<Test<'_>> {
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
