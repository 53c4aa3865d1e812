//! The syntax tree of a pattern, and the sets of characters it uses.

use alloc::{boxed::Box, string::String, vec::Vec};
use regex_syntax::hir::ClassUnicode;

/// What matches one character.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum One {
    /// This character.
    Char(char),
    /// Any character.
    Any,
    /// Any character but a newline.
    AnyButNewline,
    /// A word character, or when `false` any other.
    Word(bool),
    /// A character of the set with this index.
    Set(usize),
}

/// A condition on a place of the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Assert {
    /// `\A`
    TextStart,
    /// `\z`
    TextEnd,
    /// `\Z`: the end, or before a newline that ends the text.
    LastLineEnd,
    /// `^` after `(?m)`
    LineStart,
    /// `$` after `(?m)`
    LineEnd,
    /// `\b`, or when `false` `\B`.
    WordBoundary(bool),
    /// `\G`
    SearchStart,
}

/// The order in which a repetition tries its counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Greed {
    /// The most first.
    Greedy,
    /// The fewest first.
    Lazy,
    /// The most only.
    Possessive,
}

/// A node of the tree.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Matches the empty text.
    Empty,
    /// Never matches.
    Fail,
    /// Matches one character.
    One(One),
    /// A condition on the place.
    Assert(Assert),
    /// One after the other.
    Concat(Vec<Node>),
    /// The first that matches.
    Alternation(Vec<Node>),
    /// A numbered group.
    Group(usize, Box<Node>),
    /// A repetition.
    Repeat(Box<Repeat>),
    /// A condition on the text around the place.
    Look(Box<Look>),
    /// A part that is never entered again after it matched.
    Atomic(Box<Node>),
    /// The text of the last of these groups that took part.
    BackReference(Vec<usize>, bool),
    /// The pattern of a group again: the index of the call among the targets.
    Call(usize),
    /// A choice by a condition.
    Conditional(Box<Conditional>),
    /// `\K`: the match starts here.
    Keep,
}

/// A repetition of a node.
#[derive(Clone, Debug)]
pub(super) struct Repeat {
    pub(super) node: Node,
    pub(super) min: u32,
    pub(super) max: Option<u32>,
    pub(super) greed: Greed,
}

/// A lookahead or a lookbehind.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) node: Node,
    pub(super) behind: bool,
    pub(super) negative: bool,
}

/// `(?(condition)yes|no)`
#[derive(Clone, Debug)]
pub(super) struct Conditional {
    /// The groups one of which must have taken part.
    pub(super) groups: Vec<usize>,
    /// The pattern that must match, when there are no groups.
    pub(super) test: Node,
    pub(super) yes: Node,
    pub(super) no: Node,
}

/// A parsed pattern.
#[derive(Debug)]
pub(super) struct Syntax {
    pub(super) root: Node,
    pub(super) sets: Vec<Set>,
    /// For every group from the first its name.
    pub(super) names: Vec<Option<String>>,
    /// The groups that are called, by index.
    pub(super) called: Vec<bool>,
    /// For every call its group, of which 0 is the whole pattern.
    pub(super) targets: Vec<usize>,
}

/// A set of characters.
#[derive(Clone, Debug)]
pub(super) struct Set {
    ascii: u128,
    /// The ranges above ASCII, in order.
    ranges: Box<[(u32, u32)]>,
    negated: bool,
}

impl Set {
    /// The set of a class, which was written as a negation or not.
    pub(super) fn new(class: &ClassUnicode, negated: bool) -> Self {
        let mut ascii = 0_u128;
        let mut ranges = Vec::new();
        for range in class.ranges() {
            let (start, end) = (u32::from(range.start()), u32::from(range.end()));
            for code in start..=end.min(127) {
                ascii |= 1 << code;
            }
            if end >= 128 {
                ranges.push((start.max(128), end));
            }
        }
        Self { ascii, ranges: ranges.into_boxed_slice(), negated }
    }

    /// Whether the set has an ASCII character.
    #[inline]
    pub(super) fn has_ascii(&self, byte: u8) -> bool {
        self.ascii >> (byte & 127) & 1 == 1
    }

    /// Whether the set has a character above ASCII.
    pub(super) fn has_wide(&self, code: u32) -> bool {
        self.ranges
            .binary_search_by(|&(start, end)| match () {
                () if end < code => core::cmp::Ordering::Less,
                () if start > code => core::cmp::Ordering::Greater,
                () => core::cmp::Ordering::Equal,
            })
            .is_ok()
    }

    /// Whether the set is small and has this character: so for the set of one character's case variants.
    pub(super) fn is_variant(&self, c: char) -> bool {
        let code = u32::from(c);
        !self.negated
            && self.ascii.count_ones() <= 2
            && self.ranges.len() <= 3
            && u8::try_from(code)
                .ok()
                .filter(u8::is_ascii)
                .map_or_else(|| self.has_wide(code), |b| self.has_ascii(b))
    }

    /// Whether the set takes a byte that continues a character, where a search started inside the character:
    /// only a negated set does.
    pub(super) fn has_continuation(&self) -> bool {
        self.negated
    }

    /// The ranges above ASCII.
    pub(super) fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }
}

impl Node {
    /// The node itself, or what a sequence of none or one comes to.
    pub(super) fn single(self) -> Self {
        match self {
            Self::Concat(mut nodes) if nodes.len() < 2 => nodes.pop().unwrap_or(Self::Empty),
            node => node,
        }
    }

    /// The number of characters every match of the node has, when they all have the same.
    pub(super) fn fixed_length(&self) -> Option<u32> {
        match self {
            Self::Empty | Self::Fail | Self::Assert(_) | Self::Keep => Some(0),
            Self::One(_) => Some(1),
            Self::Concat(nodes) => {
                nodes.iter().try_fold(0_u32, |sum, node| sum.checked_add(node.fixed_length()?))
            }
            Self::Alternation(nodes) => {
                let mut lengths = nodes.iter().map(Self::fixed_length);
                let first = lengths.next()??;
                lengths.all(|length| length == Some(first)).then_some(first)
            }
            Self::Group(_, node) | Self::Atomic(node) => node.fixed_length(),
            Self::Repeat(repeat) if repeat.max == Some(repeat.min) => {
                repeat.node.fixed_length()?.checked_mul(repeat.min)
            }
            Self::Look(look) if look.behind => Some(0),
            _ => None,
        }
    }

    /// Whether the node is, or has as an alternative, one that only tests the place: it cannot be repeated.
    pub(super) fn is_condition(&self) -> bool {
        match self {
            Self::Assert(_) | Self::Look(_) | Self::Keep | Self::Fail => true,
            Self::Alternation(nodes) => nodes.iter().any(Self::is_condition),
            _ => false,
        }
    }

    /// Whether the node has a group.
    pub(super) fn has_group(&self) -> bool {
        match self {
            Self::Group(..) => true,
            Self::Concat(nodes) | Self::Alternation(nodes) => nodes.iter().any(Self::has_group),
            Self::Atomic(node) => node.has_group(),
            Self::Repeat(repeat) => repeat.node.has_group(),
            Self::Look(look) => look.node.has_group(),
            Self::Conditional(test) => {
                test.test.has_group() || test.yes.has_group() || test.no.has_group()
            }
            _ => false,
        }
    }

    /// Whether the node may match the empty text.
    pub(super) fn may_be_empty(&self) -> bool {
        match self {
            Self::One(_) | Self::Fail => false,
            Self::Concat(nodes) => nodes.iter().all(Self::may_be_empty),
            Self::Alternation(nodes) => nodes.iter().any(Self::may_be_empty),
            Self::Group(_, node) | Self::Atomic(node) => node.may_be_empty(),
            Self::Repeat(repeat) => repeat.min == 0 || repeat.node.may_be_empty(),
            _ => true,
        }
    }

    /// About the number of instructions of the node, without those of counted repetitions inside.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Concat(nodes) | Self::Alternation(nodes) => nodes
                .iter()
                .map(|node| node.size().saturating_add(2))
                .fold(0, usize::saturating_add),
            Self::Group(_, node) | Self::Atomic(node) => node.size().saturating_add(2),
            Self::Repeat(repeat) => match &repeat.node {
                Self::One(_) => 1,
                node => {
                    let copies = repeat.max.unwrap_or(repeat.min.saturating_add(1)) as usize;
                    node.size().saturating_add(3).saturating_mul(copies.max(1))
                }
            },
            Self::Look(look) => look.node.size().saturating_add(4),
            Self::Conditional(node) => node
                .test
                .size()
                .saturating_add(node.yes.size())
                .saturating_add(node.no.size())
                .saturating_add(5),
            _ => 1,
        }
    }
}
