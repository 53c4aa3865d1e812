//! What a newcomer types, and what it should have been: a tip for errors of the command line.

use std::path::Path;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Command, CommandFactory as _};

use crate::cli::args::Cli;

/// Commands under the names that other tools have for them.
const COMMANDS: [(&str, &[&str]); 10] = [
    ("serve", &["run", "up", "start", "server", "listen", "proxy"]),
    ("new", &["init", "create", "template", "generate"]),
    ("build", &["make", "encode", "componentize", "pack"]),
    ("compile", &["precompile", "aot", "cwasm"]),
    ("dev", &["watch", "develop", "reload"]),
    ("test", &["tests", "spec", "verify", "hurl"]),
    ("call", &["curl", "request", "send", "get", "post", "invoke", "exec", "fetch"]),
    ("inspect", &["info", "show", "describe", "dump", "print", "wit", "imports", "exports"]),
    ("completions", &["completion", "complete", "shell"]),
    ("manual", &["man", "docs", "doc"]),
];

/// Whole command lines under the names that other tools have for them.
const LINES: [(&str, &[&str]); 5] = [
    ("arenaria serve --jq", &["jq", "transform"]),
    ("arenaria serve --jq --playground", &["playground"]),
    ("arenaria serve --check-config", &["check", "validate", "lint", "config"]),
    ("arenaria --version", &["version", "about"]),
    ("arenaria --help", &["usage", "commands", "options"]),
];

/// Options under the names that other tools have for them.
const OPTIONS: [(&str, &[&str]); 16] = [
    (
        "--listen 127.0.0.1:8080",
        &["--port", "-p", "--addr", "--address", "--host", "--bind", "-b", "-l"],
    ),
    ("--operator-listen 127.0.0.1:8081", &["--admin", "--metrics", "--metrics-addr", "--health"]),
    ("--config arenaria.toml", &["-c", "-f", "--file", "--from", "--configuration", "--manifest"]),
    ("--workers 4", &["--threads", "-j", "-t", "--jobs"]),
    ("--slots 4", &["--instances", "--concurrency", "--pool"]),
    ("--guest-time 1s", &["--timeout", "--deadline", "--max-time"]),
    ("--memory 16MiB", &["--mem", "-m", "--memory-limit", "--max-memory"]),
    ("--set KEY=VALUE", &["--env", "-e", "--var", "--setting", "--define"]),
    (
        "--grant outgoing-http:HOST",
        &["--allow-net", "--allow-http", "--allow", "--net", "--outgoing"],
    ),
    (
        "--data TEXT or --data @FILE",
        &["--body", "--data-raw", "--data-binary", "--json", "--input"],
    ),
    ("--header 'NAME: VALUE'", &["--headers"]),
    ("--path /PATH", &["--url", "--uri", "-u", "--query"]),
    ("--filter TEXT", &["--grep", "-k", "--only", "--name"]),
    ("--format json", &["--json", "--reporter", "--report"]),
    ("--compiled FILE.cwasm", &["-o", "--output", "--aot", "--precompiled", "--cwasm"]),
    ("--output FILE", &["--out", "--target"]),
];

/// The error with a tip, if what was typed is a usual mistake.
pub(super) fn with_tip(mut error: Error) -> Error {
    let program = Cli::command();
    let invalid = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let typed = std::env::args().nth(1).unwrap_or_default();
    let tip = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            invalid(ContextKind::InvalidSubcommand).and_then(|word| command_tip(&program, &word))
        }
        ErrorKind::UnknownArgument => {
            let command = program.find_subcommand(&typed);
            invalid(ContextKind::InvalidArg).and_then(|word| argument_tip(&program, command, &word))
        }
        _ => None,
    };
    if let Some(tip) = tip {
        // The nearest name by letters would only distract.
        error.remove(ContextKind::SuggestedSubcommand);
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// What this was meant for in place of a command.
fn command_tip(program: &Command, word: &str) -> Option<String> {
    if word.contains("://") {
        return Some(format!(
            "'curl {word}' sends a request to a server; 'arenaria call FILE --path /PATH' sends one to a \
             component without a server"
        ));
    }
    let path = Path::new(word);
    if path.is_dir() {
        return Some(folder_tip(path));
    }
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("wasm") => return Some(format!("did you mean 'arenaria serve {word}'?")),
        Some("toml") => return Some(format!("did you mean 'arenaria serve --config {word}'?")),
        Some("http") => return Some(format!("did you mean 'arenaria test {word}'?")),
        Some("rs" | "js" | "ts" | "py") => {
            return Some(
                "'arenaria build' makes a component of a project; it takes no file".to_owned(),
            );
        }
        _ => {}
    }
    let word = word.to_lowercase();
    let is_of = |names: &[&str]| names.contains(&word.as_str());
    let command = COMMANDS.iter().find(|(_, names)| is_of(names)).map(|(command, _)| command);
    if let Some(command) = command.filter(|command| program.find_subcommand(command).is_some()) {
        return Some(format!("did you mean 'arenaria {command}'?"));
    }
    let line = LINES.iter().find(|(_, names)| is_of(names));
    line.map(|(line, _)| format!("did you mean '{line}'?"))
}

/// What this was meant for in place of an argument.
fn argument_tip(program: &Command, command: Option<&Command>, word: &str) -> Option<String> {
    let name = command.map(Command::get_name);
    if !word.starts_with('-') {
        return match name {
            Some("call") if word.starts_with('/') => Some(format!("did you mean '--path {word}'?")),
            Some("call") if word.contains("://") => Some(
                "a call needs no server and no address; the path is an option: --path /PATH"
                    .to_owned(),
            ),
            Some("call") if word.starts_with(['{', '[']) => {
                Some(format!("did you mean --data '{word}'?"))
            }
            Some("serve") if word.parse::<u16>().is_ok() => {
                Some(format!("did you mean '--listen 127.0.0.1:{word}'?"))
            }
            Some("serve") => Some(
                "a configuration file serves several components, each at its path: --config FILE"
                    .to_owned(),
            ),
            _ => None,
        };
    }
    let word = word.split('=').next().unwrap_or(word);
    if matches!(word, "-v" | "-vv" | "--verbose" | "--debug" | "--log-level" | "-q" | "--quiet") {
        return Some(
            "the variable ARENARIA_LOG sets what is logged: debug, info, warn or error".to_owned(),
        );
    }
    if matches!(word, "--dir" | "--mount" | "--volume" | "--mapdir") {
        return Some(
            "components have no file system; give a setting (--set) or a request's body".to_owned(),
        );
    }
    let known = |option: &&(&str, &[&str])| {
        let long = option.0.trim_start_matches('-').split(' ').next().unwrap_or_default();
        let is_taken = command.is_some_and(|command| has_option(command, long));
        is_taken && option.1.contains(&word)
    };
    if let Some((option, _)) = OPTIONS.iter().find(known) {
        return Some(format!("did you mean '{option}'?"));
    }
    let others =
        program.get_subcommands().filter(|other| has_option(other, word.trim_start_matches('-')));
    let others: Vec<_> = others.map(|other| format!("'arenaria {}'", other.get_name())).collect();
    (!others.is_empty()).then(|| format!("{word} is an option of {}", others.join(" and ")))
}

fn has_option(command: &Command, long: &str) -> bool {
    command.get_arguments().any(|argument| argument.get_long() == Some(long))
}

/// How what is in a folder is served.
pub(super) fn folder_tip(folder: &Path) -> String {
    let name = folder.display();
    if folder.join("arenaria.toml").exists() {
        let config = folder.join("arenaria.toml");
        return format!("did you mean 'arenaria serve --config {}'?", config.display());
    }
    if ["Cargo.toml", "package.json", "requirements.txt"]
        .iter()
        .any(|file| folder.join(file).exists())
    {
        return format!("build the project first: cd {name} && arenaria build");
    }
    format!("name a component in it: arenaria serve {}", folder.join("NAME.wasm").display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_that_is_offered_exists() {
        let program = Cli::command();
        for (option, names) in OPTIONS {
            let long = option.trim_start_matches("--").split(' ').next().unwrap();
            let commands = program.get_subcommands().filter(|command| has_option(command, long));
            assert!(commands.count() > 0, "{option}");
            for name in names {
                let long = name.trim_start_matches("--");
                let is_free = program.get_subcommands().any(|command| !has_option(command, long));
                assert!(is_free, "{name} is an option of every command");
            }
        }
    }

    #[test]
    fn no_command_has_a_name_that_leads_to_another() {
        let program = Cli::command();
        let all = COMMANDS.iter().chain(&LINES).flat_map(|(_, names)| *names);
        let mut seen = std::collections::BTreeSet::new();
        for name in all {
            assert!(program.find_subcommand(name).is_none(), "{name} is a command");
            assert!(seen.insert(name), "{name} twice");
        }
    }
}
