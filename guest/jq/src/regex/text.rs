//! The text as a search sees it: bytes of UTF-8, in which a search may also start inside a character.
//!
//! A byte that continues a character counts as a character of its own where a search starts on it.

use super::{
    property::is_word,
    syntax::{Assert, One, Set},
};

/// Whether a byte continues a character.
#[inline]
pub(super) fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// The number of bytes of the character that starts with this byte.
#[inline]
pub(super) fn length(byte: u8) -> usize {
    match byte {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    }
}

/// The code of the character at a place, and the place after it.
#[inline]
pub(super) fn decode(text: &[u8], at: usize) -> Option<(u32, usize)> {
    let first = *text.get(at)?;
    if first < 0x80 {
        return Some((u32::from(first), at + 1));
    }
    let length = length(first);
    if length == 1 {
        return Some((u32::from(first), at + 1));
    }
    let bits = u32::from(first) & (0x7f >> length);
    let rest = text.get(at + 1..at + length)?;
    Some((rest.iter().fold(bits, |code, byte| code << 6 | u32::from(byte & 0x3f)), at + length))
}

/// The place of the character before a place.
#[inline]
pub(super) fn before(text: &[u8], at: usize) -> Option<usize> {
    let mut at = at.checked_sub(1)?;
    while at > 0 && text.get(at).is_some_and(|byte| is_continuation(*byte)) {
        at -= 1;
    }
    Some(at)
}

/// The place after the character at a place, if it is the one.
#[inline]
pub(super) fn step(one: One, sets: &[Set], text: &[u8], at: usize) -> Option<usize> {
    let byte = *text.get(at)?;
    let width = length(byte);
    let found = match one {
        One::Any => true,
        One::AnyButNewline => byte != b'\n',
        One::Char(c) => decode(text, at)?.0 == u32::from(c) && (byte < 0x80 || width > 1),
        One::Word(wanted) => is_word(decode(text, at)?.0) == wanted,
        One::Set(index) => {
            let set = sets.get(index)?;
            match byte {
                0..0x80 => set.has_ascii(byte),
                _ if width == 1 => set.has_continuation(),
                _ => set.has_wide(decode(text, at)?.0),
            }
        }
    };
    found.then_some(at + width)
}

/// The place after at most so many characters that are each the one.
pub(super) fn run(one: One, sets: &[Set], text: &[u8], at: usize, most: usize) -> usize {
    match one {
        One::Set(index) => {
            let Some(set) = sets.get(index) else { return at };
            run_of(text, at, most, |byte| set.has_ascii(byte), |at| step(one, sets, text, at))
        }
        One::Any => run_of(text, at, most, |_| true, |at| step(one, sets, text, at)),
        One::AnyButNewline => {
            run_of(text, at, most, |byte| byte != b'\n', |at| step(one, sets, text, at))
        }
        One::Char(c) => {
            run_of(text, at, most, |byte| char::from(byte) == c, |at| step(one, sets, text, at))
        }
        One::Word(wanted) => {
            let word = |byte: u8| (byte.is_ascii_alphanumeric() || byte == b'_') == wanted;
            run_of(text, at, most, word, |at| step(one, sets, text, at))
        }
    }
}

/// The place after at most so many characters that `ascii` or `wide` takes.
#[inline]
fn run_of(
    text: &[u8],
    mut at: usize,
    most: usize,
    ascii: impl Fn(u8) -> bool,
    wide: impl Fn(usize) -> Option<usize>,
) -> usize {
    for _ in 0..most {
        match text.get(at) {
            Some(byte) if byte.is_ascii() => {
                if !ascii(*byte) {
                    break;
                }
                at += 1;
            }
            _ => match wide(at) {
                Some(next) => at = next,
                None => break,
            },
        }
    }
    at
}

/// Whether the condition holds at a place, in a search that began at `start`.
#[inline]
pub(super) fn holds(assert: Assert, text: &[u8], at: usize, start: usize) -> bool {
    let newline = |at: usize| text.get(at) == Some(&b'\n');
    match assert {
        Assert::TextStart => at == 0,
        Assert::TextEnd => at == text.len(),
        Assert::LastLineEnd => at == text.len() || at + 1 == text.len() && newline(at),
        Assert::LineStart => at == 0 || newline(at - 1) && at < text.len(),
        Assert::LineEnd => at == text.len() || newline(at),
        Assert::SearchStart => at == start,
        Assert::WordBoundary(wanted) => {
            let word = |at: Option<usize>| {
                at.and_then(|at| decode(text, at)).is_some_and(|(code, _)| is_word(code))
            };
            (word(before(text, at)) != word(Some(at))) == wanted
        }
    }
}

/// Whether two texts differ by case only.
pub(super) fn same_folded(left: &[u8], right: &[u8]) -> bool {
    let text = |bytes| core::str::from_utf8(bytes).unwrap_or_default();
    let (mut left, mut right) = (text(left).chars(), text(right).chars());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b || a.to_lowercase().eq(b.to_lowercase()) => {}
            _ => return false,
        }
    }
}
