//! Expressions that bind names: variables, labels, definitions.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::scope::{Name, find, slot};
use super::{Compiled, Compiler};
use crate::plan::{self, Binding, Node, Op};
use crate::syntax::ast::{Expr, Kind, Pattern, PatternEntry};

impl<'t> Compiler<'t> {
    pub(super) fn binding(&mut self, expr: &Expr<'t>) -> Compiled<Node> {
        match &expr.kind {
            Kind::Bind { source, patterns, body } => {
                let source = self.boxed(source)?;
                self.within(|compiler| {
                    let binding = compiler.patterns(patterns)?;
                    let body = compiler.boxed(body)?;
                    compiler.node(match binding {
                        Binding::Slot(slot) => Op::Bind { source, slot, body },
                        Binding::Patterns { patterns, slots } => {
                            Op::Destructure { source, patterns, slots, body }
                        }
                    })
                })
            }
            Kind::Reduce { source, patterns, init, update } => {
                let (source, init) = (self.boxed(source)?, self.boxed(init)?);
                self.within(|compiler| {
                    let pattern = Box::new(compiler.patterns(patterns)?);
                    let update = compiler.boxed(update)?;
                    compiler.node(Op::Reduce { source, pattern, init, update })
                })
            }
            Kind::Foreach { source, patterns, init, update, extract } => {
                let (source, init) = (self.boxed(source)?, self.boxed(init)?);
                self.within(|compiler| {
                    let pattern = Box::new(compiler.patterns(patterns)?);
                    let update = compiler.boxed(update)?;
                    let extract =
                        extract.as_ref().map(|extract| compiler.boxed(extract)).transpose()?;
                    compiler.node(Op::Foreach { source, pattern, init, update, extract })
                })
            }
            Kind::Label { name, body } => self.within(|compiler| {
                let slot = compiler.scope().new_slot();
                compiler.scope().names.push(Name::Label { name, slot });
                let body = compiler.boxed(body)?;
                compiler.node(Op::Label { slot, body })
            }),
            Kind::Break(name) => {
                let found = find(&self.scopes, |known| match known {
                    Name::Label { name: known, slot } if known == name => Some(*slot),
                    _ => None,
                });
                match found {
                    Some((hops, at)) => self.node(Op::Break(slot(hops, at))),
                    None => self.fail(expr.at, format!("$*label-{name} is not defined")),
                }
            }
            Kind::Define { definitions, body } => self.within(|compiler| {
                compiler.define(definitions)?;
                compiler.expr(body)
            }),
            other => unreachable!("{other:?} binds nothing"),
        }
    }

    /// Binds the variables of patterns, from here on.
    fn patterns(&mut self, patterns: &[Pattern<'t>]) -> Compiled<Binding> {
        if let [Pattern::Variable(name)] = patterns {
            return Ok(Binding::Slot(self.variable(name)));
        }
        // Each variable of each alternative is bound in all of them.
        let mut names = Vec::new();
        for pattern in patterns {
            names_of(pattern, &mut names);
        }
        names.sort_unstable();
        names.dedup();
        // The keys of a pattern may use the variables before them, so the names hold at once.
        let mut slots: Vec<u32> = names.iter().map(|name| self.variable(name)).collect();
        let mut compiled = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            let mut bound = Bound::default();
            compiled.push(self.pattern(pattern, &mut bound)?);
            slots.extend(bound.unused);
        }
        Ok(Binding::Patterns { patterns: compiled.into(), slots: slots.into() })
    }

    fn pattern(&mut self, pattern: &Pattern<'t>, bound: &mut Bound<'t>) -> Compiled<plan::Pattern> {
        Ok(match pattern {
            Pattern::Variable(name) => plan::Pattern::Slot(self.bound(name, bound)),
            Pattern::Array(parts) => {
                // jq looks at the last element first.
                let mut compiled = Vec::with_capacity(parts.len());
                for part in parts.iter().rev() {
                    compiled.push(self.pattern(part, bound)?);
                }
                compiled.reverse();
                plan::Pattern::Array(compiled.into())
            }
            Pattern::Object(entries) => {
                let entries = entries.iter().map(|entry| self.pattern_entry(entry, bound));
                plan::Pattern::Object(entries.collect::<Compiled<_>>()?)
            }
        })
    }

    fn pattern_entry(
        &mut self,
        entry: &PatternEntry<'t>,
        bound: &mut Bound<'t>,
    ) -> Compiled<plan::PatternEntry> {
        let key = self.expr(&entry.key)?;
        let slot = entry.variable.map(|name| self.bound(name, bound));
        let value = entry.value.as_ref().map(|value| self.pattern(value, bound)).transpose()?;
        Ok(plan::PatternEntry { slot, key, value })
    }

    /// The slot of a variable that the current pattern binds. If a name is there twice, the first one counts that
    /// the evaluation comes to.
    fn bound(&mut self, name: &'t str, bound: &mut Bound<'t>) -> u32 {
        if bound.names.contains(&name) {
            let slot = self.scope().new_slot();
            bound.unused.push(slot);
            return slot;
        }
        bound.names.push(name);
        let names = &self.scope().names;
        let slot = names.iter().rev().find_map(|known| match known {
            Name::Variable { name: known, slot } if *known == name => Some(*slot),
            _ => None,
        });
        slot.expect("the variables of a pattern are bound before it is compiled")
    }
}

/// What a pattern has bound so far.
#[derive(Default)]
struct Bound<'t> {
    names: Vec<&'t str>,
    /// The slots of names that it binds again.
    unused: Vec<u32>,
}

fn names_of<'t>(pattern: &Pattern<'t>, names: &mut Vec<&'t str>) {
    match pattern {
        Pattern::Variable(name) => names.push(name),
        Pattern::Array(parts) => parts.iter().for_each(|part| names_of(part, names)),
        Pattern::Object(entries) => {
            for entry in entries {
                names.extend(entry.variable);
                if let Some(value) = &entry.value {
                    names_of(value, names);
                }
            }
        }
    }
}
