//! The parser of sets in brackets.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::{
    parser::{Modes, Parser},
    property,
    syntax::{Node, Set},
};

/// The message of a set that the pattern leaves open.
const UNCLOSED: &str = "premature end of char-class";

/// A part of a set.
enum Item {
    /// One code, which may be beyond all characters.
    Code(u32),
    /// The codes of one escape.
    Codes(Vec<u32>),
    /// A class.
    Class(ClassUnicode),
}

impl Parser {
    /// Parses a set, after its bracket.
    pub(super) fn bracket(&mut self, modes: Modes) -> Result<Node, String> {
        let negated = self.eat('^');
        if self.peek() == Some(']') && !self.rest().iter().skip(1).any(|c| *c == ']') {
            return Err("empty char-class".to_owned());
        }
        self.enter_class(true);
        let mut class = ClassUnicode::empty();
        let mut is_first = true;
        loop {
            let c = self.take().ok_or(UNCLOSED)?;
            if c == ']' && !is_first {
                break;
            }
            is_first = false;
            match self.item(c)? {
                Item::Class(other) => class.union(&other),
                Item::Codes(codes) => {
                    codes.into_iter().for_each(|code| push(&mut class, code, code))
                }
                Item::Code(start) => {
                    let end = self.range_end(start)?;
                    push(&mut class, start, end);
                }
            }
        }
        self.enter_class(false);
        if modes.ignore_case {
            property::fold(&mut class);
        }
        if negated {
            class.negate();
        }
        Ok(self.set(Set::new(&class, negated)))
    }

    /// Parses the part of a set that starts with this character.
    fn item(&mut self, c: char) -> Result<Item, String> {
        match c {
            '[' if self.peek() == Some(':') => Ok(match self.posix_bracket()? {
                Some(class) => Item::Class(class),
                None => Item::Code(u32::from('[')),
            }),
            '\\' => {
                self.peek().ok_or("end pattern at escape")?;
                if let Some(codes) = self.code()? {
                    return Ok(match codes.as_slice() {
                        [code] => Item::Code(*code),
                        _ => Item::Codes(codes),
                    });
                }
                if let Some(class) = self.class_escape()? {
                    return Ok(Item::Class(class));
                }
                Ok(Item::Code(match self.take() {
                    Some('b') => 8,
                    Some(c) => u32::from(c),
                    None => 0,
                }))
            }
            c => Ok(Item::Code(u32::from(c))),
        }
    }

    /// Parses the end of a range that starts with this code. A code alone is its own end.
    fn range_end(&mut self, start: u32) -> Result<u32, String> {
        if self.peek() != Some('-') || self.peek_at(1) == Some(']') {
            return Ok(start);
        }
        self.take();
        let c = self.take().ok_or(UNCLOSED)?;
        match self.item(c)? {
            Item::Code(end) if end >= start => Ok(end),
            Item::Code(_) => Err("empty range in char class".to_owned()),
            _ => Err("char-class value at end of range".to_owned()),
        }
    }

    /// Parses `[:name:]`, from the colon. What is none of these stays, as literal text.
    fn posix_bracket(&mut self) -> Result<Option<ClassUnicode>, String> {
        let negated = self.peek_at(1) == Some('^');
        let start = if negated { 2 } else { 1 };
        let length =
            self.rest().iter().skip(start).take_while(|c| c.is_ascii_alphabetic()).take(20).count();
        let end = start + length;
        if self.peek_at(end) != Some(':') || self.peek_at(end + 1) != Some(']') {
            return Ok(None);
        }
        let name: String = self.rest().iter().skip(start).take(length).collect();
        let mut class = property::posix(&name).ok_or("invalid POSIX bracket type")?;
        self.return_to(self.place() + end + 2);
        if negated {
            class.negate();
        }
        Ok(Some(class))
    }
}

/// Adds the characters from one code to another.
fn push(class: &mut ClassUnicode, start: u32, end: u32) {
    const GAP: (u32, u32) = (0xd800, 0xdfff);
    let last = u32::from(char::MAX);
    for (start, end) in [(start, end.min(GAP.0 - 1)), (start.max(GAP.1 + 1), end.min(last))] {
        if start <= end
            && let (Some(start), Some(end)) = (char::from_u32(start), char::from_u32(end))
        {
            class.push(ClassUnicodeRange::new(start, end));
        }
    }
}
