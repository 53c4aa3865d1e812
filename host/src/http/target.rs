//! The target of a request: its form, and the host in it.

use std::net::Ipv6Addr;

use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Uri};

use crate::http::problem::Problem;

/// Checks the form of a request's target. Gives the target of a URI without a path the path `/`.
///
/// `has_fragment` tells whether the target was sent with a `#`, which [`Uri`] leaves out with all that follows.
pub(crate) fn check(head: &mut Parts, has_fragment: bool) -> Result<(), Problem> {
    if head.method == Method::CONNECT {
        return Err(Problem::BadRequest("CONNECT is not supported"));
    }
    if has_fragment {
        return Err(Problem::BadRequest(
            "expected a target without a fragment, got one with `#`; write %23 if the path or query has this character",
        ));
    }
    if let Some(authority) = head.uri.authority()
        && !is_host(authority.as_str().as_bytes())
    {
        return Err(Problem::BadRequest("a target must have a host, with or without a port"));
    }
    if head.uri.scheme_str().is_some_and(|scheme| !matches!(scheme, "http" | "https")) {
        return Err(Problem::BadRequest(
            "expected a target with the scheme http or https, got another",
        ));
    }
    let Some(target) = head.uri.path_and_query().map(PathAndQuery::as_str) else {
        return Err(Problem::BadRequest(
            "expected a target that begins with / or is a whole URI, got a host alone",
        ));
    };
    match target.as_bytes() {
        [b'/', ..] => Ok(()),
        b"*" if head.method == Method::OPTIONS => Ok(()),
        [b'?', ..] => {
            let target = format!("/{target}");
            head.uri = with_target(&head.uri, target)?;
            Ok(())
        }
        _ => Err(Problem::BadRequest(
            "expected a target that begins with / or is a whole URI, got * with a method other than OPTIONS",
        )),
    }
}

/// The same URI with this path and query.
fn with_target(uri: &Uri, target: String) -> Result<Uri, Problem> {
    let malformed = Problem::BadRequest("the request target is not a valid URI");
    let Ok(target) = PathAndQuery::try_from(target) else { return Err(malformed) };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target);
    Uri::from_parts(parts).map_err(|_| malformed)
}

/// The length of the request's target, which may be a whole URI.
pub(crate) fn target_length(uri: &Uri) -> usize {
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let Some(authority) = uri.authority() else { return path };
    path + authority.as_str().len()
        + uri.scheme_str().map_or(0, |scheme| scheme.len() + "://".len())
}

/// Whether this is what RFC 9112 allows in `Host`: a host, and a port after a colon. It may be empty.
pub(crate) fn is_host(value: &[u8]) -> bool {
    let is_port = |rest: &[u8]| match rest {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if let [b'[', rest @ ..] = value {
        let Some(length) = rest.iter().position(|byte| *byte == b']') else { return false };
        let address = std::str::from_utf8(&rest[..length]).unwrap_or_default();
        return address.parse::<Ipv6Addr>().is_ok() && is_port(&rest[length + 1..]);
    }
    let length = value.iter().position(|byte| *byte == b':').unwrap_or(value.len());
    let (name, port) = value.split_at(length);
    is_port(port) && is_name(name)
}

/// Whether a character of a host's name needs no encoding. A table, because each request asks for each character.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let others = b"-._~!$&'()*+,;=";
    let mut byte = 0;
    while byte < plain.len() {
        plain[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut index = 0;
    while index < others.len() {
        plain[others[index] as usize] = true;
        index += 1;
    }
    plain
};

/// Whether this is a name of a host: characters that need no encoding, and encoded ones.
fn is_name(mut name: &[u8]) -> bool {
    loop {
        name = match name {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest
            }
            [byte, rest @ ..] if PLAIN[usize::from(*byte)] => rest,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_have_a_port() {
        let good = [
            "",
            "a",
            "a.example",
            "A-b_c~",
            "a:80",
            "a:",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:80",
            "[::ffff:1.2.3.4]:",
            "%61",
            "a!$&'()*+,;=",
        ];
        for host in good {
            assert!(is_host(host.as_bytes()), "{host:?}");
        }
        let bad = [
            "x/y", "user@x", "a b", "a:b", "a:80:80", "[::1", "::1]", "[::1]80", "[g]", "[]",
            "[....]", "a%zz", "a%6", "[]]", "a#", "a?b", "a\\b", "\u{e4}", "a\t", "\"a\"", "<a>",
            "a,b:c",
        ];
        for host in bad {
            assert!(!is_host(host.as_bytes()), "{host:?}");
        }
    }
}
