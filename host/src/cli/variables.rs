//! The environment variables of `arenaria`. An empty one counts as unset, a misspelt one is
//! reported.
//!
//! The known names come from the definitions of the flags. Variables without a flag are in a list.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use clap::builder::Resettable;
use clap::{Command, CommandFactory as _, FromArgMatches as _};

use crate::cli::args::Cli;
use crate::cli::hints::with_tip;

const PREFIX: &str = "ARENARIA_";

/// Variables without a flag: the filter of the log, the folder of assets, and the folder of
/// components for the project's own tests.
const WITHOUT_A_FLAG: [&str; 3] = ["ARENARIA_LOG", "ARENARIA_ASSETS", "ARENARIA_COMPONENTS"];

/// The settings of a bridged processor, which another host runs.
const BRIDGE_PREFIX: &str = "ARENARIA_SET_";

/// The minimum similarity (1 is equal) for a known name to be suggested instead of an unknown one.
const SIMILARITY_MIN: f64 = 0.8;

/// Parses the command line and the environment. Ends the process if they are invalid.
#[must_use]
pub fn parse() -> Cli {
    let matches = without_empty_variables(Cli::command()).try_get_matches();
    let matches = matches.unwrap_or_else(|error| with_tip(error).exit());
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The value of a variable. An empty one counts as unset.
#[must_use]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Makes every flag ignore its variable if that is empty.
fn without_empty_variables(command: Command) -> Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let command = command.mut_args(|arg| match arg.get_env() {
        Some(name) if is_empty(name) => arg.env(Resettable::Reset),
        _ => arg,
    });
    command.mut_subcommands(without_empty_variables)
}

/// A message for each unknown environment variable with arenaria's prefix.
pub(super) fn unknown_variables() -> Vec<String> {
    let names = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    let names: BTreeSet<_> = names.filter_map(|(name, _)| name.into_string().ok()).collect();
    let mut known = BTreeSet::from(WITHOUT_A_FLAG.map(str::to_owned));
    collect_names(&Cli::command(), &mut known);
    unknown(&names, &known)
}

fn collect_names(command: &Command, known: &mut BTreeSet<String>) {
    let names = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str());
    known.extend(names.map(str::to_owned));
    command.get_subcommands().for_each(|command| collect_names(command, known));
}

fn unknown(names: &BTreeSet<String>, known: &BTreeSet<String>) -> Vec<String> {
    let is_unknown = |name: &&String| {
        name.starts_with(PREFIX)
            && !known.contains(*name)
            && !name.starts_with(BRIDGE_PREFIX)
            && !is_of_kubernetes(name, names)
    };
    let sentence = |name: &String| match nearest(name, known) {
        Some(nearest) => format!("unknown environment variable {name}; did you mean {nearest}?"),
        None => format!("unknown environment variable {name}; unset it"),
    };
    names.iter().filter(is_unknown).map(sentence).collect()
}

/// Whether Kubernetes sets this variable: for a Service named `arenaria` or `arenaria-…` it sets
/// `…_SERVICE_HOST`, `…_SERVICE_PORT`, `…_PORT`, `…_PORT_80_TCP` and more of these in every pod.
fn is_of_kubernetes(name: &str, names: &BTreeSet<String>) -> bool {
    const ENDS: [&str; 2] = ["_PORT", "_SERVICE_"];
    let services = names.iter().filter_map(|name| name.strip_suffix("_SERVICE_HOST"));
    std::iter::once("ARENARIA").chain(services).any(|service| {
        let rest = name.strip_prefix(service);
        rest.is_some_and(|rest| ENDS.iter().any(|end| rest.starts_with(end)))
    })
}

fn nearest<'a>(name: &str, known: &'a BTreeSet<String>) -> Option<&'a str> {
    let similarity = |known: &str| {
        strsim::normalized_damerau_levenshtein(&name[PREFIX.len()..], &known[PREFIX.len()..])
    };
    let ranked = known.iter().map(|known| (similarity(known), known.as_str()));
    let (similarity, nearest) = ranked.max_by(|left, right| left.0.total_cmp(&right.0))?;
    (similarity >= SIMILARITY_MIN).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: &[&str]) {
        let mut known = BTreeSet::new();
        collect_names(&Cli::command(), &mut known);
        let names = [name, "ARENARIA_OPERATOR_SERVICE_HOST"].map(str::to_owned).into();
        assert_eq!(unknown(&names, &known), expected);
    }

    #[test]
    fn unknown_names_are_reported_and_those_of_kubernetes_are_not() {
        check("ARENARIA_MEMORY", &[]);
        check("HOME", &[]);
        check(
            "ARENARIA_MEMMORY",
            &["unknown environment variable ARENARIA_MEMMORY; did you mean ARENARIA_MEMORY?"],
        );
        check("ARENARIA_ZEBRA", &["unknown environment variable ARENARIA_ZEBRA; unset it"]);
        for name in [
            "ARENARIA_PORT",
            "ARENARIA_PORT_8080_TCP_ADDR",
            "ARENARIA_SERVICE_HOST",
            "ARENARIA_SERVICE_PORT_HTTP",
            "ARENARIA_OPERATOR_PORT_8081_TCP",
            "ARENARIA_SET_PROGRAM",
        ] {
            check(name, &[]);
        }
    }
}
