//! Keeps other sites' pages, open in an operator's browser, from reading the operator's listener.
//!
//! A scraper or a probe names the listener as it likes: by an address, by the name of a Service. Only a
//! request that a browser sent is checked. A browser always sends `accept-language`, and mostly one of
//! the other fields below; a page can change their values but not leave `accept-language` out. Such a
//! request must
//!
//! - name an IP address or `localhost` in `host`: a site that lets its own name point here (DNS
//!   rebinding) would name that;
//! - have no `origin` but the listener's own;
//! - have `sec-fetch-site: same-origin` or `none` (typed into the address bar), if it has that field.

use std::net::IpAddr;

use hyper::header::{ACCEPT_LANGUAGE, AsHeaderName, HOST, HeaderMap, HeaderName, ORIGIN, REFERER};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Fields by which a request shows that a browser sent it.
const BROWSER_FIELDS: [HeaderName; 4] = [ACCEPT_LANGUAGE, ORIGIN, REFERER, FETCH_SITE];

/// Checks that no other site's page sent this request.
///
/// # Errors
///
/// A sentence for the person before the browser.
pub(super) fn check(headers: &HeaderMap) -> Result<(), &'static str> {
    if !BROWSER_FIELDS.iter().any(|name| headers.contains_key(name)) {
        return Ok(());
    }
    let host = only(headers, HOST).unwrap_or_default();
    if !is_local_name(host) {
        return Err(
            "expected an IP address or localhost as the host; open this page by its address\n",
        );
    }
    let is_own = |origin: &str| {
        origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
    };
    let is_own = !headers.contains_key(ORIGIN) || only(headers, ORIGIN).is_some_and(is_own);
    let is_same = |site| matches!(site, "same-origin" | "none");
    let is_same =
        !headers.contains_key(FETCH_SITE) || only(headers, FETCH_SITE).is_some_and(is_same);
    if is_own && is_same { Ok(()) } else { Err("pages of other sites may not ask here\n") }
}

/// Whether an authority names an IP address or `localhost`, which no other site can have as its name.
fn is_local_name(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        if is_port { name } else { host }
    });
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    address.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

/// The value of a field that is there once.
fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_foreign_name_is_local() {
        for host in
            ["127.0.0.1:8081", "127.0.0.1", "[::1]:8081", "[::1]", "localhost", "LOCALHOST:1"]
        {
            assert!(is_local_name(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8081",
            "localhost.evil.example",
            "",
            ":80",
            "127.0.0.1.evil.example:1",
        ] {
            assert!(!is_local_name(host), "{host}");
        }
    }
}
