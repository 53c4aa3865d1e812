//! Expressions: terms with operators between them, from `|` to `*`.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::Parsed;
use super::ast::{Assign, Binary, Expr, Kind};
use super::lexer::Token;
use super::parser::{Extent, Parser, bounded, fail, push};

/// What an operator makes.
#[derive(Debug, Clone, Copy)]
enum Action<'t> {
    /// One list of a whole chain.
    List(fn(Vec<Expr<'t>>) -> Kind<'t>),
    Assign(Assign),
    Binary(Binary),
}

/// An operator between two terms.
#[derive(Debug, Clone, Copy)]
struct Operator<'t> {
    action: Action<'t>,
    /// The higher binds the tighter.
    level: u8,
    symbol: &'t str,
}

/// What an expression has read. Operators wait until one that binds less tightly shows that their right operand is
/// complete.
#[derive(Debug)]
struct Stack<'t> {
    operands: Vec<Expr<'t>>,
    waiting: Vec<Operator<'t>>,
}

const PIPE: u8 = 0;
const COMMA: u8 = 1;
const ALTERNATIVE: u8 = 2;
/// Stands once between its operands, as [`COMPARISON`] does: `a = b = c` is an error.
const ASSIGNMENT: u8 = 3;
const OR: u8 = 4;
const AND: u8 = 5;
const COMPARISON: u8 = 6;
const SUM: u8 = 7;
const PRODUCT: u8 = 8;

impl<'t> Stack<'t> {
    /// The operands of a chain but the last one: its operator no longer waits.
    fn take_list(&mut self, level: u8) -> Vec<Expr<'t>> {
        let others =
            self.waiting.iter().rev().take_while(|operator| operator.level == level).count();
        self.waiting.truncate(self.waiting.len().saturating_sub(others));
        self.operands.split_off(self.operands.len().saturating_sub(others).saturating_sub(1))
    }
}

impl Extent {
    fn holds(self, level: u8) -> bool {
        match self {
            Self::Query => true,
            Self::Value => level != COMMA,
            Self::Source => level > COMMA,
        }
    }
}

impl<'t> Parser<'t> {
    /// Terms with operators between them.
    pub(super) fn expression(&mut self, extent: Extent) -> Parsed<Box<Expr<'t>>> {
        self.enter()?;
        let mut stack = Stack { operands: Vec::new(), waiting: Vec::new() };
        loop {
            let operand = self.operand(extent, &stack)?;
            if !self.operate(extent, &mut stack, operand)? {
                break;
            }
        }
        self.leave();
        self.reduce(&mut stack, PIPE)
    }

    /// A definition or a label may stand where an item of a query starts; a term may stand everywhere.
    fn operand(&mut self, extent: Extent, stack: &Stack<'t>) -> Parsed<Box<Expr<'t>>> {
        if let Token::Keyword(keyword @ ("def" | "label")) = self.token
            && extent == Extent::Query
            && stack.waiting.last().is_none_or(|last| last.level <= COMMA)
        {
            return if keyword == "def" { self.local_definitions() } else { self.label() };
        }
        self.term()
    }

    /// Puts the operand on the stack, and the operator after it. Without one, the expression ends. It ends with a
    /// binding too: what follows that is its body.
    fn operate(
        &mut self,
        extent: Extent,
        stack: &mut Stack<'t>,
        operand: Box<Expr<'t>>,
    ) -> Parsed<bool> {
        push(&mut stack.operands, operand);
        if extent == Extent::Query && self.token == Token::Keyword("as") {
            let source = self.reduce(stack, ALTERNATIVE)?;
            let binding = self.binding(source)?;
            push(&mut stack.operands, binding);
        }
        let Some(next) = operator(self.token).filter(|next| extent.holds(next.level)) else {
            return Ok(false);
        };
        // A list waits until it is whole; only arithmetic is combined from left to right.
        let level = if next.level >= SUM { next.level } else { next.level.saturating_add(1) };
        let operand = self.reduce(stack, level)?;
        push(&mut stack.operands, operand);
        let repeats = stack.waiting.last().is_some_and(|last| last.level == next.level);
        if repeats && matches!(next.level, ASSIGNMENT | COMPARISON) {
            return self.refuse_chain(next.symbol);
        }
        stack.waiting.push(next);
        self.advance()?;
        Ok(true)
    }

    /// Combines the operands of the operators that wait and bind as tightly as `level` or more, and takes the last
    /// operand then.
    fn reduce(&self, stack: &mut Stack<'t>, level: u8) -> Parsed<Box<Expr<'t>>> {
        let mut right = *self.last_operand(stack)?;
        while let Some(last) = stack.waiting.pop_if(|last| last.level >= level) {
            right = match last.action {
                Action::List(kind) => {
                    let mut list = stack.take_list(last.level);
                    list.push(right);
                    let at = list.first().map_or(0, |first| first.at);
                    *self.node(at as usize, kind(list))?
                }
                Action::Assign(assign) => {
                    let target = self.last_operand(stack)?;
                    *self.node(target.at as usize, Kind::Assign(assign, target, Box::new(right)))?
                }
                Action::Binary(operator) => {
                    let left = self.last_operand(stack)?;
                    self.binary(left, operator, right)?
                }
            };
        }
        Ok(Box::new(right))
    }

    fn last_operand(&self, stack: &mut Stack<'t>) -> Parsed<Box<Expr<'t>>> {
        stack
            .operands
            .pop()
            .map_or_else(|| self.unexpected("an expression"), |operand| Ok(Box::new(operand)))
    }

    fn binary(
        &self,
        mut left: Box<Expr<'t>>,
        operator: Binary,
        right: Expr<'t>,
    ) -> Parsed<Expr<'t>> {
        // A chain grows in place, and its height with it.
        if let Kind::Binary { rest, .. } = &mut left.kind {
            left.height = left.height.max(right.height.saturating_add(1));
            rest.push((operator, right));
            return bounded(*left);
        }
        let at = left.at as usize;
        let rest = Vec::from([(operator, right)]);
        self.node(at, Kind::Binary { first: left, rest }).map(|expr| *expr)
    }

    fn refuse_chain<T>(&self, symbol: &str) -> Parsed<T> {
        let message = format!(
            "found `{symbol}` after an operator of its kind, expected parentheses around one of them"
        );
        fail(self.at, message)
    }
}

fn operator(token: Token<'_>) -> Option<Operator<'_>> {
    let (Token::Symbol(symbol) | Token::Keyword(symbol)) = token else { return None };
    let (level, action) = match symbol {
        "|" => (PIPE, Action::List(Kind::Pipe)),
        "," => (COMMA, Action::List(Kind::Comma)),
        "//" => (ALTERNATIVE, Action::List(Kind::Alternative)),
        "=" => (ASSIGNMENT, Action::Assign(Assign::Set)),
        "|=" => (ASSIGNMENT, Action::Assign(Assign::Update)),
        "//=" => (ASSIGNMENT, Action::Assign(Assign::Alternative)),
        "+=" => (ASSIGNMENT, Action::Assign(Assign::Arithmetic(Binary::Add))),
        "-=" => (ASSIGNMENT, Action::Assign(Assign::Arithmetic(Binary::Subtract))),
        "*=" => (ASSIGNMENT, Action::Assign(Assign::Arithmetic(Binary::Multiply))),
        "/=" => (ASSIGNMENT, Action::Assign(Assign::Arithmetic(Binary::Divide))),
        "%=" => (ASSIGNMENT, Action::Assign(Assign::Arithmetic(Binary::Modulo))),
        "or" => (OR, Action::List(Kind::Or)),
        "and" => (AND, Action::List(Kind::And)),
        "==" => (COMPARISON, Action::Binary(Binary::Equal)),
        "!=" => (COMPARISON, Action::Binary(Binary::NotEqual)),
        "<" => (COMPARISON, Action::Binary(Binary::Less)),
        "<=" => (COMPARISON, Action::Binary(Binary::LessEqual)),
        ">" => (COMPARISON, Action::Binary(Binary::Greater)),
        ">=" => (COMPARISON, Action::Binary(Binary::GreaterEqual)),
        "+" => (SUM, Action::Binary(Binary::Add)),
        "-" => (SUM, Action::Binary(Binary::Subtract)),
        "*" => (PRODUCT, Action::Binary(Binary::Multiply)),
        "/" => (PRODUCT, Action::Binary(Binary::Divide)),
        "%" => (PRODUCT, Action::Binary(Binary::Modulo)),
        _ => return None,
    };
    Some(Operator { action, level, symbol })
}
