//! Proxies that tell the addresses of their clients by the PROXY protocol.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Where connections come from that begin with a header of the PROXY protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ProxySource {
    /// Addresses.
    Network(IpNet),
    /// Unix sockets.
    Unix,
}

const UNIX: &str = "unix";

impl ProxySource {
    /// Whether a connection from this address comes from there. One of a Unix socket has no address.
    pub(crate) fn has(&self, address: Option<IpAddr>) -> bool {
        match (self, address) {
            (Self::Network(network), Some(address)) => network.contains(&address),
            (Self::Unix, None) => true,
            _ => false,
        }
    }
}

impl FromStr for ProxySource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == UNIX {
            return Ok(Self::Unix);
        }
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        // Clients of IPv4 are never told by such an address.
        let network = network.map_err(drop).and_then(|network| match network {
            IpNet::V6(six) if six.addr().to_ipv4_mapped().is_some() => Err(()),
            other => Ok(other),
        });
        network.map(Self::Network).map_err(|_| {
            format!(
                "expected proxy-protocol as an address, a network such as 10.0.0.0/8, or unix, got {text:?}"
            )
        })
    }
}

impl fmt::Display for ProxySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Unix => f.write_str(UNIX),
        }
    }
}

impl TryFrom<String> for ProxySource {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ProxySource> for String {
    fn from(source: ProxySource) -> Self {
        source.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_addresses_and_unix_sockets() {
        let has = |source: &str, address: Option<&str>| {
            let source: ProxySource = source.parse().unwrap();
            source.has(address.map(|address| address.parse().unwrap()))
        };
        assert!(has("10.0.0.0/8", Some("10.1.2.3")) && !has("10.0.0.0/8", Some("11.0.0.1")));
        assert!(has("::1", Some("::1")) && !has("::1", Some("::2")) && !has("::1", None));
        assert!(has("unix", None) && !has("unix", Some("127.0.0.1")));
        for text in
            ["", "10.0.0.0/33", "localhost", "Unix", "::ffff:10.0.0.0/104", "::ffff:10.0.0.1"]
        {
            assert!(text.parse::<ProxySource>().unwrap_err().contains("got"), "{text}");
        }
    }
}
