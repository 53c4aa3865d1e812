//! Searches for a string in a string, and splitting at it.

use alloc::{vec, vec::Vec};

use super::utf8;

/// `index`: offset in codepoints of the first occurrence. An empty string occurs nowhere.
pub(crate) fn index(text: &str, pattern: &str) -> Option<usize> {
    codepoint_offset(text, text.find(non_empty(pattern)?)?)
}

/// `rindex`: offset in codepoints of the last occurrence.
pub(crate) fn rindex(text: &str, pattern: &str) -> Option<usize> {
    codepoint_offset(text, text.rfind(non_empty(pattern)?)?)
}

fn non_empty(pattern: &str) -> Option<&str> {
    (!pattern.is_empty()).then_some(pattern)
}

fn codepoint_offset(text: &str, byte_offset: usize) -> Option<usize> {
    text.get(..byte_offset).map(utf8::codepoint_count)
}

/// `indices`, `_strindices`: offsets in codepoints of all occurrences, which may overlap.
pub(crate) fn indices(text: &str, pattern: &str) -> Vec<usize> {
    let mut offsets = Offsets { text, at: 0, codepoints: 0, found: Vec::new() };
    let mut characters = pattern.chars();
    match (characters.next(), characters.next()) {
        (None, _) => {}
        (Some(character), None) => {
            text.match_indices(character).for_each(|(offset, _)| offsets.push(offset))
        }
        _ => {
            // The table is made only if the pattern occurs at all.
            if let Some(first) = text.find(pattern) {
                overlapping(text.as_bytes(), pattern.as_bytes(), first, |offset| {
                    offsets.push(offset)
                });
            }
        }
    }
    offsets.found
}

/// Ascending offsets in bytes, turned into offsets in codepoints.
struct Offsets<'a> {
    text: &'a str,
    /// Last offset in bytes and in codepoints.
    at: usize,
    codepoints: usize,
    found: Vec<usize>,
}

impl Offsets<'_> {
    fn push(&mut self, offset: usize) {
        self.codepoints += self.text.get(self.at..offset).map_or(0, utf8::codepoint_count);
        self.at = offset;
        self.found.push(self.codepoints);
    }
}

/// Finds all occurrences of a pattern from the offset `start` on, by the algorithm of Knuth, Morris and Pratt: the time
/// is linear even where they overlap.
fn overlapping(text: &[u8], pattern: &[u8], start: usize, mut found: impl FnMut(usize)) {
    // borders[n]: length of the longest proper prefix of the pattern's first n + 1 bytes that is also their suffix.
    let mut borders = vec![0; pattern.len()];
    let mut matched = 0;
    for at in 1..pattern.len() {
        matched = extend(pattern, &borders, matched, pattern[at]);
        borders[at] = matched;
    }
    matched = 0;
    for (at, byte) in text.iter().enumerate().skip(start) {
        matched = extend(pattern, &borders, matched, *byte);
        if matched == pattern.len() {
            found(at + 1 - matched);
            matched = borders[matched - 1];
        }
    }
}

/// Length of the longest prefix of the pattern that ends with `byte`, if the last `matched` bytes are a prefix.
#[inline]
fn extend(pattern: &[u8], borders: &[usize], mut matched: usize, byte: u8) -> usize {
    loop {
        if pattern.get(matched) == Some(&byte) {
            return matched + 1;
        }
        match matched.checked_sub(1) {
            Some(last) => matched = borders.get(last).copied().unwrap_or(0),
            None => return 0,
        }
    }
}

/// `split`: the parts between the separators; the codepoints if the separator is empty. An empty text has no parts.
pub(crate) fn split<'a>(text: &'a str, separator: &'a str) -> Split<'a> {
    let mut characters = separator.chars();
    match (characters.next(), characters.next()) {
        _ if text.is_empty() => Split::Codepoints(""),
        (None, _) => Split::Codepoints(text),
        (Some(character), None) => Split::AtCharacter(text.split(character)),
        _ => Split::AtText(text.split(separator)),
    }
}

/// Iterator over the parts of a text.
#[derive(Clone, Debug)]
pub(crate) enum Split<'a> {
    /// Each codepoint of the rest.
    Codepoints(&'a str),
    /// Parts between a character, for which the search is faster.
    AtCharacter(core::str::Split<'a, char>),
    /// Parts between a longer text.
    AtText(core::str::Split<'a, &'a str>),
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        match self {
            Self::Codepoints(rest) => {
                let (codepoint, behind) = rest.split_at_checked(rest.chars().next()?.len_utf8())?;
                *rest = behind;
                Some(codepoint)
            }
            Self::AtCharacter(parts) => parts.next(),
            Self::AtText(parts) => parts.next(),
        }
    }
}
