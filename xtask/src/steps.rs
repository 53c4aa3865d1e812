//! Named steps in a row: each is announced, the first that fails is the last, and a summary says
//! how long each took, which were left out and why, and how many tests ran.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::workspace::{shown, succeed};

/// The steps so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<(&'static str, Ending)>,
    tests: Tests,
}

#[derive(Debug)]
enum Ending {
    Passed(Duration),
    LeftOut(&'static str),
}

/// How many tests ran, of all steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tests {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Steps {
    /// Runs a step.
    ///
    /// # Errors
    ///
    /// The step's own, with its name.
    pub(crate) fn step(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.counted(name, |_| work())
    }

    /// Runs a command as a step.
    ///
    /// # Errors
    ///
    /// If it fails, with the step's name.
    pub(crate) fn command(
        &mut self,
        name: &'static str,
        command: &mut Command,
    ) -> anyhow::Result<()> {
        self.step(name, || succeed(command))
    }

    /// Runs a command of cargo's test runner as a step and counts the tests.
    ///
    /// # Errors
    ///
    /// If it fails or runs no test, with the step's name.
    pub(crate) fn tests(
        &mut self,
        name: &'static str,
        command: &mut Command,
    ) -> anyhow::Result<()> {
        self.counted(name, |tests| run_tests(command, tests))
    }

    /// Leaves a step out and says so.
    pub(crate) fn leave_out(&mut self, name: &'static str, reason: &'static str) {
        println!("\n== {name}: left out, {reason}");
        self.done.push((name, Ending::LeftOut(reason)));
    }

    /// Prints how it went.
    pub(crate) fn summarise(&self) {
        println!("\n== summary");
        for (name, ending) in &self.done {
            match ending {
                Ending::Passed(time) => println!("{name:<28} {:>7.1} s", time.as_secs_f64()),
                Ending::LeftOut(reason) => println!("{name:<28} left out: {reason}"),
            }
        }
        let Tests { passed, failed, ignored } = self.tests;
        println!("{passed} passed, {failed} failed, {ignored} skipped");
    }

    fn counted(
        &mut self,
        name: &'static str,
        work: impl FnOnce(&mut Tests) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        println!("\n== {name}");
        let start = Instant::now();
        let result = work(&mut self.tests);
        if result.is_err() {
            self.summarise();
        }
        result.with_context(|| format!("step `{name}` failed"))?;
        self.done.push((name, Ending::Passed(start.elapsed())));
        Ok(())
    }
}

impl Tests {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }

    /// Reads a closing line of the test runner, such as
    /// `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; …`.
    fn parse(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let count = |what: &str| -> Option<u64> {
            let mut parts = counts.split("; ").filter_map(|part| part.split_once(' '));
            parts.find(|(_, word)| *word == what)?.0.parse().ok()
        };
        let (passed, failed) = (count("passed")?, count("failed")?);
        Some(Self { passed, failed, ignored: count("ignored")? })
    }
}

/// Runs the command, shows what it prints, and adds up its closing lines, also if it fails.
fn run_tests(command: &mut Command, tests: &mut Tests) -> anyhow::Result<()> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    let output = child.stdout.take().expect("standard output is piped");
    let ran = relay(BufReader::new(output), io::stdout().lock());
    let status = child.wait()?;
    let ran = ran.context("cannot read the output of the tests")?;
    tests.add(ran);
    ensure!(status.success(), "{} failed: {status}", shown(command));
    ensure!(ran.passed > 0, "{} ran no test", shown(command));
    Ok(())
}

/// Passes on what the test runner prints, and adds up its closing lines.
fn relay(mut input: impl BufRead, mut output: impl Write) -> io::Result<Tests> {
    let mut tests = Tests::default();
    // As bytes: tests may print what is not text.
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        if let Some(ran) = Tests::parse(String::from_utf8_lossy(&line).trim_end()) {
            tests.add(ran);
        }
        output.write_all(&line)?;
        output.flush()?;
        line.clear();
    }
    Ok(tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_read() {
        let line = "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 1 filtered out; \
                    finished in 0.01s";
        assert_eq!(Tests::parse(line), Some(Tests { passed: 12, failed: 0, ignored: 3 }));
        let line = "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(Tests::parse(line), Some(Tests { passed: 1, failed: 2, ignored: 0 }));
        assert_eq!(Tests::parse("test closing_lines ... ok"), None);
        assert_eq!(Tests::parse("test result: ok. all of them passed"), None);
    }

    #[test]
    fn the_first_step_that_fails_is_named() {
        let mut steps = Steps::default();
        steps.step("first", || Ok(())).unwrap();
        let error = steps.step("second", || Err(anyhow::anyhow!("no luck"))).unwrap_err();
        assert_eq!(format!("{error:#}"), "step `second` failed: no luck");
        assert_eq!(steps.done.len(), 1);
    }

    #[test]
    fn what_the_runner_prints_is_passed_on_and_counted() {
        let printed = b"\xff\ntest result: ok. 2 passed; 0 failed; 1 ignored; 0 measured\n\
            more\ntest result: ok. 3 passed; 0 failed; 0 ignored; 0 measured";
        let mut passed_on = Vec::new();
        let tests = relay(&printed[..], &mut passed_on).unwrap();
        assert_eq!(tests, Tests { passed: 5, failed: 0, ignored: 1 });
        assert_eq!(passed_on, printed);
    }

    #[test]
    fn a_run_without_tests_is_a_failure() {
        let error = run_tests(&mut Command::new("true"), &mut Tests::default()).unwrap_err();
        assert_eq!(error.to_string(), "true ran no test");
    }
}
