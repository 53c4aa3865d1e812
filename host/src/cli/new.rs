//! `arenaria new`

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum as _;

use crate::cli::args::NewArgs;
use crate::cli::output::{line, note};
use crate::project::template::{self, Template};

/// Makes a project.
///
/// # Errors
///
/// If it cannot be made. Nothing that exists is written over.
pub fn new(args: &NewArgs) -> Result<u8> {
    let is_interactive = io::stdin().is_terminal() && io::stderr().is_terminal();
    let name = match &args.name {
        Some(name) => name.clone(),
        None if is_interactive => ask("Name of the project: ")?.into(),
        None => bail!("expected the name of the project, got none; use arenaria new NAME"),
    };
    let template = match args.template {
        Some(template) => template,
        None if is_interactive => ask_template()?,
        None => Template::Hello,
    };
    template::make(&name, template, args.sdk.as_deref())?;
    line(format_args!("made {}; next:", name.display()))?;
    line(format_args!("  cd {}", name.display()))?;
    line(format_args!("  {:<16}  # the unit tests", template.test_command()))?;
    for (command, what) in [
        ("arenaria build", "the component"),
        ("arenaria test", "sends it the requests in requests/"),
        ("arenaria serve", "serves it on http://127.0.0.1:8080"),
    ] {
        line(format_args!("  {command:<16}  # {what}"))?;
    }
    Ok(0)
}

fn ask_template() -> Result<Template> {
    let choices = Template::value_variants();
    for (index, choice) in choices.iter().enumerate() {
        let value = choice.to_possible_value().expect("every template has a name");
        let help = value.get_help().map(ToString::to_string).unwrap_or_default();
        note(format_args!("{:>2}. {:<12} {help}", index + 1, value.get_name()));
    }
    let reply = ask("Template [1]: ")?;
    if reply.is_empty() {
        return Ok(Template::Hello);
    }
    let number = reply.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let by_number = number.and_then(|index| choices.get(index).copied());
    by_number.or_else(|| Template::from_str(&reply, true).ok()).with_context(|| {
        format!(
            "expected a number from 1 to {} or the name of a template, got {reply:?}",
            choices.len()
        )
    })
}

fn ask(question: &str) -> Result<String> {
    let mut stderr = io::stderr();
    write!(stderr, "{question}").and_then(|()| stderr.flush()).context("cannot ask")?;
    let mut reply = String::new();
    io::stdin().read_line(&mut reply).context("cannot read the reply")?;
    Ok(reply.trim().to_owned())
}
