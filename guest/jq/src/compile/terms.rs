//! Expressions.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::scope::{Name, find, slot};
use super::{Compiled, Compiler};
use crate::number::{self, Parsed};
use crate::plan::{Arithmetic, Comparison, Format, Node, Op, TextPart};
use crate::syntax::ast::{Assign, Binary, Branch, Entry, Expr, Kind, Part, Step};
use crate::value::{Origin, Value};

impl<'t> Compiler<'t> {
    pub(super) fn expr(&mut self, expr: &Expr<'t>) -> Compiled<Node> {
        let op = match &expr.kind {
            Kind::Identity => Op::Identity,
            Kind::Null => Op::Constant(Value::Null),
            Kind::Boolean(value) => Op::Constant(Value::bool(*value)),
            Kind::Number(text) => Op::Constant(self.number(text)),
            Kind::Text { format, parts } => return self.text(*format, parts, expr.at),
            Kind::Format(name) => {
                let format = self.format(name, expr.at)?;
                Op::Format(format, Box::new(self.node(Op::Identity)?))
            }
            Kind::Path { of, steps } => return self.path(of, steps),
            Kind::Try { body, handler } => {
                let body = self.boxed(body)?;
                let handler = handler.as_ref().map(|handler| self.boxed(handler)).transpose()?;
                Op::Try { body, handler }
            }
            Kind::Pipe(parts) => return self.pipe(parts),
            Kind::Comma(parts) => Op::Comma(self.all(parts)?),
            Kind::Negate(of) => {
                let of = self.expr(of)?;
                return self.negate(of);
            }
            Kind::Binary { first, rest } => return self.binary(first, rest),
            Kind::And(parts) => return self.left(parts, Op::And),
            Kind::Or(parts) => return self.left(parts, Op::Or),
            Kind::Alternative(parts) => return self.right(parts),
            Kind::Assign(assign, target, value) => return self.assign(*assign, target, value),
            Kind::If { branches, no } => return self.branches(branches, no.as_deref()),
            Kind::Array(of) => Op::Array(of.as_ref().map(|of| self.boxed(of)).transpose()?),
            Kind::Object(entries) => return self.object(entries),
            Kind::Variable(name) => return self.named_variable(name, expr.at),
            Kind::Location { line } => return self.location(*line),
            Kind::Call { name, arguments } => return self.call(name, arguments, expr.at),
            _ => return self.binding(expr),
        };
        self.node(op)
    }

    pub(super) fn all(&mut self, parts: &[Expr<'t>]) -> Compiled<Box<[Node]>> {
        parts.iter().map(|part| self.expr(part)).collect()
    }

    fn number(&mut self, text: &str) -> Value {
        match number::parse_program_literal(text) {
            Some(Parsed::Double(value)) => Value::Number(value),
            Some(Parsed::Literal(digits)) => {
                let start = self.constants.len() as u32;
                self.constants.extend_from_slice(&digits);
                Value::Literal {
                    origin: Origin::Constants,
                    len: digits.len() as u32,
                    start,
                    block: 0,
                }
            }
            None => Value::Number(f64::NAN),
        }
    }

    /// A minus in front of a number is done here.
    fn negate(&mut self, of: Node) -> Compiled<Node> {
        let op = match of.op {
            Op::Constant(Value::Number(0.0)) => Op::Constant(Value::Number(0.0)),
            Op::Constant(Value::Number(value)) => Op::Constant(Value::Number(-value)),
            _ => Op::Negate(Box::new(of)),
        };
        self.node(op)
    }

    fn format(&self, name: &str, at: u32) -> Compiled<Format> {
        Ok(match name {
            "text" => Format::Text,
            "json" => Format::Json,
            "csv" => Format::Csv,
            "tsv" => Format::Tsv,
            "html" => Format::Html,
            "uri" => Format::Uri,
            "urid" => Format::UriDecode,
            "sh" => Format::Sh,
            "base64" => Format::Base64,
            "base64d" => Format::Base64Decode,
            _ => return self.fail(at, format!("@{name} is not a valid format")),
        })
    }

    fn text(&mut self, format: Option<&str>, parts: &[Part<'t>], at: u32) -> Compiled<Node> {
        let format = format.map_or(Ok(Format::Text), |name| self.format(name, at))?;
        match parts {
            [] => return self.node(Op::Constant(Value::EMPTY_STRING)),
            [Part::Text(text)] => {
                let text = self.string(text);
                return self.node(Op::Constant(text));
            }
            _ => {}
        }
        let mut compiled = Vec::with_capacity(parts.len());
        for part in parts {
            compiled.push(match part {
                Part::Text(text) => TextPart::Text(String::from(text.as_str())),
                Part::Interpolation(expr) => TextPart::Value(format, self.expr(expr)?),
            });
        }
        self.node(Op::Text { parts: compiled.into() })
    }

    fn path(&mut self, of: &Expr<'t>, steps: &[Step<'t>]) -> Compiled<Node> {
        let mut node = self.expr(of)?;
        for step in steps {
            let of = Box::new(node);
            let (op, is_optional) = match step {
                Step::Index { key, optional } => {
                    let key = self.expr(key)?;
                    let op = match key.op {
                        Op::Constant(key) if key.is_string() => Op::Field { of, key },
                        _ => Op::Index { of, key: Box::new(key) },
                    };
                    (op, *optional)
                }
                Step::Slice { from, to, optional } => {
                    let from = from.as_ref().map(|from| self.boxed(from)).transpose()?;
                    let to = to.as_ref().map(|to| self.boxed(to)).transpose()?;
                    (Op::Slice { of, from, to }, *optional)
                }
                Step::Iterate { optional } => (Op::Iterate(of), *optional),
            };
            node = self.node(op)?;
            if is_optional {
                node = self.node(Op::Optional(Box::new(node)))?;
            }
        }
        Ok(node)
    }

    fn pipe(&mut self, parts: &[Expr<'t>]) -> Compiled<Node> {
        let mut nodes = Vec::with_capacity(parts.len());
        for part in parts {
            let node = self.expr(part)?;
            match node.op {
                Op::Identity => {}
                Op::Pipe(inner) => nodes.extend(inner),
                _ => nodes.push(node),
            }
        }
        match nodes.len() {
            0 => self.node(Op::Identity),
            1 => Ok(nodes.pop().expect("it is there")),
            _ => self.node(Op::Pipe(nodes.into())),
        }
    }

    fn binary(&mut self, first: &Expr<'t>, rest: &[(Binary, Expr<'t>)]) -> Compiled<Node> {
        let mut left = self.expr(first)?;
        for (operator, right) in rest {
            let right = Box::new(self.expr(right)?);
            let op = operation(*operator, Box::new(left), right);
            left = self.node(op)?;
        }
        Ok(left)
    }

    fn left(
        &mut self,
        parts: &[Expr<'t>],
        op: impl Fn(Box<Node>, Box<Node>) -> Op,
    ) -> Compiled<Node> {
        let (first, rest) = parts.split_first().expect("an operator has operands");
        let mut left = self.expr(first)?;
        for right in rest {
            let right = self.boxed(right)?;
            left = self.node(op(Box::new(left), right))?;
        }
        Ok(left)
    }

    fn right(&mut self, parts: &[Expr<'t>]) -> Compiled<Node> {
        let (last, rest) = parts.split_last().expect("an operator has operands");
        let mut right = self.expr(last)?;
        for left in rest.iter().rev() {
            let left = self.boxed(left)?;
            right = self.node(Op::Alternative(left, Box::new(right)))?;
        }
        Ok(right)
    }

    fn branches(&mut self, branches: &[Branch<'t>], no: Option<&Expr<'t>>) -> Compiled<Node> {
        let mut node = match no {
            Some(no) => self.expr(no)?,
            None => self.node(Op::Identity)?,
        };
        for branch in branches.iter().rev() {
            let (condition, yes) = (self.boxed(&branch.condition)?, self.boxed(&branch.yes)?);
            node = self.node(Op::If { condition, yes, no: Box::new(node) })?;
        }
        Ok(node)
    }

    fn object(&mut self, entries: &[Entry<'t>]) -> Compiled<Node> {
        if entries.is_empty() {
            return self.node(Op::Constant(Value::EMPTY_OBJECT));
        }
        let mut compiled: Vec<(Node, Option<Node>)> = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = self.expr(&entry.key)?;
            let value = match (&entry.value, &key.op) {
                (Some(value), _) => Some(self.expr(value)?),
                (None, Op::Constant(name)) => {
                    let (of, key) = (Box::new(Op::Identity.node()), *name);
                    Some(self.node(Op::Field { of, key })?)
                }
                (None, _) => None,
            };
            compiled.push((key, value));
        }
        let keys_differ = self.do_keys_differ(&compiled);
        self.node(Op::Object { entries: compiled.into(), keys_differ })
    }

    fn do_keys_differ(&self, entries: &[(Node, Option<Node>)]) -> bool {
        let mut keys = Vec::with_capacity(entries.len());
        for (key, _) in entries {
            let text = match &key.op {
                Op::Constant(Value::Short { len, bytes }) => &bytes[..*len as usize],
                Op::Constant(Value::Text { start, len, .. }) => {
                    &self.constants[*start as usize..][..*len as usize]
                }
                _ => return false,
            };
            keys.push(text);
        }
        keys.sort_unstable();
        keys.windows(2).all(|pair| pair[0] != pair[1])
    }

    fn named_variable(&mut self, name: &str, at: u32) -> Compiled<Node> {
        let found = find(&self.scopes, |known| match known {
            Name::Variable { name: known, slot } if *known == name => Some(*slot),
            _ => None,
        });
        match (found, name) {
            (Some((hops, at)), _) => self.node(Op::Variable(slot(hops, at))),
            // The environment is empty.
            (None, "ENV") => self.node(Op::Constant(Value::EMPTY_OBJECT)),
            (None, _) => self.fail(at, format!("${name} is not defined")),
        }
    }

    fn location(&mut self, line: u32) -> Compiled<Node> {
        let constant = |value| Op::Constant(value).node();
        let (file, line_key) = (self.string("file"), self.string("line"));
        let top = self.string("<top-level>");
        let line = Value::Number(f64::from(line));
        let entries =
            [(constant(file), Some(constant(top))), (constant(line_key), Some(constant(line)))];
        self.node(Op::Object { entries: Box::new(entries), keys_differ: true })
    }

    fn assign(&mut self, assign: Assign, target: &Expr<'t>, value: &Expr<'t>) -> Compiled<Node> {
        let path = self.boxed(target)?;
        let is_simple = is_simple(&path);
        match assign {
            Assign::Set => {
                let value = self.boxed(value)?;
                self.node(Op::Set { path, value, is_simple })
            }
            Assign::Update => {
                let value = self.boxed(value)?;
                self.node(Op::Update { path, value, is_simple })
            }
            Assign::Alternative | Assign::Arithmetic(_) => {
                // `a += b` is `b as $x | a |= . + $x`, for each value of `b`.
                let source = self.boxed(value)?;
                let bound = self.scope().new_slot();
                let old = Box::new(self.node(Op::Identity)?);
                let new = Box::new(self.node(Op::Variable(slot(0, bound)))?);
                let op = match assign {
                    Assign::Arithmetic(operator) => operation(operator, old, new),
                    _ => Op::Alternative(old, new),
                };
                let value = Box::new(self.node(op)?);
                let body = Box::new(self.node(Op::Update { path, value, is_simple })?);
                self.node(Op::Bind { source, slot: bound, body })
            }
        }
    }
}

/// Whether a path expression leads to one place, which is known before anything changes.
fn is_simple(node: &Node) -> bool {
    match &node.op {
        Op::Identity => true,
        Op::Field { of, .. } => is_simple(of),
        Op::Index { of, key } => key.is_one && is_simple(of),
        _ => false,
    }
}

pub(super) fn operation(operator: Binary, a: Box<Node>, b: Box<Node>) -> Op {
    match operator {
        Binary::Add => Op::Arithmetic(Arithmetic::Add, a, b),
        Binary::Subtract => Op::Arithmetic(Arithmetic::Subtract, a, b),
        Binary::Multiply => Op::Arithmetic(Arithmetic::Multiply, a, b),
        Binary::Divide => Op::Arithmetic(Arithmetic::Divide, a, b),
        Binary::Modulo => Op::Arithmetic(Arithmetic::Modulo, a, b),
        Binary::Equal => Op::Compare(Comparison::Equal, a, b),
        Binary::NotEqual => Op::Compare(Comparison::NotEqual, a, b),
        Binary::Less => Op::Compare(Comparison::Less, a, b),
        Binary::LessEqual => Op::Compare(Comparison::LessEqual, a, b),
        Binary::Greater => Op::Compare(Comparison::Greater, a, b),
        Binary::GreaterEqual => Op::Compare(Comparison::GreaterEqual, a, b),
    }
}
