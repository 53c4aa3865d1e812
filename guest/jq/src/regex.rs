//! Regular expressions in the dialect of jq: Oniguruma's Perl syntax with named groups, and its way to match.
//!
//! The matcher is a backtracking one, because jq's patterns look around and refer back. Its work is bounded: a search
//! that gets long remembers what it tried, and one that takes too many steps fails. The tables of Unicode come from
//! `regex-syntax`.

mod bracket;
mod escape;
mod fold;
mod group;
mod inst;
mod matcher;
mod memory;
mod parser;
mod program;
mod property;
mod run;
mod start;
mod syntax;
mod text;

#[cfg(test)]
mod tests;

use alloc::{borrow::Cow, format, string::String, vec::Vec};
use core::ops::ControlFlow;

use self::{inst::Program, matcher::Matcher, parser::Modes, start::Start};

/// What jq's letters of flags ask for.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Flags {
    /// `g`: all matches.
    pub(crate) global: bool,
    /// `i`: letters match in any case.
    pub(crate) ignore_case: bool,
    /// `x`: white space and comments in the pattern count nothing.
    pub(crate) extended: bool,
    /// `s`: `^` and `$` stand at the ends of the text only, as they do anyway.
    pub(crate) single_line: bool,
    /// `p`: the same, and `.` takes a newline.
    pub(crate) dot_all: bool,
    /// `l`: the longest match instead of the first.
    pub(crate) longest: bool,
    /// `n`: no empty matches.
    pub(crate) no_empty: bool,
}

impl Flags {
    /// Reads the letters.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut flags = Self::default();
        for letter in text.chars() {
            match letter {
                'g' => flags.global = true,
                'i' => flags.ignore_case = true,
                'x' => flags.extended = true,
                's' => flags.single_line = true,
                'm' => flags.dot_all = true,
                'p' => (flags.dot_all, flags.single_line) = (true, true),
                'l' => flags.longest = true,
                'n' => flags.no_empty = true,
                _ => return Err(format!("{text} is not a valid modifier string")),
            }
        }
        Ok(flags)
    }
}

/// A span of bytes of the text.
pub(crate) type Span = (usize, usize);

/// A match.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Match<'m> {
    slots: &'m [usize],
}

impl Match<'_> {
    /// The bytes of the whole match. After an empty match inside a character these need not end characters.
    pub(crate) fn span(&self) -> Span {
        let slot = |index: usize| self.slots.get(index).copied().unwrap_or(0);
        let end = slot(1);
        (slot(0).min(end), end)
    }

    /// The bytes of the group with this number, from 1, if it took part. In an empty match all groups are empty and
    /// where the match is, as jq has it.
    pub(crate) fn group(&self, number: usize) -> Option<Span> {
        let slot =
            |index: usize| self.slots.get(index).copied().filter(|slot| *slot != matcher::UNSET);
        let index = number.checked_mul(2)?;
        let (start, end) = (slot(index)?, slot(index.checked_add(1)?)?);
        let (from, to) = self.span();
        Some(if from == to { (from, from) } else { (start.min(end), end) })
    }
}

/// A compiled regular expression.
#[derive(Debug)]
pub(crate) struct Regex {
    program: Program,
    start: Start,
    flags: Flags,
}

impl Regex {
    /// Compiles a pattern.
    pub(crate) fn new(pattern: &str, flags: &Flags) -> Result<Self, String> {
        let modes = Modes {
            ignore_case: flags.ignore_case,
            extended: flags.extended,
            dot_all: flags.dot_all,
            multi_line: false,
            expand: true,
        };
        let program = parser::parse(pattern, modes).and_then(program::compile).map_err(failure)?;
        let start = Start::new(&program);
        Ok(Self { program, start, flags: *flags })
    }

    /// For every group, from number 1, its name.
    pub(crate) fn names(&self) -> &[Option<String>] {
        &self.program.names
    }

    /// Whether the pattern matches somewhere.
    pub(crate) fn is_match(&self, text: &str) -> Result<bool, String> {
        self.matcher(text).search(0).map_err(failure)
    }

    /// Gives the first match, or with the flag `g` all, up to a break.
    pub(crate) fn matches(
        &self,
        text: &str,
        mut each: impl FnMut(Match<'_>) -> ControlFlow<()>,
    ) -> Result<(), String> {
        let mut matcher = self.matcher(text);
        let mut from = 0;
        while from <= text.len() && matcher.search(from).map_err(failure)? {
            let slots = matcher.slots.get(..self.program.group_slots).unwrap_or_default();
            let found = Match { slots };
            let (start, end) = found.span();
            if each(found).is_break() || !self.flags.global {
                break;
            }
            // After an empty match jq goes on one byte later, even if that is inside a character.
            from = if start == end { end + 1 } else { end };
        }
        Ok(())
    }

    /// A matcher for a text.
    fn matcher<'p, 't>(&'p self, text: &'t str) -> Matcher<'p, 't> {
        Matcher::new(
            &self.program,
            &self.start,
            text.as_bytes(),
            self.flags.longest,
            self.flags.no_empty,
        )
    }
}

/// jq's message of a failure.
fn failure(message: impl AsRef<str>) -> String {
    format!("Regex failure: {}", message.as_ref())
}

/// The bytes between two of the marks that count characters.
const STRIDE: usize = 64;

/// Counts the characters before places of a text, each in constant time after one pass over the text.
#[derive(Debug)]
pub(crate) struct Codepoints<'t> {
    text: &'t str,
    /// The characters that start before every multiple of the stride, or nothing for a text of ASCII.
    marks: Vec<usize>,
}

impl<'t> Codepoints<'t> {
    /// Counts the characters of a text.
    pub(crate) fn new(text: &'t str) -> Self {
        let mut marks = Vec::new();
        if !text.is_ascii() {
            let mut count = 0;
            for block in text.as_bytes().chunks(STRIDE) {
                marks.push(count);
                count += starts(block);
            }
            marks.push(count);
        }
        Self { text, marks }
    }

    /// The characters that start before a place.
    fn before(&self, place: usize) -> usize {
        let bytes = self.text.as_bytes();
        let place = place.min(bytes.len());
        match self.marks.get(place / STRIDE) {
            Some(mark) => mark + bytes.get(place - place % STRIDE..place).map_or(0, starts),
            None => place,
        }
    }

    /// The offset and the length of a span as jq counts them: in characters.
    pub(crate) fn count(&self, (start, end): Span) -> (usize, usize) {
        let last = self.before(end);
        match () {
            () if start == end => (last, 0),
            () if self.text.is_char_boundary(start) => {
                let first = self.before(start);
                (first, last - first)
            }
            // jq misses a start inside a character, and counts from the start of the text.
            () => (0, last),
        }
    }

    /// The text of a span.
    pub(crate) fn text(&self, (start, end): Span) -> Cow<'t, str> {
        match self.text.get(start..end) {
            Some(part) => Cow::Borrowed(part),
            None => {
                String::from_utf8_lossy(self.text.as_bytes().get(start..end).unwrap_or_default())
            }
        }
    }
}

/// The number of bytes that start characters.
fn starts(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| !text::is_continuation(**byte)).count()
}
