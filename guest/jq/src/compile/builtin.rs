//! Builtins: nodes of their own, functions of the host language, and definitions in jq.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::scope::{Known, Name, Scope};
use super::{Compiled, Compiler};
use crate::builtins::{self, library};
use crate::plan::{By, Node, Op};
use crate::syntax::{self, ast::Expr};
use crate::value::{Kind, Value};

/// Arrays and objects.
const ITERABLES: u8 = Kind::Array.bit() | Kind::Object.bit();

impl<'t> Compiler<'t> {
    pub(super) fn builtin(
        &mut self,
        name: &str,
        arguments: &[Expr<'t>],
        at: u32,
    ) -> Compiled<Node> {
        self.compile_pattern(name, arguments);
        let special = match arguments {
            [] => self.special_0(name)?,
            [a] => self.special_1(name, a)?,
            [a, b] => self.special_2(name, a, b)?,
            [a, b, c] => self.special_3(name, a, b, c)?,
            _ => None,
        };
        if let Some(op) = special {
            return self.node(op);
        }
        if let Some(native) = builtins::native(name, arguments.len()) {
            let arguments = self.all(arguments)?;
            return self.node(Op::Native { native, arguments });
        }
        if let Some(known) = self.library_function(name, arguments.len())? {
            let hops = self.scopes.len() as u32 - 1;
            return self.call_function(known, hops, arguments);
        }
        self.fail(at, format!("{name}/{} is not defined", arguments.len()))
    }

    fn identity(&mut self) -> Compiled<Box<Node>> {
        Ok(Box::new(self.node(Op::Identity)?))
    }

    fn iterate(&mut self) -> Compiled<Box<Node>> {
        let of = self.identity()?;
        Ok(Box::new(self.node(Op::Iterate(of))?))
    }

    fn constant(&mut self, number: f64) -> Compiled<Box<Node>> {
        Ok(Box::new(self.node(Op::Constant(Value::Number(number)))?))
    }

    fn special_0(&mut self, name: &str) -> Compiled<Option<Op>> {
        Ok(Some(match name {
            // There is one input only.
            "empty" | "inputs" => Op::Empty,
            "nulls" => Op::OfKind(Kind::Null.bit()),
            "booleans" => Op::OfKind(Kind::False.bit() | Kind::True.bit()),
            "numbers" => Op::OfKind(Kind::Number.bit()),
            "strings" => Op::OfKind(Kind::String.bit()),
            "arrays" => Op::OfKind(Kind::Array.bit()),
            "objects" => Op::OfKind(Kind::Object.bit()),
            "iterables" => Op::OfKind(ITERABLES),
            "scalars" => Op::OfKind(!ITERABLES),
            "values" => Op::OfKind(!Kind::Null.bit()),
            "error" => Op::Error(self.identity()?),
            "recurse" => Op::RecurseAll,
            "add" => Op::Add(self.iterate()?),
            "any" | "all" => Op::Any {
                source: self.iterate()?,
                condition: self.identity()?,
                is_all: name == "all",
            },
            "tostream" => Op::ToStream,
            "input" => Op::Input { all: false },
            "builtins" => return self.builtin_names().map(Some),
            _ => return Ok(None),
        }))
    }

    fn special_1(&mut self, name: &str, a: &Expr<'t>) -> Compiled<Option<Op>> {
        let by = |by, node| Ok(Some(Op::By(by, node)));
        Ok(Some(match name {
            "error" => Op::Error(self.boxed(a)?),
            "path" => Op::Path(self.boxed(a)?),
            "getpath" => Op::GetPath(self.boxed(a)?),
            "del" => Op::Delete(self.boxed(a)?),
            "fromstream" => Op::FromStream(self.boxed(a)?),
            "walk" => Op::Walk(self.boxed(a)?),
            "select" => {
                let (condition, yes) = (self.boxed(a)?, self.identity()?);
                Op::If { condition, yes, no: Box::new(self.node(Op::Empty)?) }
            }
            "map" => {
                let (each, of) = (self.iterate()?, self.expr(a)?);
                let mut parts = alloc::vec![*each];
                match of.op {
                    Op::Pipe(inner) => parts.extend(inner),
                    _ => parts.push(of),
                }
                Op::Array(Some(Box::new(self.node(Op::Pipe(parts.into()))?)))
            }
            "recurse" => Op::Recurse(self.boxed(a)?),
            "first" => Op::First(self.boxed(a)?),
            "last" => Op::Last(self.boxed(a)?),
            "add" => Op::Add(self.boxed(a)?),
            "isempty" => Op::IsEmpty(self.boxed(a)?),
            "any" | "all" => Op::Any {
                source: self.iterate()?,
                condition: self.boxed(a)?,
                is_all: name == "all",
            },
            "range" => Op::Range { from: self.constant(0.0)?, to: self.boxed(a)?, by: None },
            "sort_by" => return by(By::Sort, self.boxed(a)?),
            "group_by" => return by(By::Group, self.boxed(a)?),
            "unique_by" => return by(By::Unique, self.boxed(a)?),
            "min_by" => return by(By::Min, self.boxed(a)?),
            "max_by" => return by(By::Max, self.boxed(a)?),
            _ => return Ok(None),
        }))
    }

    fn special_2(&mut self, name: &str, a: &Expr<'t>, b: &Expr<'t>) -> Compiled<Option<Op>> {
        Ok(Some(match name {
            "limit" => Op::Limit(self.boxed(a)?, self.boxed(b)?),
            "skip" => Op::Skip(self.boxed(a)?, self.boxed(b)?),
            "any" | "all" => {
                Op::Any { source: self.boxed(a)?, condition: self.boxed(b)?, is_all: name == "all" }
            }
            "range" => Op::Range { from: self.boxed(a)?, to: self.boxed(b)?, by: None },
            _ => return Ok(None),
        }))
    }

    fn special_3(
        &mut self,
        name: &str,
        a: &Expr<'t>,
        b: &Expr<'t>,
        c: &Expr<'t>,
    ) -> Compiled<Option<Op>> {
        Ok(match name {
            "range" => Some(Op::Range {
                from: self.boxed(a)?,
                to: self.boxed(b)?,
                by: Some(self.boxed(c)?),
            }),
            _ => None,
        })
    }

    /// A function of the library. It is compiled at its first use, outside all of the program's names.
    fn library_function(&mut self, name: &str, arity: usize) -> Compiled<Option<Known>> {
        if let Some((_, _, known)) =
            self.library.iter().find(|(known, count, _)| *known == name && *count == arity)
        {
            return Ok(Some(*known));
        }
        let found =
            library::LIBRARY.iter().find(|(known, count, _)| *known == name && *count == arity);
        let Some((name, arity, text)) = found else { return Ok(None) };
        let definitions = syntax::parse_definitions(text)?;
        let [definition] = &definitions[..] else {
            unreachable!("an entry of the library is one definition")
        };
        let known = self.reserve(definition)?;
        self.library.push((name, *arity, known));
        let outer = core::mem::take(&mut self.scopes);
        let was_library = core::mem::replace(&mut self.is_library, true);
        let mut main = Scope::main();
        main.names.push(Name::Function { name, arity: *arity, function: known });
        self.scopes.push(main);
        let compiled = self.function(definition, known);
        self.scopes = outer;
        self.is_library = was_library;
        compiled.map(|()| Some(known))
    }

    /// `builtins`: the names with their numbers of parameters.
    fn builtin_names(&mut self) -> Compiled<Op> {
        let names: Vec<alloc::string::String> = builtins::names();
        let mut parts = Vec::with_capacity(names.len());
        for name in names {
            let name = self.string(&name);
            parts.push(Op::Constant(name).node());
        }
        Ok(Op::Array(Some(Box::new(Op::Comma(parts.into()).node()))))
    }
}
