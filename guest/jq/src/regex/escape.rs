//! The parser of what starts with a backslash, and of references to groups.

use alloc::{borrow::ToOwned, format, string::String, vec, vec::Vec};
use regex_syntax::hir::ClassUnicode;

use super::{
    parser::{Modes, Parser},
    property,
    syntax::{Assert, Node, One, Set},
};

/// The message of a pattern that ends in a backslash.
const CUT_OFF: &str = "end pattern at escape";
/// The message of a code that no character has.
const INVALID_CODE: &str = "invalid code point value";

impl Parser {
    /// Parses an escape, after its backslash.
    pub(super) fn escape(&mut self, modes: Modes) -> Result<Node, String> {
        let c = self.peek().ok_or(CUT_OFF)?;
        if let Some(codes) = self.code()? {
            let nodes = codes.into_iter().map(|code| match char::from_u32(code) {
                Some(c) => self.literal(c, modes),
                None => Node::Fail,
            });
            let mut nodes: Vec<Node> = nodes.collect();
            return Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::Concat(nodes) });
        }
        // A word character is looked up in the table as it is, and needs no set.
        if let 'w' | 'W' = c {
            self.take();
            return Ok(Node::One(One::Word(c == 'w')));
        }
        if let Some(class) = self.class_escape()? {
            return Ok(self.set(Set::new(&class, c.is_ascii_uppercase())));
        }
        self.take();
        Ok(match c {
            'A' => Node::Assert(Assert::TextStart),
            'Z' => Node::Assert(Assert::LastLineEnd),
            'z' => Node::Assert(Assert::TextEnd),
            'G' => Node::Assert(Assert::SearchStart),
            'b' | 'B' => Node::Assert(Assert::WordBoundary(c == 'b')),
            'K' => Node::Keep,
            'N' => Node::One(One::AnyButNewline),
            'O' => Node::One(One::Any),
            'R' => self.parsed(r"(?>\x0d\x0a|[\x0a-\x0d\x{85}\x{2028}\x{2029}])")?,
            'X' => self.parsed(concat!(
                r"(?>\x0d\x0a|\p{Regional_Indicator}{2}|\p{Extended_Pictographic}(?:[\p{M}\p{Emoji_Modifier}]*\x{200d}",
                r"\p{Extended_Pictographic})*[\p{M}\p{Emoji_Modifier}\x{200d}]*|[^\p{Cc}][\p{M}\x{200d}]*|\O)"
            ))?,
            'y' | 'Y' => return Err("text segment boundaries are not supported".to_owned()),
            'k' if matches!(self.peek(), Some('<' | '\'')) => self.back_reference(modes)?,
            'g' if matches!(self.peek(), Some('<' | '\'')) => self.call()?,
            '1'..='9' if self.is_reference(self.place() - 1) => {
                let mut number = 0_usize;
                self.return_to(self.place() - 1);
                while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
                    self.take();
                    number = number.saturating_mul(10).saturating_add(digit as usize);
                }
                self.reference(vec![number], modes)
            }
            c => self.literal(c, modes),
        })
    }

    /// The node of a pattern of ours.
    fn parsed(&mut self, pattern: &str) -> Result<Node, String> {
        let place = self.place();
        let rest = self.replace_source(pattern);
        let mut modes = Modes {
            ignore_case: false,
            extended: false,
            dot_all: false,
            multi_line: false,
            expand: false,
        };
        let node = self.alternatives(&mut modes);
        self.restore_source(rest, place);
        node
    }

    /// Parses an escape of a whole class, if it is one, from its letter.
    pub(super) fn class_escape(&mut self) -> Result<Option<ClassUnicode>, String> {
        let Some(c) = self.peek() else { return Ok(None) };
        let mut negative = c.is_ascii_uppercase();
        let class = match c {
            'w' | 'W' => property::posix("word"),
            'd' | 'D' => property::posix("digit"),
            's' | 'S' => property::posix("space"),
            'p' | 'P' if self.peek_at(1) == Some('{') => {
                self.take();
                self.take();
                let length =
                    self.rest().iter().take_while(|c| !matches!(c, '}' | ')' | '{' | '|')).count();
                let name: String = self.rest().iter().take(length).collect();
                if self.peek_at(length) != Some('}') {
                    let closed = self.peek_at(length).is_some();
                    return Err(match closed {
                        true => format!("invalid character property name {{{name}}}"),
                        false => "end pattern with unmatched parenthesis".to_owned(),
                    });
                }
                self.return_to(self.place() + length);
                let bare = name.strip_prefix('^');
                negative ^= bare.is_some();
                let class = property::property(bare.unwrap_or(&name));
                Some(class.ok_or_else(|| format!("invalid character property name {{{name}}}"))?)
            }
            _ => return Ok(None),
        };
        self.take();
        let mut class = class.unwrap_or_else(ClassUnicode::empty);
        if negative {
            class.negate();
        }
        Ok(Some(class))
    }

    /// Parses an escape of characters by their codes, if it is one, from its letter.
    pub(super) fn code(&mut self) -> Result<Option<Vec<u32>>, String> {
        let place = self.place();
        let Some(c) = self.take() else { return Ok(None) };
        let code = match c {
            't' => 9,
            'n' => 10,
            'r' => 13,
            'f' => 12,
            'a' => 7,
            'e' => 27,
            'c' => match self.take().ok_or("end pattern at control")? {
                '?' => 127,
                '\\' => match self.code()? {
                    Some(codes) => codes.first().copied().unwrap_or(0) & 0x1f,
                    None => u32::from(self.take().ok_or(CUT_OFF)?) & 0x1f,
                },
                c => u32::from(c) & 0x1f,
            },
            'x' | 'o' if self.peek() == Some('{') => {
                if let Some(codes) = self.braced(if c == 'x' { 16 } else { 8 })? {
                    return Ok(Some(codes));
                }
                u32::from(c)
            }
            'x' if self.peek().is_some() => {
                let byte = self.digits(16, 2);
                return self.character(byte).map(|c| Some(vec![c]));
            }
            '0' => self.digits(8, 2),
            '1'..='9' if self.is_reference(place) => {
                self.return_to(place);
                return Ok(None);
            }
            '1'..='7' => {
                self.return_to(place);
                let byte = self.digits(8, 3);
                return self.character(byte & 0xff).map(|c| Some(vec![c]));
            }
            _ => {
                self.return_to(place);
                return Ok(None);
            }
        };
        Ok(Some(vec![code]))
    }

    /// Whether the decimal number at a place refers to a group: it has one digit, or that many groups are open.
    fn is_reference(&self, place: usize) -> bool {
        let digits = self.digits_at(place);
        let number = digits.parse::<usize>().unwrap_or(usize::MAX);
        !self.in_class() && (digits.len() == 1 || number <= self.names.len())
    }

    /// Parses codes in braces, the first of which is next. What holds no number gives none, and stays.
    fn braced(&mut self, radix: u32) -> Result<Option<Vec<u32>>, String> {
        let place = self.place();
        self.take();
        let mut codes = Vec::new();
        loop {
            let (mut value, mut count) = (0_u64, 0_usize);
            while let Some(digit) = self.peek().and_then(|c| c.to_digit(radix)) {
                self.take();
                value = value.saturating_mul(u64::from(radix)).saturating_add(u64::from(digit));
                count += 1;
            }
            if count > if radix == 16 { 8 } else { 11 } {
                return Err("too long wide-char value".to_owned());
            }
            if count > 0 {
                let code = u32::try_from(value).ok().filter(|code| *code < 0x7fff_ffff);
                codes.push(code.ok_or(INVALID_CODE)?);
            }
            match self.peek() {
                Some('}') if !codes.is_empty() => {
                    self.take();
                    return Ok(Some(codes));
                }
                Some(' ' | '\n') if !codes.is_empty() => {
                    self.take();
                }
                _ if codes.is_empty() => {
                    self.return_to(place);
                    return Ok(None);
                }
                _ => return Err(INVALID_CODE.to_owned()),
            }
        }
    }

    /// Parses at most so many digits.
    fn digits(&mut self, radix: u32, most: usize) -> u32 {
        let mut value = 0_u32;
        for _ in 0..most {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(radix)) else { break };
            self.take();
            value = value.saturating_mul(radix).saturating_add(digit);
        }
        value
    }

    /// The character that starts with a byte. Its other bytes must follow as codes of bytes too.
    fn character(&mut self, first: u32) -> Result<u32, String> {
        let length = match first {
            0..0x80 => return Ok(first),
            0xc2..0xe0 => 2,
            0xe0..0xf0 => 3,
            0xf0..0xf5 => 4,
            // No text has these bytes.
            0xfe | 0xff => return Ok(u32::MAX),
            _ => return Err(INVALID_CODE.to_owned()),
        };
        let mut bytes = vec![u8::try_from(first).unwrap_or_default()];
        while bytes.len() < length {
            let too_short = || "too short multibyte code string".to_owned();
            if !self.eat('\\') {
                return Err(too_short());
            }
            let byte = match self.peek() {
                Some('x') => {
                    self.take();
                    self.digits(16, 2)
                }
                Some('0'..='7') => self.digits(8, 3),
                _ => return Err(too_short()),
            };
            bytes.push(u8::try_from(byte).map_err(|_| too_short())?);
        }
        let text = core::str::from_utf8(&bytes).map_err(|_| INVALID_CODE)?;
        text.chars().next().map(u32::from).ok_or_else(|| INVALID_CODE.to_owned())
    }

    /// Parses `\k<name>`, from what opens the name.
    fn back_reference(&mut self, modes: Modes) -> Result<Node, String> {
        let end = if self.take() == Some('<') { '>' } else { '\'' };
        let name = self.name(end)?;
        // The names are compared one by one, sixteen about as fast as one range of a set is made.
        self.weight = self.weight.saturating_add(self.names.len() / 16);
        let groups = self.referenced(&name)?;
        Ok(self.reference(groups, modes))
    }

    /// The node of a reference to any of these groups.
    fn reference(&mut self, groups: Vec<usize>, modes: Modes) -> Node {
        self.last_reference = groups.iter().copied().fold(self.last_reference, usize::max);
        self.weight = self.weight.saturating_add(groups.len());
        Node::BackReference(groups, modes.ignore_case)
    }

    /// The groups that a name or a number refers to. The named ones must be open or past.
    pub(super) fn referenced(&mut self, name: &str) -> Result<Vec<usize>, String> {
        // A level of recursion after the number is taken for any level.
        let (base, _level) = match name.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-'))
        {
            Some((at, _)) => name.split_at(at),
            None => (name, ""),
        };
        let groups = match self.number(base) {
            Some(number) => {
                let groups = vec![number.filter(|n| *n > 0).ok_or("invalid backref number/name")?];
                self.last_reference = groups.iter().copied().fold(self.last_reference, usize::max);
                groups
            }
            None => match self.groups_named(name).as_slice() {
                [] => self.groups_named(base),
                groups => groups.to_vec(),
            },
        };
        if groups.is_empty() {
            Err(format!("undefined name <{name}> reference"))
        } else {
            Ok(groups)
        }
    }

    /// The group that a text means as a number: signed ones count from the groups so far. Other texts give none.
    fn number(&self, text: &str) -> Option<Option<usize>> {
        let value = text.parse::<i32>().ok()?;
        let so_far = i32::try_from(self.names.len()).unwrap_or(i32::MAX);
        Some(match text.as_bytes().first() {
            Some(b'-') => usize::try_from(so_far.saturating_add(1).saturating_add(value)).ok(),
            Some(b'+') => usize::try_from(so_far.saturating_add(value)).ok(),
            _ => usize::try_from(value).ok(),
        })
    }

    /// The groups with this name, by index.
    pub(super) fn groups_named(&self, name: &str) -> Vec<usize> {
        let named = |(index, known): (usize, &Option<String>)| {
            (known.as_deref() == Some(name)).then_some(index + 1)
        };
        self.names.iter().enumerate().filter_map(named).collect()
    }

    /// Parses `\g<name>`, from what opens the name.
    fn call(&mut self) -> Result<Node, String> {
        let end = if self.take() == Some('<') { '>' } else { '\'' };
        let name = self.name(end)?;
        self.weight = self.weight.saturating_add(self.calls.len() / 16);
        self.calls.push(match self.number(&name) {
            Some(number) => Ok(number.unwrap_or(usize::MAX)),
            None => Err(name),
        });
        Ok(Node::Call(self.calls.len() - 1))
    }
}
