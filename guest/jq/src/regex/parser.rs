//! The parser of patterns in the Perl dialect of Oniguruma with named groups.

use alloc::{borrow::ToOwned, boxed::Box, format, string::String, vec, vec::Vec};

use super::{
    fold::{expanded, folded},
    syntax::{Assert, Greed, Node, One, Repeat, Set, Syntax},
};

/// The deepest nesting of groups.
const MAX_DEPTH: usize = 250;
/// The most quantifiers that directly follow another in the whole pattern.
const MAX_STACKED: usize = 100;
/// The largest bound of a repetition.
const MAX_REPEAT: u32 = 100_000;

/// The most ranges of sets, names that are compared, and references.
const MAX_WEIGHT: usize = 1 << 20;

/// The message of a pattern that is too big.
pub(super) const TOO_BIG: &str = "too big regular expression";
/// The message of a pattern with groups that are too deep.
const TOO_DEEP: &str = "parse depth limit over";

/// The settings that a pattern can change inside itself.
#[derive(Clone, Copy)]
pub(super) struct Modes {
    pub(super) ignore_case: bool,
    pub(super) extended: bool,
    /// Whether `.` takes a newline.
    pub(super) dot_all: bool,
    /// Whether `^` and `$` stand at every line.
    pub(super) multi_line: bool,
    /// Whether a character may fold to more than one: not in a lookbehind, which has a fixed length.
    pub(super) expand: bool,
}

/// The state of the parser.
pub(super) struct Parser {
    source: Vec<char>,
    at: usize,
    depth: usize,
    stacked: usize,
    quoted: bool,
    in_class: bool,
    pub(super) sets: Vec<Set>,
    pub(super) names: Vec<Option<String>>,
    /// The calls of groups that may be defined later: by name or by number.
    pub(super) calls: Vec<Result<usize, String>>,
    /// The largest number of a group that is referred to.
    pub(super) last_reference: usize,
    /// What the pattern weighs so far, besides its own length.
    pub(super) weight: usize,
}

impl Parser {
    /// A parser of this pattern.
    fn new(pattern: &str) -> Self {
        Self {
            source: pattern.chars().collect(),
            at: 0,
            depth: 0,
            stacked: 0,
            quoted: false,
            in_class: false,
            sets: Vec::new(),
            names: Vec::new(),
            calls: Vec::new(),
            last_reference: 0,
            weight: 0,
        }
    }

    /// The next character, which stays.
    pub(super) fn peek(&self) -> Option<char> {
        self.source.get(self.at).copied()
    }

    /// The character so many places after the next.
    pub(super) fn peek_at(&self, distance: usize) -> Option<char> {
        self.source.get(self.at.saturating_add(distance)).copied()
    }

    /// Takes the next character.
    pub(super) fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    /// Takes the next character if it is this one.
    pub(super) fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    /// The place of the next character.
    pub(super) fn place(&self) -> usize {
        self.at
    }

    /// Goes back to a place.
    pub(super) fn return_to(&mut self, place: usize) {
        self.at = place;
    }

    /// The rest of the pattern.
    pub(super) fn rest(&self) -> &[char] {
        self.source.get(self.at..).unwrap_or_default()
    }

    /// Whether the place is inside a set.
    pub(super) fn in_class(&self) -> bool {
        self.in_class
    }

    /// Notes that the place is inside a set, or no more.
    pub(super) fn enter_class(&mut self, inside: bool) {
        self.in_class = inside;
    }

    /// The decimal digits from a place.
    pub(super) fn digits_at(&self, place: usize) -> String {
        self.source.iter().skip(place).take_while(|c| c.is_ascii_digit()).collect()
    }

    /// Puts another pattern in the place of the own one, which is given back.
    pub(super) fn replace_source(&mut self, pattern: &str) -> Vec<char> {
        self.at = 0;
        core::mem::replace(&mut self.source, pattern.chars().collect())
    }

    /// Goes back to the own pattern.
    pub(super) fn restore_source(&mut self, source: Vec<char>, place: usize) {
        self.source = source;
        self.at = place;
    }

    /// Parses alternatives up to the end of their group. Settings changed on the way hold up to there.
    pub(super) fn alternatives(&mut self, modes: &mut Modes) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(TOO_DEEP.to_owned());
        }
        let mut branches = vec![self.branch(modes)?];
        while self.eat('|') {
            branches.push(self.branch(modes)?);
        }
        self.depth -= 1;
        Ok(match branches.len() {
            1 => branches.remove(0),
            _ => Node::Alternation(branches),
        })
    }

    /// Parses what follows each other.
    fn branch(&mut self, modes: &mut Modes) -> Result<Node, String> {
        let mut nodes = Vec::new();
        loop {
            self.skip_blanks(modes)?;
            if !self.quoted && matches!(self.peek(), None | Some('|' | ')'))
                || self.peek().is_none()
            {
                break;
            }
            if let Some(node) = self.atom(modes)? {
                self.end_quote();
                if self.weight > MAX_WEIGHT {
                    return Err(TOO_BIG.to_owned());
                }
                let node = if self.quoted { node } else { self.quantified(node, modes)? };
                nodes.push(node);
            } else if !self.quoted {
                self.skip_blanks(modes)?;
            }
        }
        Ok(self.join(nodes, *modes))
    }

    /// Joins nodes that follow each other, with the case foldings that span several characters.
    fn join(&mut self, nodes: Vec<Node>, modes: Modes) -> Node {
        let nodes =
            if modes.ignore_case && modes.expand { expanded(nodes, &mut self.sets) } else { nodes };
        Node::Concat(nodes).single()
    }

    /// Skips comments, and in extended patterns white space.
    fn skip_blanks(&mut self, modes: &Modes) -> Result<(), String> {
        while !self.quoted {
            match self.peek() {
                Some('(') if self.peek_at(1) == Some('?') && self.peek_at(2) == Some('#') => {
                    self.skip_comment()?
                }
                Some(' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}') if modes.extended => {
                    self.at += 1
                }
                Some('#') if modes.extended => while self.take().is_some_and(|c| c != '\n') {},
                _ => break,
            }
        }
        Ok(())
    }

    /// Skips `(?#…)`.
    fn skip_comment(&mut self) -> Result<(), String> {
        loop {
            match self.take() {
                None => return Err("end pattern in group".to_owned()),
                Some('\\') => self.at += 1,
                Some(')') => return Ok(()),
                Some(_) => {}
            }
        }
    }

    /// Parses one atom. Settings, quotes and the like give none.
    fn atom(&mut self, modes: &mut Modes) -> Result<Option<Node>, String> {
        if self.quoted {
            if self.end_quote() {
                return Ok(None);
            }
            return Ok(self.take().map(|c| self.literal(c, *modes)));
        }
        let Some(c) = self.take() else { return Ok(None) };
        Ok(Some(match c {
            '.' if modes.dot_all => Node::One(One::Any),
            '.' => Node::One(One::AnyButNewline),
            '^' if modes.multi_line => Node::Assert(Assert::LineStart),
            '^' => Node::Assert(Assert::TextStart),
            '$' if modes.multi_line => Node::Assert(Assert::LineEnd),
            '$' => Node::Assert(Assert::LastLineEnd),
            '(' => return self.group(modes),
            '[' => self.bracket(*modes)?,
            '*' | '+' | '?' => return Err("target of repeat operator is not specified".to_owned()),
            '{' => {
                self.at -= 1;
                if self.interval()?.is_some() {
                    return Err("target of repeat operator is not specified".to_owned());
                }
                self.at += 1;
                Node::One(One::Char('{'))
            }
            '\\' if self.eat('Q') => {
                self.quoted = true;
                return Ok(None);
            }
            '\\' => self.escape(*modes)?,
            c => self.literal(c, *modes),
        }))
    }

    /// Ends a quote, if its end is next.
    fn end_quote(&mut self) -> bool {
        let ends = self.quoted && self.peek() == Some('\\') && self.peek_at(1) == Some('E');
        if ends {
            self.at += 2;
            self.quoted = false;
        }
        ends
    }

    /// The node of a character that stands for itself.
    pub(super) fn literal(&mut self, c: char, modes: Modes) -> Node {
        if modes.ignore_case { folded(c, &mut self.sets) } else { Node::One(One::Char(c)) }
    }

    /// The node of a character that matches a set.
    pub(super) fn set(&mut self, set: Set) -> Node {
        self.weight = self.weight.saturating_add(set.ranges().len());
        self.sets.push(set);
        Node::One(One::Set(self.sets.len() - 1))
    }

    /// Parses the quantifiers after an atom.
    fn quantified(&mut self, mut node: Node, modes: &Modes) -> Result<Node, String> {
        let mut count = 0_usize;
        loop {
            self.skip_blanks(modes)?;
            let (min, max, interval) = match self.peek() {
                Some('*') => (0, None, false),
                Some('+') => (1, None, false),
                Some('?') => (0, Some(1), false),
                Some('{') => match self.interval()? {
                    Some((min, max)) => (min, max, true),
                    None => return Ok(node),
                },
                _ => return Ok(node),
            };
            self.at += usize::from(!interval);
            if node.is_condition() {
                return Err("target of repeat operator is invalid".to_owned());
            }
            self.stacked += usize::from(count > 0);
            if self.stacked > MAX_STACKED {
                return Err(TOO_DEEP.to_owned());
            }
            count += 1;
            let greed = match () {
                () if self.eat('?') => Greed::Lazy,
                () if !interval && self.eat('+') => Greed::Possessive,
                () => Greed::Greedy,
            };
            if modes.ignore_case && modes.expand && matches!(node, Node::One(_)) {
                node = Node::Concat(expanded(vec![node], &mut self.sets)).single();
            }
            node = Node::Repeat(Box::new(Repeat { node, min, max, greed }));
        }
    }

    /// Parses `{n}`, `{n,}` or `{n,m}`. What is none of these stays, as literal text.
    fn interval(&mut self) -> Result<Option<(u32, Option<u32>)>, String> {
        let place = self.at;
        self.at += 1;
        let min = self.bound()?;
        let comma = self.eat(',');
        let max = if comma { self.bound()? } else { min };
        let (true, Some(min)) = (self.eat('}'), min) else {
            self.at = place;
            return Ok(None);
        };
        match max {
            Some(max) if max < min => Err("upper is smaller than lower in repeat range".to_owned()),
            _ => Ok(Some((min, max))),
        }
    }

    /// Parses a bound of a repetition.
    fn bound(&mut self) -> Result<Option<u32>, String> {
        let mut bound = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            self.at += 1;
            let value = bound.unwrap_or(0_u32).saturating_mul(10).saturating_add(digit);
            if value > MAX_REPEAT {
                return Err("too big number for repeat range".to_owned());
            }
            bound = Some(value);
        }
        Ok(bound)
    }
}

/// Parses a pattern.
pub(super) fn parse(pattern: &str, mut modes: Modes) -> Result<Syntax, String> {
    let mut parser = Parser::new(pattern);
    let root = parser.alternatives(&mut modes)?;
    if parser.peek().is_some() {
        return Err("unmatched close parenthesis".to_owned());
    }
    if parser.last_reference > parser.names.len() {
        return Err("invalid backref number/name".to_owned());
    }
    if parser.calls.len().saturating_mul(parser.names.len()) / 16 > MAX_WEIGHT {
        return Err(TOO_BIG.to_owned());
    }
    let mut called = vec![false; parser.names.len() + 1];
    let mut targets = Vec::new();
    for call in &parser.calls {
        let target = match call {
            Ok(group) if *group <= parser.names.len() => *group,
            Ok(group) => return Err(format!("undefined group <{group}> reference")),
            Err(name) => match parser.groups_named(name).as_slice() {
                [] => return Err(format!("undefined name <{name}> reference")),
                [group] => *group,
                _ => return Err(format!("multiplex definition name <{name}> call")),
            },
        };
        if let Some(flag) = called.get_mut(target) {
            *flag = true;
        }
        targets.push(target);
    }
    Ok(Syntax { root, sets: parser.sets, names: parser.names, called, targets })
}
