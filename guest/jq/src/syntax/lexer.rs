//! The tokens of a program.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use super::{Parsed, SyntaxError};

/// A token. Names are without their sigil.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// `foo` or `a::b`
    Name(&'t str),
    /// `if`, `and`, …
    Keyword(&'t str),
    /// `.foo`
    Field(&'t str),
    /// `$foo`
    Variable(&'t str),
    /// `$__loc__`
    Location,
    Number(&'t str),
    /// `@base64`
    Format(&'t str),
    /// The quote that opens a string. The text after it is for [`Lexer::text`].
    Quote,
    /// An operator or a bracket.
    Symbol(&'t str),
    /// The end of the program.
    End,
}

/// Why [`Lexer::text`] stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// `\(`
    Interpolation,
    /// The closing quote.
    Quote,
}

const KEYWORDS: [&str; 18] = [
    "and", "as", "break", "catch", "def", "elif", "else", "end", "foreach", "if", "import",
    "include", "label", "module", "or", "reduce", "then", "try",
];

/// The symbols of more than one character, the longest first.
const LONG_SYMBOLS: [&str; 14] =
    ["?//", "//=", "..", "//", "|=", "+=", "-=", "*=", "/=", "%=", "==", "!=", "<=", ">="];

/// Reads tokens, one after the other.
#[derive(Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The program's text.
    pub(super) fn source(&self) -> &'t str {
        self.text
    }

    /// Where the next token may start: the end of the last one.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// How many bytes from `ahead` on are of a kind.
    fn run(&self, ahead: usize, is: impl Fn(&u8) -> bool) -> usize {
        let rest = self.text.as_bytes().get(self.at + ahead..).unwrap_or(&[]);
        rest.iter().take_while(|byte| is(byte)).count()
    }

    /// The length of the name that starts at `ahead`, 0 if none does.
    fn name(&self, ahead: usize) -> usize {
        match self.byte(ahead) {
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => self.run(ahead, is_word),
            _ => 0,
        }
    }

    /// The length of the name with its `module::` parts.
    fn qualified_name(&self, ahead: usize) -> usize {
        let mut length = self.name(ahead);
        while length > 0
            && self.byte(ahead + length) == Some(b':')
            && self.byte(ahead + length + 1) == Some(b':')
        {
            match self.name(ahead + length + 2) {
                0 => break,
                more => length += 2 + more,
            }
        }
        length
    }

    /// Takes bytes that are a token's or a part of it.
    fn take(&mut self, length: usize) -> &'t str {
        let start = self.at;
        self.at += length;
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Takes a sigil and the name after it, and returns the name.
    fn take_after_sigil(&mut self, length: usize) -> &'t str {
        self.at += 1;
        self.take(length)
    }

    /// Goes to the start of the next token.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            self.at += self.run(0, |byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
            if self.byte(0) != Some(b'#') {
                return;
            }
            self.skip_comment();
        }
    }

    /// A comment ends with its line, unless an odd number of backslashes ends the line.
    fn skip_comment(&mut self) {
        while let Some(byte) = self.byte(0) {
            self.at += match (byte, self.byte(1), self.byte(2)) {
                (b'\n', ..) => return,
                (b'\\', Some(b'\\' | b'\n'), _) => 2,
                (b'\\', Some(b'\r'), Some(b'\n')) => 3,
                _ => 1,
            };
        }
    }

    /// The token at the place where [`Self::skip_blanks`] stopped.
    pub(super) fn token(&mut self) -> Parsed<Token<'t>> {
        let Some(byte) = self.byte(0) else { return Ok(Token::End) };
        let token = match byte {
            b'"' => {
                self.at += 1;
                Token::Quote
            }
            b'0'..=b'9' => self.number(),
            b'.' if matches!(self.byte(1), Some(b'0'..=b'9')) => self.number(),
            b'.' if self.name(1) > 0 => Token::Field(self.take_after_sigil(self.name(1))),
            b'$' if self.name(1) > 0 => match self.take_after_sigil(self.qualified_name(1)) {
                "__loc__" => Token::Location,
                name => Token::Variable(name),
            },
            b'@' if self.run(1, is_word) > 0 => {
                Token::Format(self.take_after_sigil(self.run(1, is_word)))
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let name = self.take(self.qualified_name(0));
                if KEYWORDS.contains(&name) { Token::Keyword(name) } else { Token::Name(name) }
            }
            _ => return self.symbol(),
        };
        Ok(token)
    }

    fn number(&mut self) -> Token<'t> {
        let mut length = self.run(0, u8::is_ascii_digit);
        if self.byte(length) == Some(b'.') {
            length += 1 + self.run(length + 1, u8::is_ascii_digit);
        }
        if matches!(self.byte(length), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.byte(length + 1), Some(b'+' | b'-')));
            let digits = self.run(length + 1 + sign, u8::is_ascii_digit);
            // An `e` without digits is not the number's.
            if digits > 0 {
                length += 1 + sign + digits;
            }
        }
        Token::Number(self.take(length))
    }

    fn symbol(&mut self) -> Parsed<Token<'t>> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if let Some(symbol) = LONG_SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            return Ok(Token::Symbol(self.take(symbol.len())));
        }
        match rest.chars().next() {
            Some(
                '.' | '?' | '=' | ';' | ',' | ':' | '|' | '+' | '-' | '*' | '/' | '%' | '<' | '>'
                | '(' | ')' | '[' | ']' | '{' | '}',
            ) => Ok(Token::Symbol(self.take(1))),
            Some('$') => self.fail("expected a name after `$`"),
            Some('@') => self.fail("expected the name of a format after `@`"),
            Some(found) => self.fail(&format!(
                "found `{}`, which is not a part of the language",
                found.escape_debug()
            )),
            None => Ok(Token::End),
        }
    }

    /// Reads a string's text up to its end or to an interpolation. `quote` is where the string starts.
    pub(super) fn text(&mut self, quote: usize, into: &mut String) -> Parsed<Stop> {
        loop {
            into.push_str(self.take(self.run(0, |byte| !matches!(byte, b'"' | b'\\'))));
            match (self.byte(0), self.byte(1)) {
                (Some(b'"'), _) => {
                    self.at += 1;
                    return Ok(Stop::Quote);
                }
                (Some(_), Some(b'(')) => {
                    self.at += 2;
                    return Ok(Stop::Interpolation);
                }
                (Some(_), Some(_)) => into.push(self.escape()?),
                _ => {
                    self.at = quote;
                    return self
                        .fail("found the end of the program, expected the string's closing `\"`");
                }
            }
        }
    }

    /// The character that an escape stands for.
    fn escape(&mut self) -> Parsed<char> {
        let character = match self.byte(1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => {
                let rest = self.text.get(self.at + 1..).unwrap_or_default();
                let found = rest.chars().next().unwrap_or(' ');
                let message = format!(
                    "found `\\{}`, which is not an escape of a string",
                    found.escape_debug()
                );
                return self.fail(&message);
            }
        };
        self.at += 2;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Parsed<char> {
        let Some(first) = self.code_unit(0) else {
            return self.fail("expected four hexadecimal digits after `\\u`");
        };
        if let Some(character) = char::from_u32(first) {
            self.at += 6;
            return Ok(character);
        }
        let pair =
            [first, self.code_unit(6).unwrap_or(0)].map(|unit| u16::try_from(unit).unwrap_or(0));
        match char::decode_utf16(pair).next() {
            Some(Ok(character)) => {
                self.at += 12;
                Ok(character)
            }
            // jq forgives the second half of a pair without the first, but not the reverse.
            _ if first >= 0xDC00 => {
                self.at += 6;
                Ok(char::REPLACEMENT_CHARACTER)
            }
            _ => self
                .fail("found the first half of a surrogate pair, expected both: `\\uD83D\\uDE00`"),
        }
    }

    /// The number of the `\uXXXX` at `ahead`.
    fn code_unit(&self, ahead: usize) -> Option<u32> {
        let digits = self.text.get(self.at + ahead..)?.strip_prefix("\\u")?.get(..4)?;
        // A sign would be a number to the standard library.
        let all = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if all { u32::from_str_radix(digits, 16).ok() } else { None }
    }

    fn fail<T>(&self, message: &str) -> Parsed<T> {
        Err(Box::new(SyntaxError { at: self.at, message: message.into() }))
    }
}

fn is_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}
