//! Calls and definitions of functions.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::scope::{Known, Name, Scope, find, slot};
use super::{Compiled, Compiler};
use crate::plan::{Argument, Call, Function, Node, Op};
use crate::syntax::ast::{Definition, Expr, Kind, Parameter};
use crate::syntax::visit;

/// What a name that is called means.
enum Meaning {
    Parameter(u32),
    Function(Known),
}

impl<'t> Compiler<'t> {
    pub(super) fn call(&mut self, name: &str, arguments: &[Expr<'t>], at: u32) -> Compiled<Node> {
        let found = find(&self.scopes, |known| match known {
            Name::Parameter { name: known, slot } if *known == name && arguments.is_empty() => {
                Some(Meaning::Parameter(*slot))
            }
            Name::Function { name: known, arity, function }
                if *known == name && *arity == arguments.len() =>
            {
                Some(Meaning::Function(*function))
            }
            _ => None,
        });
        match found {
            Some((hops, Meaning::Parameter(at))) => self.node(Op::Parameter(slot(hops, at))),
            Some((hops, Meaning::Function(known))) => self.call_function(known, hops, arguments),
            None => self.builtin(name, arguments, at),
        }
    }

    pub(super) fn call_function(
        &mut self,
        known: Known,
        hops: u32,
        arguments: &[Expr<'t>],
    ) -> Compiled<Node> {
        // Arguments of which each value is a call of its own are bound first, the first one outermost.
        let mut sources = Vec::new();
        let mut compiled = Vec::with_capacity(arguments.len());
        for (index, argument) in arguments.iter().enumerate() {
            let is_value = known.values >> index & 1 == 1;
            if !is_value {
                compiled.push(self.closure(argument)?);
                continue;
            }
            let needs_filter = known.filters >> index & 1 == 1;
            let closure = if needs_filter { Some(self.closure_node(argument)?) } else { None };
            let node = self.expr(argument)?;
            compiled.push(Argument::Value { node, closure });
        }
        // An error in one of those before them comes first.
        let last_of_many = compiled.iter().rposition(|argument| match argument {
            Argument::Value { node, .. } => !node.is_one,
            Argument::Closure(_) | Argument::Passed(_) => false,
        });
        for argument in &mut compiled[..last_of_many.map_or(0, |last| last + 1)] {
            if let Argument::Value { node, .. } = argument {
                let bound = self.scope().new_slot();
                let variable = self.node(Op::Variable(slot(0, bound)))?;
                sources.push((core::mem::replace(node, variable), bound));
            }
        }
        let (is_one, nesting) = match &self.functions[known.function as usize] {
            Some(function) => (function.body.is_one, function.body.nesting),
            None => (false, 0),
        };
        let arguments = compiled.into();
        let mut node = self.node(Op::Call(Call {
            function: known.function,
            hops,
            arguments,
            is_one,
            nesting,
        }))?;
        for (source, slot) in sources.into_iter().rev() {
            node = self.node(Op::Bind { source: Box::new(source), slot, body: Box::new(node) })?;
        }
        Ok(node)
    }

    /// An argument that the function evaluates. A parameter that is only passed on needs no closure of its own.
    fn closure(&mut self, argument: &Expr<'t>) -> Compiled<Argument> {
        if let Kind::Call { name, arguments } = &argument.kind
            && arguments.is_empty()
        {
            let found = find(&self.scopes, |known| match known {
                Name::Parameter { name: known, slot } if known == name => Some(Some(*slot)),
                Name::Function { name: known, arity: 0, .. } if known == name => Some(None),
                _ => None,
            });
            if let Some((hops, Some(at))) = found {
                return Ok(Argument::Passed(slot(hops, at)));
            }
        }
        Ok(Argument::Closure(self.closure_node(argument)?))
    }

    fn closure_node(&mut self, argument: &Expr<'t>) -> Compiled<u32> {
        let node = self.expr(argument)?;
        self.closures.push(node);
        Ok(self.closures.len() as u32 - 1)
    }

    /// A definition: its name holds in its own body and from here on.
    pub(super) fn definition(&mut self, definition: &Definition<'t>) -> Compiled<()> {
        let known = self.reserve(definition)?;
        let (name, arity) = (definition.name, definition.parameters.len());
        self.scope().names.push(Name::Function { name, arity, function: known });
        self.function(definition, known)
    }

    pub(super) fn reserve(&mut self, definition: &Definition<'t>) -> Compiled<Known> {
        const PARAMETERS_MAX: usize = 64;
        if definition.parameters.len() > PARAMETERS_MAX {
            return self.fail(
                definition.at,
                format!("a function has at most {PARAMETERS_MAX} parameters"),
            );
        }
        let function = self.functions.len() as u32;
        self.functions.push(None);
        let mut known = Known { function, values: 0, filters: 0 };
        for (index, parameter) in definition.parameters.iter().enumerate() {
            if let Parameter::Value(name) = parameter {
                known.values |= 1 << index;
                known.filters |= u64::from(visit::calls(&definition.body, name)) << index;
            }
        }
        Ok(known)
    }

    /// Compiles the body of a function.
    pub(super) fn function(&mut self, definition: &Definition<'t>, known: Known) -> Compiled<()> {
        let mut scope = Scope { names: Vec::new(), slots: 1 };
        for (index, parameter) in definition.parameters.iter().enumerate() {
            match parameter {
                Parameter::Filter(name) => {
                    let slot = scope.new_slot();
                    scope.names.push(Name::Parameter { name, slot });
                }
                Parameter::Value(name) => {
                    let slot = scope.new_slot();
                    scope.names.push(Name::Variable { name, slot });
                    if known.filters >> index & 1 == 1 {
                        let slot = scope.new_slot();
                        scope.names.push(Name::Parameter { name, slot });
                    }
                }
            }
        }
        self.scopes.push(scope);
        let body = self.expr(&definition.body);
        let slots = self.scope().slots;
        self.scopes.pop();
        self.functions[known.function as usize] = Some(Function { body: body?, slots });
        Ok(())
    }
}
