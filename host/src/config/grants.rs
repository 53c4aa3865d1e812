//! Grants: what an operator allows a component by name. Everything else is denied.

use std::fmt;

use anyhow::{Result, anyhow, bail};

/// What a component may use beyond clocks and random numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grants {
    /// `wasi:config/store`, with the route's settings.
    pub config: bool,
    /// The route's settings as environment variables.
    pub environment: bool,
    /// Standard output and error, into the log.
    pub stdio: bool,
    /// Destinations that outgoing HTTP requests may have.
    pub outgoing: Vec<Authority>,
}

/// A destination: a host, and a port or the default port of the scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    host: String,
    port: Option<u16>,
}

const OUTGOING: &str = "outgoing-http:";

impl Grants {
    /// Parses grants as they are written in a configuration.
    ///
    /// # Errors
    ///
    /// A sentence with the grants that exist and what was found instead.
    pub(crate) fn parse<S: AsRef<str>>(names: &[S]) -> Result<Self> {
        let mut grants = Self::default();
        for name in names {
            match name.as_ref() {
                "config" => grants.config = true,
                "environment" => grants.environment = true,
                "stdio" => grants.stdio = true,
                other => match other.strip_prefix(OUTGOING) {
                    Some(authority) => grants.outgoing.push(Authority::parse(authority)?),
                    None => bail!(
                        "expected the grant config, environment, stdio or {OUTGOING}HOST[:PORT], got {other:?}"
                    ),
                },
            }
        }
        Ok(grants)
    }

    /// The grants as they are written in a configuration.
    #[must_use]
    pub(crate) fn names(&self) -> Vec<String> {
        let named =
            [(self.config, "config"), (self.environment, "environment"), (self.stdio, "stdio")];
        let named = named.into_iter().filter(|(given, _)| *given).map(|(_, name)| name.to_owned());
        let outgoing = self.outgoing.iter().map(|authority| format!("{OUTGOING}{authority}"));
        named.chain(outgoing).collect()
    }
}

impl Authority {
    fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            anyhow!("expected a host such as {OUTGOING}api.example.com:8443, got {OUTGOING}{text}")
        };
        let authority: hyper::http::uri::Authority = text.parse().map_err(|_| wrong())?;
        let host = authority.host().to_ascii_lowercase();
        let port = authority.port_u16();
        let plain = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        // User names, empty ports and ports above 65535 are not allowed.
        let is_name =
            host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if host.is_empty()
            || !(is_name || host.starts_with('['))
            || !text.eq_ignore_ascii_case(&plain)
        {
            return Err(wrong());
        }
        Ok(Self { host, port })
    }

    /// Whether this grant allows a request to the URI.
    pub(crate) fn covers(&self, uri: &hyper::Uri) -> bool {
        let of_scheme = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return false,
        };
        let asked = uri.port_u16().unwrap_or(of_scheme);
        let host = uri.host().is_some_and(|host| host.eq_ignore_ascii_case(&self.host));
        host && asked == self.port.unwrap_or(of_scheme)
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_as_they_are_written() {
        let names =
            ["config", "environment", "stdio", "outgoing-http:a.example", "outgoing-http:[::1]:81"];
        let grants = Grants::parse(&names).unwrap();
        assert_eq!(grants.names(), names);
        let empty: [&str; 0] = [];
        assert_eq!(Grants::parse(&empty).unwrap(), Grants::default());
        for wrong in [
            "files",
            "outgoing-http:",
            "outgoing-http:a@b",
            "outgoing-http:a:99999",
            "outgoing-http:*",
            "outgoing-http:*.a",
            "",
        ] {
            Grants::parse(&[wrong]).unwrap_err();
        }
    }

    #[track_caller]
    fn check(granted: &str, uri: &str, expected: bool) {
        let covers = Authority::parse(granted).unwrap().covers(&uri.parse().unwrap());
        assert_eq!(covers, expected, "{granted} {uri}");
    }

    #[test]
    fn a_request_goes_where_it_was_granted_and_nowhere_else() {
        check("a.example", "https://a.example/x", true);
        check("a.example", "http://A.EXAMPLE", true);
        check("a.example", "https://a.example:443/", true);
        check("a.example", "https://a.example:80/", false);
        check("a.example", "https://b.a.example/", false);
        check("a.example:8443", "https://a.example:8443/", true);
        check("a.example:8443", "https://a.example/", false);
        check("a.example", "ftp://a.example/", false);
        check("[::1]:81", "http://[::1]:81/", true);
    }
}
