//! The parser: its state, programs, definitions and bindings.
//!
//! It descends by recursion, with one token of lookahead. Each cycle of the grammar goes through
//! [`Parser::enter`], which counts the levels.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::ast::{Definition, Expr, Kind, Parameter};
use super::lexer::{Lexer, Token};
use super::{MAX_HEIGHT, MAX_LEVELS, Parsed, SyntaxError};

/// The longest piece of a program that a message quotes, in characters.
const QUOTED: usize = 40;

/// The state of the parser.
#[derive(Debug)]
pub(super) struct Parser<'t> {
    pub(super) lexer: Lexer<'t>,
    /// The lookahead.
    pub(super) token: Token<'t>,
    /// Where the lookahead starts.
    pub(super) at: usize,
    level: u32,
    /// How many lines end before `counted_to`.
    lines: u32,
    counted_to: usize,
}

/// Which operators an expression may have outside brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of them, and bindings and definitions too: what `(…)` may hold.
    Query,
    /// All but `,`: the value of an object's entry.
    Value,
    /// All but `|` and `,`: what `reduce` iterates over.
    Source,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str) -> Parsed<Self> {
        let mut parser = Self {
            lexer: Lexer::new(text),
            token: Token::End,
            at: 0,
            level: 0,
            lines: 0,
            counted_to: 0,
        };
        parser.advance()?;
        Ok(parser)
    }

    /// A main program.
    pub(super) fn program(&mut self) -> Parsed<Box<Expr<'t>>> {
        let at = self.at;
        let definitions = self.definitions()?;
        let body = if self.token == Token::End {
            self.node(self.at, Kind::Identity)?
        } else {
            self.query()?
        };
        self.expect_end("the end of the program")?;
        if definitions.is_empty() {
            Ok(body)
        } else {
            self.node(at, Kind::Define { definitions, body })
        }
    }

    /// Definitions, and nothing after them.
    pub(super) fn library(&mut self) -> Parsed<Vec<Definition<'t>>> {
        let definitions = self.definitions()?;
        self.expect_end("`def` or the end of the program")?;
        Ok(definitions)
    }

    fn expect_end(&self, expected: &str) -> Parsed<()> {
        if self.token == Token::End { Ok(()) } else { self.unexpected(expected) }
    }

    /// What `(…)` may hold.
    pub(super) fn query(&mut self) -> Parsed<Box<Expr<'t>>> {
        self.expression(Extent::Query)
    }

    pub(super) fn local_definitions(&mut self) -> Parsed<Box<Expr<'t>>> {
        let at = self.at;
        let definitions = self.definitions()?;
        let body = self.query()?;
        self.node(at, Kind::Define { definitions, body })
    }

    pub(super) fn label(&mut self) -> Parsed<Box<Expr<'t>>> {
        let at = self.at;
        self.advance()?;
        let name = self.expect_variable()?;
        self.expect_symbol("|")?;
        let body = self.query()?;
        self.node(at, Kind::Label { name, body })
    }

    pub(super) fn binding(&mut self, source: Box<Expr<'t>>) -> Parsed<Box<Expr<'t>>> {
        let at = source.at as usize;
        let patterns = self.patterns()?;
        self.expect_symbol("|")?;
        let body = self.query()?;
        self.node(at, Kind::Bind { source, patterns, body })
    }

    fn definitions(&mut self) -> Parsed<Vec<Definition<'t>>> {
        let mut definitions = Vec::new();
        while self.token == Token::Keyword("def") {
            definitions.push(self.definition()?);
        }
        Ok(definitions)
    }

    fn definition(&mut self) -> Parsed<Definition<'t>> {
        let at = offset(self.at);
        self.advance()?;
        let Token::Name(name) = self.token else {
            return self.unexpected("the name of the definition");
        };
        self.advance()?;
        let parameters = self.parameters()?;
        self.expect_symbol(":")?;
        let body = self.query()?;
        self.expect_symbol(";")?;
        Ok(Definition { name, parameters, body, at })
    }

    fn parameters(&mut self) -> Parsed<Vec<Parameter<'t>>> {
        let mut parameters = Vec::new();
        if self.take_symbol("(")? {
            loop {
                parameters.push(match self.token {
                    Token::Name(name) => Parameter::Filter(name),
                    Token::Variable(name) => Parameter::Value(name),
                    _ => return self.unexpected("the name of a parameter"),
                });
                self.advance()?;
                if !self.take_symbol(";")? {
                    break;
                }
            }
            self.expect_symbol(")")?;
        }
        Ok(parameters)
    }

    /// Goes one level down; [`Self::leave`] goes up again. After an error nobody parses on, so nobody leaves then.
    pub(super) fn enter(&mut self) -> Parsed<()> {
        self.level = self.level.saturating_add(1);
        if self.level > MAX_LEVELS { too_deep(self.at, MAX_LEVELS) } else { Ok(()) }
    }

    pub(super) fn leave(&mut self) {
        self.level = self.level.saturating_sub(1);
    }

    /// An expression that starts at `at`.
    pub(super) fn node(&self, at: usize, kind: Kind<'t>) -> Parsed<Box<Expr<'t>>> {
        let height = kind.height_below().saturating_add(1);
        bounded(Expr { kind, at: offset(at), height }).map(Box::new)
    }

    /// Goes to the next token.
    pub(super) fn advance(&mut self) -> Parsed<()> {
        self.lexer.skip_blanks();
        self.at = self.lexer.at();
        self.token = self.lexer.token()?;
        Ok(())
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.token, Token::Symbol(found) if found == symbol)
    }

    /// Goes past the symbol if it is the next token.
    pub(super) fn take_symbol(&mut self, symbol: &str) -> Parsed<bool> {
        let found = self.is_symbol(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Parsed<()> {
        if self.is_symbol(symbol) {
            self.advance()
        } else {
            self.unexpected(&format!("`{symbol}`"))
        }
    }

    pub(super) fn expect_keyword(&mut self, keyword: &str) -> Parsed<()> {
        match self.token {
            Token::Keyword(found) if found == keyword => self.advance(),
            _ => self.unexpected(&format!("`{keyword}`")),
        }
    }

    pub(super) fn expect_variable(&mut self) -> Parsed<&'t str> {
        let Token::Variable(name) = self.token else {
            return self.unexpected("a variable such as `$x`");
        };
        self.advance()?;
        Ok(name)
    }

    /// The error that the lookahead is not what the grammar allows here.
    pub(super) fn unexpected<T>(&self, expected: &str) -> Parsed<T> {
        let message = match self.token {
            Token::Keyword(word @ ("import" | "include" | "module")) => {
                format!("found `{word}`, but modules are not available")
            }
            Token::End => format!("expected {expected}, found the end of the program"),
            _ => {
                let token = self.lexer.source().get(self.at..self.lexer.at()).unwrap_or_default();
                match token.char_indices().nth(QUOTED) {
                    Some((cut, _)) => {
                        format!(
                            "expected {expected}, found `{}…`",
                            token.get(..cut).unwrap_or_default()
                        )
                    }
                    None => format!("expected {expected}, found `{token}`"),
                }
            }
        };
        fail(self.at, message)
    }

    /// The line of the lookahead, from 1. Each part of the text is counted once.
    pub(super) fn line(&mut self) -> u32 {
        let passed =
            self.lexer.source().as_bytes().get(self.counted_to..self.at).unwrap_or_default();
        let lines = passed.iter().filter(|byte| **byte == b'\n').count();
        self.lines = self.lines.saturating_add(offset(lines));
        self.counted_to = self.at;
        self.lines.saturating_add(1)
    }
}

/// Moves an expression into a list.
#[expect(
    clippy::boxed_local,
    reason = "the move takes its place in this frame, not in those of functions that recurse"
)]
pub(super) fn push<'t>(list: &mut Vec<Expr<'t>>, expr: Box<Expr<'t>>) {
    list.push(*expr);
}

/// The expression, unless it is too high.
pub(super) fn bounded(expr: Expr<'_>) -> Parsed<Expr<'_>> {
    if expr.height > MAX_HEIGHT { too_deep(expr.at as usize, MAX_HEIGHT) } else { Ok(expr) }
}

fn too_deep<T>(at: usize, levels: u32) -> Parsed<T> {
    fail(at, format!("the program nests deeper than {levels} levels"))
}

pub(super) fn fail<T>(at: usize, message: String) -> Parsed<T> {
    Err(Box::new(SyntaxError { at, message }))
}

/// An offset as the tree keeps it. A text of 4 GiB has wrong offsets at its end, and nothing worse.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
