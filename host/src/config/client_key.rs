//! What a client is, for the limits of one client.

use std::fmt;
use std::str::FromStr;

use hyper::header::HeaderName;
use serde::{Deserialize, Serialize};

/// What the requests of one client have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ClientKey {
    /// The address that they come from; of IPv6 the first 64 bits.
    #[default]
    Address,
    /// The certificate of their connection.
    Certificate,
    /// The value of this header field.
    Header(HeaderName),
}

const ADDRESS: &str = "address";
const CERTIFICATE: &str = "certificate";
const HEADER: &str = "header:";

impl FromStr for ClientKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let header = text.strip_prefix(HEADER).map(HeaderName::from_str);
        match (text, header) {
            (ADDRESS, _) => Ok(Self::Address),
            (CERTIFICATE, _) => Ok(Self::Certificate),
            (_, Some(Ok(name))) => Ok(Self::Header(name)),
            _ => {
                Err(format!("expected client as address, certificate or header:NAME, got {text:?}"))
            }
        }
    }
}

impl fmt::Display for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str(ADDRESS),
            Self::Certificate => f.write_str(CERTIFICATE),
            Self::Header(name) => write!(f, "{HEADER}{name}"),
        }
    }
}

impl TryFrom<String> for ClientKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ClientKey> for String {
    fn from(key: ClientKey) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_prints_as_it_parses() {
        for text in ["address", "certificate", "header:x-api-key"] {
            assert_eq!(text.parse::<ClientKey>().unwrap().to_string(), text);
        }
        for text in ["", "Address", "header:", "header:a b", "cookie:a"] {
            let error = text.parse::<ClientKey>().unwrap_err();
            assert!(error.ends_with(&format!("got {text:?}")), "{error}");
        }
    }
}
