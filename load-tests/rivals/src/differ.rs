//! Random programs over random documents: does our engine give libjq's answer, text for text?
//!
//! A case follows from its seed. The cases of a run have the seeds from `seed` on.

mod answer;
mod exceptions;
mod grammar;
mod node;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic;

use serde_json::{Value, json};

use crate::cases::same_values;
use crate::memory;
use crate::report::Report;
use answer::{Answer, PANIC, ours, theirs};
use grammar::Grammar;

/// How many differences are made small and shown.
const SHOWN_MAX: usize = 40;

/// How the answers to a case compare.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Same(&'static str),
    NotCompared(&'static str),
    /// A known difference, see `exceptions`.
    Exception(&'static str),
    Differs(&'static str),
}

/// Compares the answers to a case.
fn verdict(program: &str, document: &str) -> (Verdict, Answer, Answer) {
    let right = theirs(program, document);
    if let Answer::Other(reason) = right {
        return (Verdict::NotCompared(reason), right.clone(), right);
    }
    for threshold in [None, Some(0)] {
        let given = ours(program, document, threshold);
        let verdict = compare(program, &right, &given);
        if threshold.is_some() || !matches!(verdict, Verdict::Same(_)) {
            return (verdict, right, given);
        }
    }
    unreachable!("the last threshold gives a verdict")
}

/// Compares one of our answers with libjq's.
fn compare(program: &str, right: &Answer, given: &Answer) -> Verdict {
    let kind = match (right, given) {
        (_, Answer::Other(PANIC)) => PANIC,
        (_, Answer::Other(reason)) => return Verdict::NotCompared(reason),
        (Answer::Refused(_), Answer::Refused(_)) => return Verdict::Same("both refuse the program"),
        (Answer::Refused(_), _) => "only libjq refuses the program",
        (_, Answer::Refused(_)) => "only we refuse the program",
        (Answer::Ran(left, None), Answer::Ran(out, None)) if left == out => return Verdict::Same("the same outputs"),
        (Answer::Ran(left, Some(error)), Answer::Ran(out, Some(message))) if left == out && error == message => {
            return Verdict::Same("the same outputs and error");
        }
        (Answer::Ran(left, _), Answer::Ran(out, _)) if !same_values(left.as_bytes(), out.as_bytes()) => "other values",
        (Answer::Ran(left, _), Answer::Ran(out, _)) if left != out => "other texts of the same values",
        (Answer::Ran(_, Some(_)), Answer::Ran(_, Some(_))) => "another message",
        (Answer::Ran(_, None), _) => "an error of ours alone",
        _ => "an error of libjq alone",
    };
    match exceptions::name(program, right, given) {
        Some(name) if kind != PANIC => Verdict::Exception(name),
        _ => Verdict::Differs(kind),
    }
}

/// Compares `count` cases from `seed` on. Gives also whether all is as it should be.
pub(crate) fn run(seed: u64, count: u64) -> (Report, bool) {
    memory::count();
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let grammar = Grammar::new();
    let mut counts = BTreeMap::<Verdict, u64>::new();
    let mut text = format!("{count} cases from seed {seed} on\n");
    let mut found = Vec::new();
    for seed in seed..seed.saturating_add(count) {
        let case = grammar.case(seed);
        let (verdict, ..) = verdict(&case.program.to_string(), &case.document.to_string());
        if matches!(verdict, Verdict::Differs(_)) && found.len() < SHOWN_MAX {
            found.push(difference(&mut text, seed, case, &verdict));
        }
        *counts.entry(verdict).or_default() += 1;
    }
    panic::set_hook(hook);
    let mut table = BTreeMap::<String, u64>::new();
    for (verdict, count) in &counts {
        let name = match verdict {
            Verdict::Same(name) => (*name).to_owned(),
            Verdict::NotCompared(reason) => format!("not compared: {reason}"),
            Verdict::Exception(name) => format!("known difference: {name}"),
            Verdict::Differs(kind) => format!("DIFFERS: {kind}"),
        };
        let _ = writeln!(text, "{count:>9}  {name}");
        table.insert(name, *count);
    }
    let is_right = !counts.keys().any(|verdict| matches!(verdict, Verdict::Differs(_)));
    ((text, json!({"seed": seed, "count": count, "verdicts": table, "differences": found})), is_right)
}

/// Makes a difference small, and appends it as a case for our tests.
fn difference(text: &mut String, seed: u64, case: node::Case, found: &Verdict) -> Value {
    let small = case.shrink(|program, document| verdict(program, document).0 == *found);
    let (program, document) = (small.program.to_string(), small.document.to_string());
    let (_, right, given) = verdict(&program, &document);
    let (right, given) = (right.lines(), given.lines());
    let Verdict::Differs(kind) = found else { unreachable!("only differences are shown") };
    let _ = writeln!(text, "\n// seed {seed}: {kind}\ncheck(r#\"{program}\"#, r#\"{document}\"#, &{right:?});");
    let _ = writeln!(text, "// ours: {given:?}");
    json!({"seed": seed, "kind": kind, "program": program, "document": document, "right": right, "given": given})
}
