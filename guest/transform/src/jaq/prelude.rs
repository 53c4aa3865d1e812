//! The definitions that every program may use, parsed once, and the part of them that a given
//! program needs.
//!
//! jaq parses and compiles its whole standard library for each program and keeps it in the result.
//! Here a program is compiled with those definitions only that its words can reach: a superset of
//! what it calls, found without parsing it.
//!
//! Invariant: a definition refers to itself and to earlier ones only, as in every jq file.

use super::functions::{Fun, functions};
use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::path::{Part, Path};
use std::collections::BTreeSet;

/// All definitions, in order.
pub(crate) struct Prelude(Box<[Entry]>);

struct Entry {
    def: Def<&'static str>,
    /// Each name that the definition's body calls, once.
    calls: Box<[&'static str]>,
}

impl Prelude {
    /// Parses all definitions.
    pub(crate) fn new() -> Self {
        let ours = jaq_core::load::parse(include_str!("defs.jq"), |parser| parser.defs());
        let ours = ours.expect("our definitions parse, as a test shows");
        let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).chain(ours);
        Self(defs.filter(|def| !absent(def.name)).map(Entry::new).collect())
    }

    /// The definitions and native functions that can be reached from these words.
    pub(crate) fn reachable<'w>(
        &self,
        words: impl IntoIterator<Item = &'w str>,
    ) -> (Vec<Def<&'w str>>, Vec<Fun>) {
        let mut called: BTreeSet<&str> = words.into_iter().collect();
        let mut defs = Vec::new();
        // From last to first: what a definition calls comes before it.
        for entry in self.0.iter().rev() {
            if called.contains(entry.def.name) {
                called.extend(&entry.calls);
                defs.push(entry.def.clone());
            }
        }
        defs.reverse();
        let functions = functions().filter(|(name, ..)| called.contains(name));
        (defs, functions.collect())
    }
}

/// Definitions of jaq that write to the world or stop the process.
fn absent(name: &str) -> bool {
    super::functions::ABSENT.iter().any(|(absent, _)| *absent == name)
}

impl Entry {
    fn new(def: Def<&'static str>) -> Self {
        let mut calls = BTreeSet::new();
        calls_of_def(&def, &mut calls);
        Self { def, calls: calls.into_iter().collect() }
    }
}

type Names = BTreeSet<&'static str>;

fn calls_of_def(def: &Def<&'static str>, names: &mut Names) {
    calls_of(&def.body, names);
}

/// Collects the names of all filters that a term calls.
fn calls_of(term: &Term<&'static str>, names: &mut Names) {
    match term {
        Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Var(_) => {}
        Term::Str(format, parts) => {
            names.extend(format);
            for part in parts {
                if let StrPart::Term(term) = part {
                    calls_of(term, names);
                }
            }
        }
        Term::Arr(term) => calls_of_all(term.as_deref(), names),
        Term::Obj(fields) => {
            for (key, value) in fields {
                calls_of(key, names);
                calls_of_all(value, names);
            }
        }
        Term::Neg(term) | Term::Label(_, term) => calls_of(term, names),
        Term::BinOp(left, op, right) => {
            calls_of(left, names);
            if let BinaryOp::Pipe(Some(pattern)) = op {
                calls_of_pattern(pattern, names);
            }
            calls_of(right, names);
        }
        Term::Fold(_, source, pattern, arguments) => {
            calls_of(source, names);
            calls_of_pattern(pattern, names);
            calls_of_all(arguments, names);
        }
        Term::TryCatch(tried, caught) => {
            calls_of(tried, names);
            calls_of_all(caught.as_deref(), names);
        }
        Term::IfThenElse(branches, otherwise) => {
            for (condition, then) in branches {
                calls_of(condition, names);
                calls_of(then, names);
            }
            calls_of_all(otherwise.as_deref(), names);
        }
        Term::Def(defs, term) => {
            defs.iter().for_each(|def| calls_of_def(def, names));
            calls_of(term, names);
        }
        Term::Call(name, arguments) => {
            names.insert(name);
            calls_of_all(arguments, names);
        }
        Term::Path(term, Path(parts)) => {
            calls_of(term, names);
            for (part, _) in parts {
                match part {
                    Part::Index(index) => calls_of(index, names),
                    Part::Range(from, upto) => calls_of_all(from.iter().chain(upto), names),
                }
            }
        }
    }
}

fn calls_of_all<'t>(terms: impl IntoIterator<Item = &'t Term<&'static str>>, names: &mut Names) {
    terms.into_iter().for_each(|term| calls_of(term, names));
}

fn calls_of_pattern(pattern: &Pattern<&'static str>, names: &mut Names) {
    match pattern {
        Pattern::Var(_) => {}
        Pattern::Arr(items) => items.iter().for_each(|item| calls_of_pattern(item, names)),
        Pattern::Obj(fields) => {
            for (key, pattern) in fields {
                calls_of(key, names);
                calls_of_pattern(pattern, names);
            }
        }
    }
}
