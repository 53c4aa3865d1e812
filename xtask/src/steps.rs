//! Runs named steps one after another, until one fails. In any case a table is printed at the end: the time of
//! each step, the steps that were left out with the reason, and the number of tests.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use crate::watch::Watch;
use crate::workspace::{shown, succeed};

/// Time limit of one step. The longest step is the first build on a new machine, which takes half of this on
/// two cores.
const STEP_TIME_MAX: Duration = Duration::from_mins(25);

/// The steps so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// The steps to run. None means all.
    only: Vec<String>,
    /// The steps that were not asked for.
    passed_over: Vec<&'static str>,
    done: Vec<(&'static str, Ending)>,
    tests: Tests,
}

#[derive(Debug)]
enum Ending {
    Passed(Duration),
    Failed(Duration),
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
    /// Runs steps and prints their table, also if one fails. If `only` is not empty, only the steps that it
    /// names are run.
    ///
    /// # Errors
    ///
    /// The first step that fails, or a name in `only` that no step has.
    pub(crate) fn run(
        only: Vec<String>,
        work: impl FnOnce(&mut Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut steps = Self { only, ..Self::default() };
        let result = work(&mut steps);
        steps.summarise(&mut io::stdout().lock())?;
        result?;
        for wanted in &steps.only {
            if !steps.done.iter().any(|(name, _)| name == wanted) {
                bail!("expected a step ({}), got {wanted:?}", steps.passed_over.join("; "));
            }
        }
        Ok(())
    }

    /// Whether the step is to run.
    fn wants(&mut self, name: &'static str) -> bool {
        let wanted = self.only.is_empty() || self.only.iter().any(|only| only == name);
        if !wanted {
            self.passed_over.push(name);
        }
        wanted
    }

    /// Runs a step.
    ///
    /// # Errors
    ///
    /// The error of the step, with its name.
    pub(crate) fn step(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.counted(name, |_| work().map(|()| None))
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
        self.counted(name, |tests| run_tests(command, tests).map(|()| None))
    }

    /// As `tests`, with commands that need a tool and run at the same time. If the tool cannot be
    /// installed, the step is left out with the reason `lack`.
    ///
    /// # Errors
    ///
    /// As `tests`.
    pub(crate) fn tests_with_tool<T>(
        &mut self,
        name: &'static str,
        lack: &'static str,
        tool: impl FnOnce() -> anyhow::Result<T>,
        commands: impl FnOnce(T) -> anyhow::Result<Vec<Command>>,
    ) -> anyhow::Result<()> {
        self.counted(name, |tests| match tool() {
            Ok(tool) => run_at_once(commands(tool)?, tests).map(|()| None),
            Err(error) => {
                println!("left out, {lack}: {error:#}");
                Ok(Some(lack))
            }
        })
    }

    /// Leaves a step out, with the reason.
    pub(crate) fn leave_out(&mut self, name: &'static str, reason: &'static str) {
        if self.wants(name) {
            println!("\n== {name}: left out, {reason}");
            self.done.push((name, Ending::LeftOut(reason)));
        }
    }

    /// Prints the table.
    fn summarise(&self, output: &mut impl Write) -> io::Result<()> {
        let mut total = Duration::ZERO;
        writeln!(output, "\n== summary")?;
        for (name, ending) in &self.done {
            match ending {
                Ending::Passed(time) | Ending::Failed(time) => {
                    let failed = if matches!(ending, Ending::Failed(_)) { "  failed" } else { "" };
                    writeln!(output, "{name:<28} {:>7.1} s{failed}", time.as_secs_f64())?;
                    total += *time;
                }
                Ending::LeftOut(reason) => writeln!(output, "{name:<28} left out: {reason}")?,
            }
        }
        writeln!(output, "{:<28} {:>7.1} s", "total", total.as_secs_f64())?;
        let Tests { passed, failed, ignored } = self.tests;
        writeln!(output, "{passed} passed, {failed} failed, {ignored} skipped")
    }

    /// Runs a step. Its work returns a reason if it was left out.
    fn counted(
        &mut self,
        name: &'static str,
        work: impl FnOnce(&mut Tests) -> anyhow::Result<Option<&'static str>>,
    ) -> anyhow::Result<()> {
        if !self.wants(name) {
            return Ok(());
        }
        println!("\n== {name}");
        let start = Instant::now();
        let watch = Watch::begin(STEP_TIME_MAX);
        let mut result = work(&mut self.tests);
        if watch.end() {
            let late = || {
                format!("expected at most {STEP_TIME_MAX:?}, got more: its programs were killed")
            };
            result = result.and_then(|_| bail!("it did not end by itself")).with_context(late);
        }
        let time = start.elapsed();
        self.done.push((
            name,
            match result {
                Ok(None) => Ending::Passed(time),
                Ok(Some(reason)) => Ending::LeftOut(reason),
                Err(_) => Ending::Failed(time),
            },
        ));
        result.with_context(|| format!("step `{name}` failed"))?;
        Ok(())
    }
}

impl Tests {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }

    /// Reads a result line of the test runner, such as
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

/// Runs the command, prints its output, and adds up its result lines, also if it fails.
fn run_tests(command: &mut Command, tests: &mut Tests) -> anyhow::Result<()> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    let output = child.stdout.take().expect("standard output is piped");
    let ran = relay(BufReader::new(output), io::stdout());
    let status = child.wait()?;
    let ran = ran.context("cannot read the output of the tests")?;
    tests.add(ran);
    ensure!(status.success(), "{} failed: {status}", shown(command));
    ensure!(ran.passed > 0, "{} ran no test", shown(command));
    Ok(())
}

/// As `run_tests`, for several commands at the same time. Their lines are printed as they come.
fn run_at_once(commands: Vec<Command>, tests: &mut Tests) -> anyhow::Result<()> {
    let run = |mut command: Command| {
        let mut tests = Tests::default();
        let result = run_tests(&mut command, &mut tests);
        (tests, result)
    };
    let ended: Vec<_> = thread::scope(|scope| {
        let started: Vec<_> =
            commands.into_iter().map(|command| scope.spawn(move || run(command))).collect();
        started.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    });
    ended.into_iter().try_for_each(|(ran, result)| {
        tests.add(ran);
        result
    })
}

/// Prints the output of the test runner, and adds up its result lines.
fn relay(mut input: impl BufRead, mut output: impl Write) -> io::Result<Tests> {
    let mut tests = Tests::default();
    // As bytes, because tests may print invalid UTF-8.
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
        let mut table = Vec::new();
        steps.summarise(&mut table).unwrap();
        let table = String::from_utf8(table).unwrap();
        let lines: Vec<Vec<_>> =
            table.lines().map(|line| line.split_whitespace().collect()).collect();
        let expected: [&[&str]; 6] = [
            &[],
            &["==", "summary"],
            &["first", "0.0", "s"],
            &["second", "0.0", "s", "failed"],
            &["total", "0.0", "s"],
            &["0", "passed,", "0", "failed,", "0", "skipped"],
        ];
        assert_eq!(lines, expected.map(<[_]>::to_vec));
    }

    #[test]
    fn only_the_steps_that_are_named_run() {
        let mut ran = Vec::new();
        let mut run = |only: &[&str]| {
            Steps::run(only.iter().map(|&name| name.to_owned()).collect(), |steps| {
                for name in ["first", "second"] {
                    steps.step(name, || {
                        ran.push(name);
                        Ok(())
                    })?;
                }
                Ok(())
            })
        };
        run(&["second"]).unwrap();
        let error = run(&["third"]).unwrap_err();
        assert_eq!(error.to_string(), "expected a step (first; second), got \"third\"");
        run(&[]).unwrap();
        assert_eq!(ran, ["second", "first", "second"]);
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
