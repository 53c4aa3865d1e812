//! `cargo xtask …`: every command that a person or CI types to build, try, check and measure arenaria.
//! The automation is written in Rust, so that it works the same on every machine. It installs tools into
//! the target directory only; `rustup` may add targets and components to a toolchain.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command line")]

mod allocators;
mod archive;
mod assets;
mod benchmark_peers;
mod bridges;
mod collector;
mod conformance;
mod contract;
mod crates;
mod deploy;
mod examples;
mod files;
mod fuzz;
mod guests;
mod guide;
mod instructions;
mod live_page;
mod metadata;
mod mutants;
mod other_hosts;
mod package;
mod playground;
mod practices;
mod projects;
mod registries;
mod release;
mod rivals;
mod run;
mod semver;
mod served;
mod starts;
mod steps;
mod test;
mod test_components;
mod tidy;
mod tools;
mod watch;
mod whole;
mod wit;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Builds, tries, checks and measures arenaria.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the guests and the bridges as components, and check their imports, exports and memory.
    Guests,
    /// Build the playground, the page of `serve --playground`.
    Playground,
    /// Pack the jq component, the bridges and the playground into host/assets, so that a build of the server embeds
    /// them.
    Assets,
    /// Serve jq on 127.0.0.1:8080; further arguments are passed to `arenaria serve`.
    Serve {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Check a change: format, lints, guests, tests.
    Test {
        /// Check the rest too: documentation, other hosts, components in other languages, a browser,
        /// packages, licences, Miri.
        #[arg(long)]
        all: bool,
        /// Run only this step of `--all`; can be given several times.
        #[arg(long, value_name = "NAME")]
        step: Vec<String>,
    },
    /// Check the rules of style that a program can check.
    Tidy {
        /// Write today's counts into xtask/tidy.toml.
        #[arg(long)]
        bless: bool,
    },
    /// Build the guide in docs/ as a site, or run the commands of its pages as a reader would type them.
    Guide(guide::Args),
    /// Check only the examples: Rust, JavaScript, Python.
    Examples,
    /// Run a load test against the release build; the arguments are a scenario and its options (`help`
    /// lists them).
    Load {
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Count user instructions per request with valgrind, and compare them with the budgets in
    /// xtask/instructions.toml.
    Instructions(instructions::Args),
    /// Measure how long a server takes to start, with compiled components, with the cache, and with neither.
    Starts(starts::Args),
    /// Serve mutated components and configurations: none may make the server panic, hang or write a long log.
    Mutations {
        /// How many of each.
        #[arg(long, default_value_t = 3000)]
        count: u64,
        /// Decides on the mutations.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Change and rebuild a project under `arenaria dev`, with requests all the time: none may be lost.
    Rebuilds {
        /// How often.
        #[arg(long, default_value_t = 100)]
        count: u64,
    },
    /// Reload the configuration of a server, with requests all the time: none may be lost.
    Reloads {
        /// How often.
        #[arg(long, default_value_t = 100)]
        count: u64,
    },
    /// Send many requests to one instance of the jq component, with all builtins and the programs of jq's tests: none may
    /// leave anything alive.
    Survivors {
        /// How many.
        #[arg(long, default_value_t = 1_000_000)]
        count: u64,
    },
    /// Call a processor in both ways, as a core module and as a component, with random requests and whatever it may return:
    /// both must give the same.
    Calls {
        /// How many sequences of requests.
        #[arg(long, default_value_t = 100_000)]
        count: u64,
    },
    /// Send random bytes over connections, whole and in pieces: the server must give the same responses.
    Wire {
        /// How many connections' worth.
        #[arg(long, default_value_t = 100_000)]
        count: u64,
    },
    /// Fuzz the arena and its persistent part with random programs, and the jq engine: its decoder of documents, its
    /// compiler, and whole runs. It goes on where it was stopped.
    Fuzz(fuzz::Args),
    /// Change the core of the arena in each way that cargo-mutants knows: a test must notice each change.
    Mutants(mutants::Args),
    /// Compare the public API of the published libraries with the last tag: a change that breaks users is an error.
    Semver(semver::Args),
    /// Build the components that arenaria is compared with, and install wasmtime's command if it is
    /// missing.
    BenchmarkPeers {
        /// Install the load generator oha as well.
        #[arg(long)]
        oha: bool,
    },
    /// Test bridged components in wasmtime and jco, and install these if they are missing.
    OtherHosts,
    /// Build the components that the host is tested with: JavaScript, Python and Rust, for `wasi:http`.
    TestComponents,
    /// Pack the components as OCI artifacts and the server as a container image, and check them.
    Package {
        /// Output folder; it must be empty or made by this command [default: target/artifacts].
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Pack this binary instead of building a static one.
        #[arg(long, value_name = "FILE")]
        binary: Option<PathBuf>,
    },
    /// Make and check everything that a release holds; nothing is uploaded. See docs/release.md.
    Release(release::Args),
    /// Compare jq engines: measure, hostile, check, memory, differ or builtins, and its options (`--help` lists them).
    Rivals {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Compare allocators of components, and write docs/allocators.md.
    Allocators(allocators::Args),
    /// Measure practices of WebAssembly in wasmtime, Node and Chromium, and write docs/practices.md.
    Practices(practices::Args),
    /// Run jq's own tests and write the results to docs/conformance.md.
    Conformance {
        /// Other files of tests, in the format of `jq.test` from jq's repository.
        files: Vec<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(Args::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Causes without a backtrace: a step failed, not this program.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    match task {
        Task::Guests => {
            guests::build_all(&workspace)?;
            bridges::build_all(&workspace)
        }
        Task::Playground => {
            guests::build_all(&workspace)?;
            playground::build(&workspace)
        }
        Task::Assets => assets::build(&workspace),
        Task::Serve { args } => run::serve(&workspace, &args),
        Task::Test { all, step } => test::run(&workspace, all, step),
        Task::Tidy { bless } => tidy::run(&workspace, bless),
        Task::Guide(args) => guide::run(&workspace, &args),
        Task::Examples => examples::run(&workspace),
        Task::Load { args } => run::load(&workspace, &args),
        Task::Instructions(args) => instructions::run(&workspace, args),
        Task::Rebuilds { count } => {
            run::repeated(&workspace, "dev::rebuilds_under_load", "ARENARIA_REBUILDS", count)
        }
        Task::Reloads { count } => {
            run::repeated(&workspace, "reload::reloads_under_load", "ARENARIA_RELOADS", count)
        }
        Task::Mutations { count, seed } => run::mutations(&workspace, count, seed),
        Task::Survivors { count } => {
            run::repeated(&workspace, "survivors::many_requests", "ARENARIA_SURVIVORS", count)
        }
        Task::Wire { count } => {
            run::repeated(&workspace, "wire::however_bytes_arrive", "ARENARIA_WIRES", count)
        }
        Task::Calls { count } => {
            run::repeated(&workspace, "core_call::whatever_a_guest", "ARENARIA_CALLS", count)
        }
        Task::Starts(args) => starts::run(&workspace, &args),
        Task::Fuzz(args) => fuzz::run(&workspace, &args),
        Task::Mutants(args) => mutants::run(&workspace, &args),
        Task::Semver(args) => semver::run(&workspace, &args),
        Task::BenchmarkPeers { oha } => benchmark_peers::get(&workspace, oha),
        Task::OtherHosts => other_hosts::run(&workspace),
        Task::TestComponents => {
            test_components::build_all(&workspace, &test_components::Language::ALL)
        }
        Task::Package { out, binary } => package::run(&workspace, out, binary),
        Task::Release(args) => release::run(&workspace, args),
        Task::Rivals { args } => rivals::run(&workspace, &args),
        Task::Allocators(args) => allocators::run(&workspace, &args),
        Task::Practices(args) => practices::run(&workspace, &args),
        Task::Conformance { files } => conformance::write(&workspace, files),
    }
}
