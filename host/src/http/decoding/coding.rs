//! The content codings that a request's body may have, and what can be wrong with a coded body.

use std::fmt;

use hyper::header::{CONTENT_ENCODING, HeaderMap};

/// A content coding that can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Zstd,
    Brotli,
}

/// The names of all codings, as a value of `accept-encoding`.
pub(crate) const CODINGS: &str = "gzip, zstd, br";

/// Why a body cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undecodable {
    /// Its header field names another coding, or more than one.
    Unsupported,
    /// It is not of its coding.
    Flawed(Coding, Flaw),
    /// It becomes too many times larger.
    Ratio,
}

/// What is wrong with a coded body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Invalid,
    Checksum,
    Incomplete,
    Trailing,
    Window,
}

/// How many bytes a step of a decoder read and wrote. If it filled its output, there may be more to write.
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) produced: usize,
}

impl Coding {
    /// The coding of a body, none if it has none.
    ///
    /// # Errors
    ///
    /// If it is not supported.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, Undecodable> {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Undecodable::Unsupported);
        }
        let name = value.as_bytes().trim_ascii();
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        match () {
            () if name.is_empty() || is("identity") => Ok(None),
            // RFC 9110, 8.4.1.3: the old name means the same.
            () if is("gzip") || is("x-gzip") => Ok(Some(Self::Gzip)),
            () if is("zstd") => Ok(Some(Self::Zstd)),
            () if is("br") => Ok(Some(Self::Brotli)),
            () => Err(Undecodable::Unsupported),
        }
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Brotli => "br",
        })
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "bytes that cannot be decoded",
            Self::Checksum => "a checksum that is not that of the decoded bytes",
            Self::Incomplete => "a body that ends too early",
            Self::Trailing => "more bytes after its end",
            Self::Window => "a window that is larger than HTTP allows for it",
        })
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(values: &[&str], expected: Result<Option<Coding>, Undecodable>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_ENCODING, HeaderValue::from_str(value).unwrap());
        }
        assert_eq!(Coding::of(&headers), expected, "{values:?}");
    }

    #[test]
    fn a_coding_is_named_once_and_in_any_case() {
        check(&[], Ok(None));
        check(&[""], Ok(None));
        check(&["Identity"], Ok(None));
        check(&["gzip"], Ok(Some(Coding::Gzip)));
        check(&["X-GZip"], Ok(Some(Coding::Gzip)));
        check(&["ZSTD"], Ok(Some(Coding::Zstd)));
        check(&["Br"], Ok(Some(Coding::Brotli)));
        for other in
            ["deflate", "gzip, br", "gzip, gzip", "identity, gzip", "utf-8", "gzip;q=1", ","]
        {
            check(&[other], Err(Undecodable::Unsupported));
        }
        check(&["gzip", "gzip"], Err(Undecodable::Unsupported));
        check(&["gzip", ""], Err(Undecodable::Unsupported));
    }
}
