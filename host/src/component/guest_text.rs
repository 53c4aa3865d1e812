//! Text that a component or a client chose: names, messages, paths and frames of a backtrace. It is the only form in which such text
//! reaches the log, a terminal or the detail of an error response.

use std::fmt::{self, Write as _};

/// Text that a component chose, safe to print: one line of at most 1024 bytes, in which control characters and
/// other invisible characters are escaped. If something was cut, the end says so.
#[derive(Clone, PartialEq, Eq)]
pub struct GuestText(String);

impl GuestText {
    /// The text is formatted only as far as it is kept.
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        Self::bounded(format_args!("{text}"), BYTES_MAX)
    }

    /// As [`Self::new`], with the debug form of a value.
    pub(crate) fn debug(value: impl fmt::Debug) -> Self {
        Self::bounded(format_args!("{value:?}"), BYTES_MAX)
    }

    /// The name of a function, demangled if it is short: a long one could become endless.
    pub(crate) fn function(name: &str) -> Self {
        if name.len() <= NAME_BYTES_MAX {
            Self::bounded(format_args!("{:#}", rustc_demangle::demangle(name)), NAME_BYTES_MAX)
        } else {
            Self::name(name)
        }
    }

    /// A few texts, with a separator of the host's own.
    pub(crate) fn joined(separator: &str, texts: impl IntoIterator<Item = Self>) -> Self {
        let texts: Vec<_> = texts.into_iter().map(|text| text.0).collect();
        Self(texts.join(separator))
    }

    /// A name in a list, of which the list has several: at most 128 bytes.
    pub(crate) fn name(name: &str) -> Self {
        Self::bounded(format_args!("{name}"), NAME_BYTES_MAX)
    }

    /// Several names, of which at most eight are shown.
    pub(crate) fn names<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> Self {
        let more = names.len().saturating_sub(NAMES_MAX);
        let mut shown = Self::joined(", ", names.take(NAMES_MAX).map(Self::name));
        if more > 0 {
            shown.0 += &format!(" and {more} more");
        }
        shown
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn bounded(text: fmt::Arguments<'_>, bytes: usize) -> Self {
        let mut escaped = Escaped { kept: String::new(), bytes };
        // After an error there was too little room, and the rest is not even formatted.
        if escaped.write_fmt(text).is_err() {
            let _ = write!(escaped.kept, "… (cut at {bytes} bytes)");
        }
        Self(escaped.kept)
    }
}

/// The length of the longest text.
const BYTES_MAX: usize = 1024;
/// The length of the longest name of several.
const NAME_BYTES_MAX: usize = 128;
/// How many names of several are shown.
const NAMES_MAX: usize = 8;

struct Escaped {
    kept: String,
    /// How many bytes are kept.
    bytes: usize,
}

impl fmt::Write for Escaped {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let begun = self.kept.len();
            match character {
                '"' | '\'' => self.kept.push(character),
                other => self.kept.extend(other.escape_debug()),
            }
            if self.kept.len() > self.bytes {
                self.kept.truncate(begun);
                return Err(fmt::Error);
            }
        }
        Ok(())
    }
}

impl fmt::Display for GuestText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for GuestText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_are_escaped_and_quotes_stay() {
        let text = GuestText::new("it's \"é\"\n\x1b[31mred\u{202e}\\");
        assert_eq!(text.to_string(), "it's \"é\"\\n\\u{1b}[31mred\\u{202e}\\\\");
    }

    #[test]
    fn what_is_cut_is_not_formatted() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("é")?;
                }
            }
        }
        let text = GuestText::new(Endless).to_string();
        assert_eq!(text, "é".repeat(BYTES_MAX / 2) + "… (cut at 1024 bytes)");
        assert_eq!(GuestText::new("x".repeat(BYTES_MAX)).to_string().len(), BYTES_MAX);
    }

    #[test]
    fn a_list_of_names_is_bounded() {
        let names = vec!["n\n"; 100_000];
        let text = GuestText::names(names.into_iter()).to_string();
        assert_eq!(text, format!("{}n\\n and 99992 more", "n\\n, ".repeat(7)));
    }

    proptest! {
        #[test]
        fn any_text_becomes_one_short_printable_line(text in "\\PC*|[\\x00-\\u{10FFFF}]{0,600}") {
            let shown = GuestText::new(&text).to_string();
            prop_assert!(shown.len() < BYTES_MAX + 64);
            prop_assert!(!shown.chars().any(char::is_control), "{shown:?}");
        }
    }
}
