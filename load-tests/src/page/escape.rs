//! Text for HTML and SVG. A name in a report is data: it can hold `<`, and it must not become a tag.

use std::borrow::Cow;

/// `text` as it must stand between tags or inside a quoted attribute.
///
/// Characters that no HTML document may hold, such as a terminal's escape, become U+FFFD: a command's
/// output may well have them.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    let plain = |c: char| !matches!(c, '&' | '<' | '>' | '"' | '\'') && !forbidden(c);
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            c if forbidden(c) => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

fn forbidden(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(escape(text), expected);
    }

    #[test]
    fn what_would_be_markup_is_text() {
        check("p99 latency, µs", "p99 latency, µs");
        check("<b title=\"x\">", "&lt;b title=&quot;x&quot;&gt;");
        check("'&amp;'", "&#39;&amp;amp;&#39;");
        check("a\n\tb\u{1b}[1m\0", "a\n\tb\u{fffd}[1m\u{fffd}");
    }

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(escape("plain"), Cow::Borrowed(_)));
    }
}
