//! The patterns of bindings, and the keys of objects.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::Parsed;
use super::ast::{Entry, Expr, Kind, Part, Pattern, PatternEntry};
use super::constants::{Constant, constant};
use super::lexer::Token;
use super::parser::Extent;
use super::parser::{Parser, fail};

impl<'t> Parser<'t> {
    /// `as pattern ?// pattern …`
    pub(super) fn patterns(&mut self) -> Parsed<Vec<Pattern<'t>>> {
        self.expect_keyword("as")?;
        let mut patterns = Vec::from([self.pattern()?]);
        while self.take_symbol("?//")? {
            patterns.push(self.pattern()?);
        }
        Ok(patterns)
    }

    fn pattern(&mut self) -> Parsed<Pattern<'t>> {
        self.enter()?;
        let pattern = match self.token {
            Token::Variable(name) => {
                self.advance()?;
                Pattern::Variable(name)
            }
            Token::Symbol("[") => self.array_pattern()?,
            Token::Symbol("{") => self.object_pattern()?,
            _ => return self.unexpected("a variable such as `$x`, `[` or `{`"),
        };
        self.leave();
        Ok(pattern)
    }

    fn array_pattern(&mut self) -> Parsed<Pattern<'t>> {
        self.advance()?;
        let mut items = Vec::from([self.pattern()?]);
        while self.take_symbol(",")? {
            items.push(self.pattern()?);
        }
        self.expect_symbol("]")?;
        Ok(Pattern::Array(items))
    }

    fn object_pattern(&mut self) -> Parsed<Pattern<'t>> {
        self.advance()?;
        let mut entries = Vec::new();
        loop {
            let (variable, key) = match self.token {
                Token::Variable(name) => (Some(name), self.name_key(name)?),
                _ => (None, self.key()?),
            };
            let value = if variable.is_some() && !self.is_symbol(":") {
                None
            } else {
                self.expect_symbol(":")?;
                Some(self.pattern()?)
            };
            entries.push(PatternEntry { variable, key, value });
            if !self.take_symbol(",")? {
                break;
            }
        }
        self.expect_symbol("}")?;
        Ok(Pattern::Object(entries))
    }

    /// `{…}`. A comma may follow the last entry.
    pub(super) fn object(&mut self) -> Parsed<Box<Expr<'t>>> {
        let at = self.at;
        self.enter()?;
        self.advance()?;
        let mut entries = Vec::new();
        while !self.is_symbol("}") {
            self.entry(&mut entries)?;
            if !self.is_symbol("}") && !self.take_symbol(",")? {
                return self.unexpected("`,` or `}`");
            }
        }
        self.advance()?;
        self.leave();
        self.node(at, Kind::Object(entries))
    }

    fn entry(&mut self, entries: &mut Vec<Entry<'t>>) -> Parsed<()> {
        let start = self.token;
        let (key, mut value) = match start {
            Token::Location | Token::Variable(_) => self.variable_entry()?,
            _ => (self.key()?, None),
        };
        if start == Token::Symbol("(") || start != Token::Location && self.is_symbol(":") {
            self.expect_symbol(":")?;
            value = Some(self.expression(Extent::Value)?);
        }
        entries.push(Entry { key, value });
        Ok(())
    }

    /// The key and the value of `{$x}` and `{$__loc__}`, or the key of `{$x: 1}`.
    fn variable_entry(&mut self) -> Parsed<(Box<Expr<'t>>, Option<Box<Expr<'t>>>)> {
        let at = self.at;
        let (name, kind) = match self.token {
            Token::Variable(name) => (name, Kind::Variable(name)),
            _ => ("__loc__", Kind::Location { line: self.line() }),
        };
        let value = self.node(at, kind)?;
        let key = self.name_key(name)?;
        let names_key = matches!(value.kind, Kind::Variable(_)) && self.is_symbol(":");
        if names_key { Ok((value, None)) } else { Ok((key, Some(value))) }
    }

    /// A key of an object or of a pattern.
    fn key(&mut self) -> Parsed<Box<Expr<'t>>> {
        match self.token {
            Token::Name(name) | Token::Keyword(name) => self.name_key(name),
            Token::Quote | Token::Format(_) => self.string(),
            Token::Symbol("(") => {
                let at = self.at;
                self.advance()?;
                let key = self.query()?;
                self.expect_symbol(")")?;
                match constant(&key) {
                    Some(kind) if kind != Constant::Text => fail(
                        at,
                        format!("expected a string as the key of an object, found {}", kind.name()),
                    ),
                    _ => Ok(key),
                }
            }
            _ => self.unexpected("a key: a name, a variable, a string or `(`"),
        }
    }

    /// The lookahead's name as a key.
    fn name_key(&mut self, name: &str) -> Parsed<Box<Expr<'t>>> {
        let at = self.at;
        self.advance()?;
        self.literal_text(at, name)
    }

    /// A string without interpolations.
    pub(super) fn literal_text(&self, at: usize, text: &str) -> Parsed<Box<Expr<'t>>> {
        self.node(at, Kind::Text { format: None, parts: Vec::from([Part::Text(text.into())]) })
    }
}
