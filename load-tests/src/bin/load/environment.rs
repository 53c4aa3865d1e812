//! What every scenario stands on: where things are, which cores they run on, and whether somebody
//! has asked to end.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use load_tests::files::Paths;
use load_tests::machine::{Machine, version_of};
use load_tests::process::kill_all;
use load_tests::server::{End, Expects, Launch, quoted};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Set by a signal; a second one ends the process.
static STOP: AtomicBool = AtomicBool::new(false);

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Machine")]
pub(crate) struct EnvironmentArgs {
    #[command(flatten)]
    paths: Paths,
    /// The core of the servers
    #[arg(long, global = true, default_value_t = 0, value_name = "CORE", value_parser = core)]
    server_core: usize,
    /// The core of the generator
    #[arg(long, global = true, default_value_t = 1, value_name = "CORE", value_parser = core)]
    generator_core: usize,
    /// Pin nothing: servers and generator run on every core
    #[arg(long, global = true)]
    unpinned: bool,
    /// Decides on documents, and on the mix of requests
    #[arg(long, global = true, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
}

/// Where scenarios take place.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) paths: Paths,
    /// For logs and documents.
    pub(crate) workspace: PathBuf,
    /// The core that servers are pinned to.
    pub(crate) server_core: Option<usize>,
    /// The core that generators are pinned to.
    pub(crate) generator_core: Option<usize>,
    pub(crate) seed: u64,
    /// Held while this runs: logs and configurations lie in the workspace under fixed names.
    _lock: File,
}

impl Environment {
    /// Looks around, and begins to listen for Ctrl-C.
    pub(crate) fn new(args: &EnvironmentArgs) -> Result<Self> {
        let machine = Machine::current();
        let pinned = machine.cores >= 2 && !args.unpinned;
        if machine.cores < 2 {
            eprintln!("warning: 1 core: server and generator share it, and the figures say little");
        }
        if machine.load > 0.5 {
            eprintln!("warning: other work runs here (load {}): expect noise", machine.load);
        }
        raise_file_limit();
        listen_for_interrupts()?;
        let workspace = args.paths.workspace()?;
        Ok(Self {
            _lock: locked(&workspace)?,
            paths: args.paths.clone(),
            workspace,
            server_core: pinned.then_some(args.server_core),
            generator_core: pinned.then_some(args.generator_core),
            seed: args.seed,
        })
    }

    /// What generators look at to end early.
    pub(crate) fn stop(&self) -> &'static AtomicBool {
        &STOP
    }

    /// Whether somebody has asked to end.
    pub(crate) fn stopped(&self) -> bool {
        STOP.load(Ordering::Relaxed)
    }

    /// The programs that take part in most scenarios.
    pub(crate) fn versions(&self) -> Vec<String> {
        let arenaria = self.paths.arenaria().map(|path| version_of(&path));
        arenaria.into_iter().filter(|version| !version.is_empty()).collect()
    }

    /// How `arenaria serve` is started with `words`, on free ports of the loopback interface.
    pub(crate) fn arenaria<'a>(
        &self,
        name: &str,
        words: impl IntoIterator<Item = &'a str>,
    ) -> Result<Launch> {
        let addresses = ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"];
        Ok(Launch {
            name: name.to_owned(),
            program: self.paths.arenaria()?,
            args: ["serve"].into_iter().chain(words).chain(addresses).map(Into::into).collect(),
            core: self.server_core,
            expects: Expects::BothAddresses,
            end: End::Orderly,
        })
    }

    /// Writes a file into the workspace.
    pub(crate) fn write(&self, name: &str, contents: &[u8]) -> Result<PathBuf> {
        let path = self.workspace.join(name);
        std::fs::write(&path, contents)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// A command line without the folder that builds of this machine are in.
    pub(crate) fn shortened(&self, line: &str) -> String {
        match self.workspace.parent() {
            Some(target) => line.replace(&format!("{}/", target.display()), "target/"),
            None => line.to_owned(),
        }
    }

    /// Runs `work` in a thread on the generator's core. Servers are started elsewhere: a process
    /// inherits the cores of the thread that starts it.
    pub(crate) fn pinned<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let core = self.generator_core;
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                if let Some(core) = core {
                    let mut set = CpuSet::new();
                    set.set(core);
                    // Without, the figures are noisier, and the run is still right.
                    if let Err(error) = sched_setaffinity(None, &set) {
                        eprintln!("warning: cannot run on core {core} alone: {error}");
                    }
                }
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

fn locked(workspace: &Path) -> Result<File> {
    let path = workspace.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    file.try_lock().with_context(|| {
        let folder = workspace.display();
        format!("another load test runs in {folder}: wait for it, or name another --target")
    })?;
    Ok(file)
}

/// What was typed.
pub(crate) fn command_line() -> String {
    let mut words = std::env::args();
    words.next();
    let words = words.map(|word| quoted(&word));
    std::iter::once("cargo xtask load".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// A rate on the command line: requests per second.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    const RANGE: std::ops::RangeInclusive<f64> = 0.01..=10_000_000.0;
    let rate: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
    let (least, most) = (RANGE.start(), RANGE.end());
    if RANGE.contains(&rate) { Ok(rate) } else { Err(format!("from {least} to {most}")) }
}

/// How long something is measured. The CPU time of servers has a grain of 10 ms.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_millis(100);
    let span = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if span >= LEAST { Ok(span) } else { Err(format!("at least {LEAST:?}")) }
}

fn core(text: &str) -> Result<usize, String> {
    let core: usize = text.parse().map_err(|_| "it is not a number".to_owned())?;
    let most = CpuSet::MAX_CPU - 1;
    if core <= most { Ok(core) } else { Err(format!("at most {most}")) }
}

/// A connection is a file. The system's soft limit is often 1024; the hard one is what may be had.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        eprintln!("warning: cannot raise the limit of open files: {error}");
    }
}

/// Ctrl-C and SIGTERM alike: whoever ends us must not leave our servers behind.
fn listen_for_interrupts() -> Result<()> {
    let interrupted = || {
        if STOP.swap(true, Ordering::Relaxed) {
            kill_all();
            std::process::exit(130);
        }
        eprintln!("\nending; the report will hold what was measured (again: end at once)");
    };
    ctrlc::set_handler(interrupted).context("cannot listen for Ctrl-C")
}
