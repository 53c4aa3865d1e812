//! The named classes of characters: POSIX brackets, Unicode properties and the classes of the escapes.

use alloc::{format, string::String};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

/// The classes with a POSIX name, as patterns of the Unicode tables.
const POSIX: [(&str, &str); 14] = [
    ("alnum", r"[\p{Alphabetic}\p{Nd}]"),
    ("alpha", r"\p{Alphabetic}"),
    ("ascii", r"[\x00-\x7f]"),
    ("blank", r"[\t\p{Zs}]"),
    ("cntrl", r"\p{Cc}"),
    ("digit", r"\p{Nd}"),
    ("graph", r"[^\p{White_Space}\p{Cc}\p{Cn}]"),
    ("lower", r"\p{Lowercase}"),
    ("print", r"[\p{Zs}[^\p{White_Space}\p{Cc}\p{Cn}]]"),
    ("punct", r"[\p{P}\p{S}]"),
    ("space", r"\p{White_Space}"),
    ("upper", r"\p{Uppercase}"),
    ("word", r"[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]"),
    ("xdigit", r"[0-9A-Fa-f]"),
];

/// The class with this POSIX name.
pub(super) fn posix(name: &str) -> Option<ClassUnicode> {
    POSIX.iter().find(|(known, _)| *known == name).and_then(|(_, pattern)| class(pattern))
}

/// The class with this property name: a POSIX name, a general category, a script or a binary property.
pub(super) fn property(name: &str) -> Option<ClassUnicode> {
    let key: String = name
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '_'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    if key.is_empty() || key.starts_with("is") || !key.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let posix = if key == "punct" { None } else { posix(&key) };
    posix.or_else(|| class(&format!("\\p{{{key}}}")))
}

/// The class that a pattern of the Unicode tables describes.
fn class(pattern: &str) -> Option<ClassUnicode> {
    let tree = regex_syntax::parse(pattern).ok()?;
    match tree.kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class.clone()),
        HirKind::Class(Class::Bytes(class)) => class.to_unicode_class(),
        HirKind::Literal(literal) => {
            let mut chars = core::str::from_utf8(&literal.0).ok()?.chars();
            let only = chars.next().filter(|_| chars.next().is_none())?;
            Some(ClassUnicode::new([ClassUnicodeRange::new(only, only)]))
        }
        HirKind::Empty => Some(ClassUnicode::empty()),
        _ => None,
    }
}

/// Whether a character counts as part of a word.
#[inline]
pub(super) fn is_word(code: u32) -> bool {
    const JOINERS: [u32; 2] = [0x200c, 0x200d];
    /// The superscripts and fractions, which Oniguruma counts by its table of Latin 1.
    const NUMBERS: [u32; 6] = [0xb2, 0xb3, 0xb9, 0xbc, 0xbd, 0xbe];
    match u8::try_from(code) {
        Ok(byte) if byte.is_ascii() => byte.is_ascii_alphanumeric() || byte == b'_',
        _ if JOINERS.contains(&code) => false,
        _ if NUMBERS.contains(&code) => true,
        _ => char::from_u32(code)
            .is_some_and(|c| regex_syntax::try_is_word_character(c).unwrap_or(false)),
    }
}

/// The class of one character and all that differ from it only by case.
pub(super) fn case_variants(c: char) -> ClassUnicode {
    let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
    fold(&mut class);
    class
}

/// Adds to a class all that differ from its characters only by case.
pub(super) fn fold(class: &mut ClassUnicode) {
    // The tables of case are always built in, and without them the class stays as it is.
    let _folded = class.try_case_fold_simple();
}

/// The single characters with a case folding of more than one character, and that folding.
pub(super) const EXPANSIONS: [(char, &str); 14] = [
    ('ß', "ss"),
    ('ẞ', "ss"),
    ('ŉ', "ʼn"),
    ('ǰ', "ǰ"),
    ('և', "եւ"),
    ('ẖ', "ẖ"),
    ('ﬀ', "ff"),
    ('ﬁ', "fi"),
    ('ﬂ', "fl"),
    ('ﬃ', "ffi"),
    ('ﬄ', "ffl"),
    ('ﬅ', "st"),
    ('ﬆ', "st"),
    ('İ', "i\u{307}"),
];
