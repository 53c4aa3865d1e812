//! The paths of routes, as clients send them.

use anyhow::{Result, ensure};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// Whether a client can send a path that begins with this prefix as it is written. Clients encode other
/// characters, and remove segments of dots.
///
/// # Errors
///
/// If none can. The message has the encoded form.
pub(crate) fn check_path(path: &str) -> Result<()> {
    ensure!(
        path.starts_with('/') && (path == "/" || !path.ends_with('/')),
        "expected a path prefix such as \"/a/b\", got path = {path:?}"
    );
    let encoded = utf8_percent_encode(path, NOT_IN_PATHS).to_string();
    ensure!(
        encoded == path,
        "expected a path as clients send it, such as {encoded:?}, got path = {path:?}"
    );
    let is_reachable = |segment: &str| {
        let decoded = percent_decode_str(segment).collect::<Vec<_>>();
        !segment.is_empty() && !matches!(&decoded[..], b"." | b"..")
    };
    ensure!(
        path == "/" || path.split('/').skip(1).all(is_reachable),
        "expected a path without empty segments and segments of dots, got path = {path:?}"
    );
    let escapes = path.split('%').skip(1);
    let mut codes = escapes.map(|escape| escape.as_bytes().get(..2).unwrap_or_default());
    let is_code = |code: &[u8]| {
        code.len() == 2 && code.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F'))
    };
    ensure!(
        codes.all(is_code),
        "expected % to be followed by two digits of 0-9 and A-F, got path = {path:?}"
    );
    Ok(())
}

/// All that a path of a URI cannot have (RFC 3986). A percent sign stays, as it may be encoded already.
const NOT_IN_PATHS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Where the playground is served.
const PLAYGROUND_PATH: &str = "/playground";

/// The rest of a path of the playground; none for other paths.
pub(crate) fn below_playground(path: &str) -> Option<&str> {
    path.strip_prefix(PLAYGROUND_PATH).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(path: &str, expected: &str) {
        let error = check_path(path).unwrap_err().to_string();
        assert!(error.contains(expected), "{path}: {error}");
    }

    #[test]
    fn a_path_is_one_that_a_client_can_send() {
        for path in ["/", "/a", "/a/b", "/a%20b", "/%C3%BC", "/~a/b-c_d.e", "/a;b=1,2:@!$&'()*+"] {
            check_path(path).unwrap();
        }
        check_refused("/a b", "such as \"/a%20b\"");
        check_refused("/ü", "such as \"/%C3%BC\"");
        check_refused("/a\n", "such as \"/a%0A\"");
        check_refused("/a?b", "such as \"/a%3Fb\"");
        check_refused("/x/../y", "segments of dots");
        check_refused("/x/%2E%2e", "segments of dots");
        check_refused("/x/%2E", "segments of dots");
        check_refused("//x", "empty segments");
        check_refused("/%c3", "0-9 and A-F");
        check_refused("/%", "0-9 and A-F");
        check_refused("/%é", "such as");
        check_refused("", "expected a path prefix");
        check_refused("/a/", "expected a path prefix");
    }
}
