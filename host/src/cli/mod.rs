//! The commands, a file for each. Only this folder prints, through `output`.

pub mod args;
mod bridge;
mod build;
mod call;
mod compile;
mod component_path;
mod dev;
mod examples;
mod hints;
mod inspect;
mod keys;
mod log;
mod manual;
mod new;
mod output;
mod serve;
mod test;
mod variables;
mod version;

pub use bridge::bridge;
pub use build::build;
pub use call::call;
pub use compile::compile;
pub use dev::dev;
pub use inspect::inspect;
pub use log::Log;
pub use manual::{completions, manual};
pub use new::new;
pub use serve::serve;
pub use test::test;
pub use variables::parse;

use crate::cli::args::{Cli, Command};
use crate::config::log::LogFormat;

/// Runs the command, reports its error, and returns the exit code.
pub fn run(cli: Cli, log: &Log) -> u8 {
    if !matches!(cli.command, Command::Serve(_)) {
        log.choose(LogFormat::Text);
    }
    let result = match cli.command {
        Command::New(args) => new(&args),
        Command::Build(args) => build(&args),
        Command::Dev(args) => dev(&args, log),
        Command::Serve(args) => serve(&args, log),
        Command::Compile(args) => compile(&args),
        Command::Inspect(args) => inspect(&args),
        Command::Call(args) => call(&args),
        Command::Test(args) => test(&args),
        Command::Bridge(args) => bridge(&args),
        Command::Completions(args) => completions(&args),
        Command::Manual(args) => manual(&args),
    };
    result.unwrap_or_else(|error| {
        if output::has_no_reader(&error) {
            return 0;
        }
        output::note(format_args!("arenaria: {error:#}"));
        1
    })
}
