//! Splits Rust text into code and prose (comments and strings). Both keep every line's place.

/// The text with everything but code as spaces, and the text with all code as spaces.
pub(super) fn split(text: &str) -> (String, String) {
    let (mut code, mut prose) = (String::new(), String::new());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let previous = code.chars().next_back().unwrap_or(' ');
        let length = prose_length(rest, previous);
        let (piece, is_prose) = match length {
            Some(length) => (&rest[..length], true),
            None => (&rest[..first.len_utf8()], false),
        };
        for character in piece.chars() {
            let blank = if character == '\n' { '\n' } else { ' ' };
            code.push(if is_prose { blank } else { character });
            prose.push(if is_prose { character } else { blank });
        }
        rest = &rest[piece.len()..];
    }
    (code, prose)
}

/// How long the comment, string or character is that the text begins with.
fn prose_length(text: &str, previous: char) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(text.find("*/").map_or(text.len(), |end| end + 2));
    }
    if text.starts_with('"') {
        return Some(escaped(text, '"'));
    }
    if text.starts_with('r') && !previous.is_alphanumeric() && previous != '_'
        || text.starts_with("br")
    {
        let start = text.find('r')? + 1;
        let hashes = text[start..].bytes().take_while(|byte| *byte == b'#').count();
        if text[start + hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = start + hashes + 1;
            return Some(text[body..].find(&end).map_or(text.len(), |at| body + at + end.len()));
        }
    }
    if let Some(inner) = text.strip_prefix('\'') {
        let mut characters = inner.char_indices();
        let (_, first) = characters.next()?;
        if first == '\\' || characters.next().is_some_and(|(_, second)| second == '\'') {
            return Some(escaped(text, '\''));
        }
    }
    None
}

fn escaped(text: &str, quote: char) -> usize {
    let mut escape = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escape => escape = false,
            '\\' => escape = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The code without its test module, which is the last thing in a file.
pub(super) fn without_tests(code: &str) -> &str {
    code.find("#[cfg(test)]\nmod tests").map_or(code, |at| &code[..at])
}

/// The number of the line that this place is in.
pub(super) fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn code_and_prose_come_apart() {
        let (code, prose) =
            split("let a = \"b\\\"c\"; // d\nlet 'e: r#\"f\"g\"# '\\'' 'h' for<'i>");
        assert_eq!(
            code.split_whitespace().collect::<Vec<_>>().join(" "),
            "let a = ; let 'e: for<'i>"
        );
        assert_eq!(
            prose.split_whitespace().collect::<Vec<_>>().join(" "),
            "\"b\\\"c\" // d r#\"f\"g\"# '\\'' 'h'"
        );
    }
}
