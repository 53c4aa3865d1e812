//! `cargo xtask starts`: how long a server takes from the start of its process until `/readyz` says so, with components
//! that were compiled ahead of time, with the compile cache, and with neither. It measures and judges nothing.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use http1::client::once;

use crate::guests::build_all;
use crate::served::Served;
use crate::workspace::{Workspace, succeed};

/// What is served: a name, and the options of both commands after the component.
const SUBJECTS: [(&str, &str, &[&str]); 4] = [
    ("hello", "hello", &[]),
    ("hello, fresh", "hello", &["--isolation", "fresh"]),
    ("jq", "transform", &["--set", "program=.a"]),
    ("jq, fresh", "transform", &["--set", "program=.a", "--isolation", "fresh"]),
];

/// The arguments of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Measure this server instead of building the release.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// The number of starts, of which the median is told.
    #[arg(long, default_value_t = 5, value_name = "N")]
    count: usize,
}

/// Measures, and prints a table.
///
/// # Errors
///
/// If something cannot be built, compiled or started.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<()> {
    ensure!(args.count > 0, "expected at least one start, got 0");
    build_all(workspace)?;
    let binary = match &args.binary {
        Some(binary) => binary.canonicalize().context("cannot find the server")?,
        None => {
            succeed(workspace.cargo().args(["build", "--release", "--locked", "-p", "arenaria"]))?;
            workspace.program("release", "arenaria")
        }
    };
    let folder = workspace.starts();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let cache = folder.join("cache").display().to_string();
    println!("median of {} starts, in milliseconds", args.count);
    println!("{:<14} {:>9} {:>9} {:>9}", "", "compiled", "cache", "neither");
    for (name, component, options) in SUBJECTS {
        let command = |name: &str, more: &[&str]| {
            let mut line = Command::new(&binary);
            // Without variables of the caller, which could change what is measured.
            line.env_clear().env("ARENARIA_LOG", "warn");
            line.arg(name).arg(workspace.component(component));
            line.args(options).args(more);
            line
        };
        let file = folder.join("component.cwasm").display().to_string();
        succeed(command("compile", &["--compiled", &file]).stdout(Stdio::null()))?;
        let median = |more: &[&str]| -> anyhow::Result<f64> {
            let start = |_| start(command("serve", more));
            let mut times = (0..args.count).map(start).collect::<anyhow::Result<Vec<_>>>()?;
            times.sort();
            Ok(times[times.len() / 2].as_secs_f64() * 1e3)
        };
        let compiled = median(&["--cache", "off", "--compiled", &file])?;
        // The first one fills it.
        start(command("serve", &["--cache", &cache]))?;
        let cached = median(&["--cache", &cache])?;
        let neither = median(&["--cache", "off"])?;
        println!("{name:<14} {compiled:>9.1} {cached:>9.1} {neither:>9.1}");
    }
    Ok(())
}

/// Starts a server, and waits until it is ready.
fn start(mut command: Command) -> anyhow::Result<Duration> {
    command.args(["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"]);
    let begun = Instant::now();
    let mut served = Served::start(command)?;
    let operator = served.next_address("operator on http://")?;
    while once(operator, "GET", "/readyz", b"")?.status != 200 {}
    let time = begun.elapsed();
    let process = served.id();
    served.end(process)?;
    Ok(time)
}
