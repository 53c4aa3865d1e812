//! `cargo xtask fuzz`: runs fuzz targets with cargo-fuzz on a nightly toolchain, and counts their executions. A target
//! that runs programs also counts the operations of its programs.
//!
//! A crate with fuzz targets has a package of its own for them, in its folder `fuzz`. Each target has a row in
//! [`TARGETS`]. If there is a file `TARGET.dict` in that folder, libFuzzer takes words from it.
//!
//! No sanitizer is used. The jq engine has no unsafe code. A sanitizer knows nothing of blocks inside the arena's region;
//! the model checks these, and bytes beside the region. Debug assertions and checks of overflow are on.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use clap::builder::PossibleValuesParser;

use crate::files::write_if_changed;
use crate::tools::{find_nightly, need_fuzz, nightly};
use crate::workspace::{Workspace, succeed};

/// The arguments of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to fuzz [default: all].
    #[arg(value_name = "TARGET", value_parser = PossibleValuesParser::new(TARGETS.map(|target| target.name)))]
    targets: Vec<String>,
    /// Go on until each target has had so many executions. Those of earlier runs count.
    #[arg(long, value_name = "N", default_value_t = 34_000_000)]
    executions: u64,
    /// The same for targets that run programs, in operations of these.
    #[arg(long, value_name = "N", default_value_t = 500_000_000)]
    operations: u64,
    /// How many processes fuzz a target at the same time.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    jobs: u64,
    /// Run one target on this file only, such as one that made it fail.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
}

/// A fuzz target.
#[derive(Debug)]
struct Target {
    name: &'static str,
    /// The folder of its package.
    folder: &'static str,
    /// The longest input. Short ones are executed fast.
    len_max: u32,
    /// What its goal counts.
    unit: Unit,
}

/// What is counted of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Executions,
    /// Of the programs that the target makes of its inputs. It prints their number when it ends.
    Operations,
}

const TARGETS: [Target; 5] = [
    Target { name: "arena", folder: ARENA, len_max: 700, unit: Unit::Operations },
    Target { name: "persistent", folder: ARENA, len_max: 700, unit: Unit::Operations },
    Target { name: "decoder", folder: JQ, len_max: 256, unit: Unit::Executions },
    Target { name: "compiler", folder: JQ, len_max: 256, unit: Unit::Executions },
    Target { name: "engine", folder: JQ, len_max: 256, unit: Unit::Executions },
];

const ARENA: &str = "guest/arena/fuzz";
const JQ: &str = "guest/jq/fuzz";

/// After so many seconds a process ends and its counts are added up. An interruption loses those since then.
const ROUND_SECONDS: u32 = 60;

/// One execution that takes longer is a failure. Most take less than a millisecond, but waiting for a processor counts.
const TIMEOUT_SECONDS: u32 = 120;

/// Fuzzes until each target has reached its goal.
///
/// # Errors
///
/// If a tool cannot be installed, or a target fails.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<()> {
    find_nightly().context("fuzzing needs a nightly toolchain")?;
    let program = need_fuzz(workspace)?;
    let is_wanted = |name| args.targets.is_empty() || args.targets.iter().any(|only| only == name);
    let fuzzers = TARGETS.into_iter().filter(|target| is_wanted(target.name));
    let fuzzers: Vec<_> =
        fuzzers.map(|target| Fuzzer { workspace, program: &program, target }).collect();
    if let Some(input) = &args.input {
        let [fuzzer] = &fuzzers[..] else { bail!("expected one target for --input") };
        let input = std::path::absolute(input).context("cannot find the current directory")?;
        return succeed(fuzzer.command("run").arg(input));
    }
    let mut result = Ok(());
    for fuzzer in &fuzzers {
        let goal = match fuzzer.target.unit {
            Unit::Executions => args.executions,
            Unit::Operations => args.operations,
        };
        result = fuzzer.fuzz(goal, args.jobs);
        if result.is_err() {
            break;
        }
    }
    for unit in [Unit::Executions, Unit::Operations] {
        let mut sum = 0;
        println!("\n{} so far:", unit.name());
        for target in TARGETS {
            if unit == Unit::Executions || target.unit == unit {
                let count = total(&total_file(workspace, unit, target.name))?;
                println!("{:<10} {count:>13}", target.name);
                sum += count;
            }
        }
        println!("{:<10} {sum:>13}", "sum");
    }
    result
}

impl Unit {
    /// Its name, and the name of the folder with the totals.
    fn name(self) -> &'static str {
        match self {
            Self::Executions => "executions",
            Self::Operations => "operations",
        }
    }

    /// Its count of a process, from what libFuzzer and the target printed.
    fn count(self, log: &str) -> u64 {
        let key = match self {
            Self::Executions => "stat::number_of_executed_units:",
            Self::Operations => "stat::number_of_operations:",
        };
        let numbers = log.lines().filter_map(|line| line.strip_prefix(key));
        numbers.filter_map(|number| number.trim().parse::<u64>().ok()).sum()
    }
}

/// The file with the count of a target.
fn total_file(workspace: &Workspace, unit: Unit, target: &str) -> PathBuf {
    workspace.fuzz().join(unit.name()).join(target)
}

fn total(file: &Path) -> anyhow::Result<u64> {
    if !file.exists() {
        return Ok(0);
    }
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let number = text.trim().parse();
    number.with_context(|| format!("expected a number in {}, got {text:?}", file.display()))
}

/// A target and what runs it.
#[derive(Debug)]
struct Fuzzer<'w> {
    workspace: &'w Workspace,
    program: &'w Path,
    target: Target,
}

impl Fuzzer<'_> {
    /// A command of cargo-fuzz for this target.
    fn command(&self, subcommand: &str) -> Command {
        let mut command = nightly(self.workspace);
        command.arg(self.program).args(["fuzz", subcommand, "--fuzz-dir", self.target.folder]);
        command.arg("--target-dir").arg(self.workspace.fuzz().join("build"));
        command.args(["--sanitizer", "none", self.target.name]);
        command
    }

    fn corpus(&self) -> PathBuf {
        self.workspace.fuzz().join("corpus").join(self.target.name)
    }

    fn fuzz(&self, goal: u64, jobs: u64) -> anyhow::Result<()> {
        let Target { name, unit, .. } = self.target;
        let files = [Unit::Executions, Unit::Operations].map(|unit| {
            let file = total_file(self.workspace, unit, name);
            (unit, file)
        });
        for folder in files.iter().filter_map(|(_, file)| file.parent()).chain([&*self.corpus()]) {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let mut done = total(&total_file(self.workspace, unit, name))?;
        if done >= goal {
            return Ok(());
        }
        succeed(&mut self.command("build"))?;
        while done < goal {
            let begun = Instant::now();
            // A program has more than one operation, so this is enough in either unit.
            let (logs, result) = self.round((goal - done).div_ceil(jobs), jobs)?;
            for (unit, file) in &files {
                let count = total(file)? + unit.count(&logs);
                // As a whole: an interruption must not leave a file without a number.
                write_if_changed(file, format!("{count}\n").as_bytes())?;
            }
            result?;
            let more = unit.count(&logs);
            ensure!(more > 0, "expected {} of {name}, got none", unit.name());
            done += more;
            let rate = more as f64 / begun.elapsed().as_secs_f64();
            println!("{name}: {done} of {goal} {}, {rate:.0} per second", unit.name());
        }
        succeed(self.command("cmin").arg(self.corpus()).args(["--", "-verbosity=0"]))
    }

    /// Runs the target for a while, in several processes. Returns what they printed, also if one failed.
    fn round(&self, executions: u64, jobs: u64) -> anyhow::Result<(String, anyhow::Result<()>)> {
        let name = self.target.name;
        let mut children = Vec::new();
        for job in 0..jobs {
            let log = self.workspace.fuzz().join(format!("{name}-{job}.log"));
            let file =
                File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
            let mut command = self.command("run");
            command.arg(self.corpus()).arg("--").args(self.options(executions));
            let child = command.stderr(file).spawn().context("cannot start cargo-fuzz")?;
            children.push((child, log));
        }
        let (mut logs, mut result) = (String::new(), Ok(()));
        for (mut child, log) in children {
            let status = child.wait().context("cannot wait for cargo-fuzz")?;
            let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
            if !status.success() {
                eprintln!("{text}");
                result = Err(failure(name, &text, &log));
            }
            logs += &text;
        }
        Ok((logs, result))
    }

    fn options(&self, executions: u64) -> Vec<String> {
        let mut options = vec![
            format!("-runs={executions}"),
            format!("-max_total_time={ROUND_SECONDS}"),
            format!("-max_len={}", self.target.len_max),
            format!("-timeout={TIMEOUT_SECONDS}"),
            "-verbosity=0".to_owned(),
            "-print_funcs=0".to_owned(),
            "-print_final_stats=1".to_owned(),
        ];
        let dictionary = self
            .workspace
            .root()
            .join(self.target.folder)
            .join(self.target.name)
            .with_extension("dict");
        if dictionary.exists() {
            options.push(format!("-dict={}", dictionary.display()));
        }
        options
    }
}

fn failure(target: &str, log: &str, file: &Path) -> anyhow::Error {
    let mut lines = log.lines();
    match lines.find_map(|line| line.split_once("Test unit written to ")) {
        Some((_, input)) => {
            anyhow::anyhow!(
                "{target} failed; to repeat it: cargo xtask fuzz {target} --input {input}"
            )
        }
        None => anyhow::anyhow!("{target} failed without an input; see {}", file.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "artifact_prefix='a/'; Test unit written to a/crash-1\n\
        stat::number_of_executed_units: 868963\nstat::average_exec_per_sec:     124137\n\
        stat::number_of_operations: 12\n";

    #[test]
    fn the_output_of_a_fuzzer_is_read() {
        assert_eq!(Unit::Executions.count(LOG), 868_963);
        assert_eq!(Unit::Operations.count(LOG), 12);
        assert_eq!(Unit::Executions.count("killed"), 0);
        let message = failure("decoder", LOG, Path::new("l")).to_string();
        assert!(message.ends_with("cargo xtask fuzz decoder --input a/crash-1"), "{message}");
        let message = failure("decoder", "killed", Path::new("l")).to_string();
        assert_eq!(message, "decoder failed without an input; see l");
    }

    #[test]
    fn the_totals_are_kept_in_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("decoder");
        assert_eq!(total(&file).unwrap(), 0);
        fs::write(&file, "12\n").unwrap();
        assert_eq!(total(&file).unwrap(), 12);
        fs::write(&file, "").unwrap();
        assert!(total(&file).unwrap_err().to_string().starts_with("expected a number"));
    }
}
