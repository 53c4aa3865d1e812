//! `arenaria manual` and `arenaria completions`: what shells and `man` know of the commands.

use std::io::IsTerminal as _;

use anyhow::{Result, anyhow};
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::cli::args::{Cli, CompletionsArgs, ManualArgs};
use crate::cli::output::{bytes, line, note};

/// Prints the script that completes commands and options in a shell.
///
/// # Errors
///
/// If it cannot be written.
pub fn completions(args: &CompletionsArgs) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "arenaria", &mut script);
    bytes(&script)?;
    Ok(0)
}

/// Prints the manual page of a command, or writes the pages of all commands into a folder.
///
/// # Errors
///
/// If the command does not exist, or a page cannot be written.
pub fn manual(args: &ManualArgs) -> Result<u8> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    if let Some(folder) = &args.out {
        let name = folder.display();
        let failed = |error| anyhow!("cannot write the pages to {name}: {error}; check --out");
        std::fs::create_dir_all(folder).map_err(failed)?;
        for command in pages(&program) {
            let path = Man::new(command.clone()).generate_to(folder).map_err(failed)?;
            line(path.display())?;
        }
        return Ok(0);
    }
    let command = match &args.command {
        None => &program,
        Some(name) => program.find_subcommand(name).ok_or_else(|| {
            let names: Vec<_> = program.get_subcommands().map(Command::get_name).collect();
            anyhow!("expected a command, one of {}; got {name:?}", names.join(", "))
        })?,
    };
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    bytes(&page)?;
    if std::io::stdout().is_terminal() {
        note("read it with: arenaria manual | man -l -");
    }
    Ok(0)
}

/// The program, and each of its commands.
fn pages(program: &Command) -> impl Iterator<Item = &Command> {
    std::iter::once(program).chain(program.get_subcommands())
}
