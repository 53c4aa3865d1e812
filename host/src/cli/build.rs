//! `arenaria build`

use std::io::{self, IsTerminal as _};

use anyhow::Result;

use crate::cli::args::BuildArgs;
use crate::cli::output::{line, note};
use crate::component::guest_text::GuestText;
use crate::component::info::is_fixed;
use crate::config::limits::PAGE_BYTES;
use crate::config::units::Size;
use crate::project::build::{self, Built};
use crate::project::facts::Facts;
use crate::project::listener::Listener;

/// Builds the component of a project and prints what is known of it. What the tools say goes to standard error.
///
/// # Errors
///
/// If it cannot be built. The message names the problem and the remedy.
pub fn build(args: &BuildArgs) -> Result<u8> {
    let has_colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut say = |text: &str| note(text);
    let mut listener = Listener::new(&mut say, has_colours);
    let Built { component, facts } = build::build(&args.folder, &args.arguments, &mut listener)?;
    line(format_args!("{}: {}, {}", component.display(), facts.world, Size(facts.bytes as u64)))?;
    print(&facts)?;
    Ok(0)
}

fn print(facts: &Facts) -> Result<()> {
    for memory in &facts.info.memories {
        let memory = if is_fixed(*memory) {
            "fixed; the host sets its size to the route's memory".to_owned()
        } else if facts.info.grows {
            let least = Size(memory.initial.saturating_mul(PAGE_BYTES));
            format!("{least} at the start, grows up to the route's memory")
        } else {
            "never grows; the host sets its size to the route's memory".to_owned()
        };
        line(format_args!("memory: {memory}"))?;
    }
    if let Some(stack) = facts.info.stack {
        line(format_args!("stack: {stack}"))?;
    }
    print_names("imports", &facts.info.imports)?;
    print_names("exports", &facts.info.exports)?;
    if facts.debug_bytes > 0 {
        let size = Size(facts.debug_bytes as u64);
        note(format_args!(
            "note: {size} are debugging information; strip = \"debuginfo\" in [profile.release] removes it"
        ));
    }
    if !facts.has_names {
        note(
            "note: it has no names of functions, so backtraces show none and exhausted memory is answered with 500 instead of 507; use strip = \"debuginfo\", not strip = true",
        );
    }
    Ok(())
}

fn print_names(what: &str, names: &[String]) -> Result<()> {
    let names = match names {
        [] => GuestText::new("none"),
        names => GuestText::joined(", ", names.iter().map(|name| GuestText::name(name))),
    };
    line(format_args!("{what}: {names}"))
}
