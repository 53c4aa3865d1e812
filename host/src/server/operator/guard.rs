//! Prevents pages of other sites, open in an operator's browser, from reading the operator's
//! listener.
//!
//! Only requests from browsers are checked. A scraper or a probe may use any name in `host`, such
//! as an address or the name of a Service. A browser always sends `accept-language`, and mostly one
//! of the other fields below. A page can change their values, but it cannot remove
//! `accept-language`. A request from a browser must
//!
//! - have an IP address or `localhost` in `host`: a site that lets its own name point here (DNS
//!   rebinding) has that name there;
//! - have the listener's own `origin`, or none;
//! - have `sec-fetch-site: same-origin` or `none` (typed into the address bar), if it has that
//!   field.

use std::net::IpAddr;

use hyper::header::{ACCEPT_LANGUAGE, AsHeaderName, HOST, HeaderMap, HeaderName, ORIGIN, REFERER};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A request with one of these fields was sent by a browser.
const BROWSER_FIELDS: [HeaderName; 4] = [ACCEPT_LANGUAGE, ORIGIN, REFERER, FETCH_SITE];

/// Checks that a request was not sent by a page of another site.
///
/// # Errors
///
/// If it was. The message is for the person at the browser.
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
    if is_own && is_same {
        Ok(())
    } else {
        Err("expected a request from this listener's own page, got one from another site\n")
    }
}

/// Whether an authority is an IP address or `localhost`. No other site can have such a name.
fn is_local_name(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        if is_port { name } else { host }
    });
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    address.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

/// The value of a field that occurs exactly once.
fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_sites_are_not_local() {
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
