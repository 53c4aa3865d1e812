//! Where the server listens, and the certificate of its TLS listeners.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

/// Where a listener is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// `HOST:PORT`, resolved when it is bound.
    Tcp(String),
    /// The path of a Unix socket.
    Unix(PathBuf),
    /// The sockets that systemd passes.
    Systemd,
}

/// The listeners for requests. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    /// Without encryption.
    pub plain: Vec<Address>,
    pub tls: Option<Tls>,
}

/// The listeners with TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tls {
    pub listen: Vec<Address>,
    pub files: TlsFiles,
}

/// The files of the TLS listeners, all in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificate of the server, and those between it and the root.
    pub certificate: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
    /// Roots of which every client must have a certificate.
    pub client_ca: Option<PathBuf>,
}

/// One address, or a list of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected an address or a list of addresses")]
pub(super) enum Addresses {
    One(String),
    Several(Vec<String>),
}

/// `[tls]` of the configuration file, and the same as flags.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Args)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TlsArgs {
    /// Address to serve HTTPS on, HOST:PORT, unix:PATH or systemd; may be repeated
    #[arg(
        id = "tls-listen",
        long = "tls-listen",
        env = "ARENARIA_TLS_LISTEN",
        hide_env = true,
        value_name = "ADDRESS",
        value_delimiter = ','
    )]
    #[serde(deserialize_with = "one_or_several")]
    listen: Vec<String>,
    /// Certificate chain of the TLS listeners (PEM); read again when it changes
    #[arg(
        id = "tls-certificate",
        long = "tls-certificate",
        env = "ARENARIA_TLS_CERTIFICATE",
        hide_env = true,
        value_name = "FILE"
    )]
    certificate: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(
        id = "tls-key",
        long = "tls-key",
        env = "ARENARIA_TLS_KEY",
        hide_env = true,
        value_name = "FILE"
    )]
    key: Option<PathBuf>,
    /// Root certificates (PEM); every client must present a certificate of one of them
    #[arg(
        id = "tls-client-ca",
        long = "tls-client-ca",
        env = "ARENARIA_TLS_CLIENT_CA",
        hide_env = true,
        value_name = "FILE"
    )]
    client_ca: Option<PathBuf>,
}

const UNIX: &str = "unix:";
const SYSTEMD: &str = "systemd";

impl Listen {
    /// Checks what was typed. Without any address, the server listens on the default one.
    ///
    /// # Errors
    ///
    /// A sentence that names the key, the value and the remedy.
    pub(super) fn new(plain: Vec<String>, tls: TlsArgs) -> Result<Self> {
        let tls = tls.resolve()?;
        let plain = match plain {
            none if none.is_empty() && tls.is_some() => none,
            none if none.is_empty() => vec!["127.0.0.1:8080".to_owned()],
            some => some,
        };
        let listen = Self { plain: addresses("listen", &plain)?, tls };
        let mut known = BTreeSet::new();
        for address in listen.all().map(ToString::to_string) {
            ensure!(
                is_any_port(&address) || known.insert(address.clone()),
                "{address} is there twice in listen and tls.listen; remove one"
            );
        }
        Ok(listen)
    }

    /// All addresses.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Address> {
        self.plain.iter().chain(self.tls.iter().flat_map(|tls| &tls.listen))
    }

    /// Checks that this is not also the address of the operator's listener.
    ///
    /// # Errors
    ///
    /// A sentence that names the keys, the value and the remedy.
    pub(super) fn check_operator(&self, operator: &str) -> Result<()> {
        ensure!(
            is_any_port(operator) || self.all().all(|address| address.to_string() != operator),
            "listen and operator-listen are both {operator}; choose another port for one of them"
        );
        Ok(())
    }

    /// As it is typed.
    pub(super) fn to_file(&self) -> (Option<Addresses>, TlsArgs) {
        let texts = |addresses: &[Address]| addresses.iter().map(ToString::to_string).collect();
        let plain: Vec<String> = texts(&self.plain);
        let plain = match <[String; 1]>::try_from(plain) {
            Ok([one]) => Some(Addresses::One(one)),
            Err(several) => (!several.is_empty()).then_some(Addresses::Several(several)),
        };
        let tls = self.tls.as_ref().map(|Tls { listen, files }| TlsArgs {
            listen: texts(listen),
            certificate: Some(files.certificate.clone()),
            key: Some(files.key.clone()),
            client_ca: files.client_ca.clone(),
        });
        (plain, tls.unwrap_or_default())
    }
}

impl TlsArgs {
    /// Takes what is absent here from `fallback`.
    pub(super) fn or(self, fallback: Self) -> Self {
        Self {
            listen: if self.listen.is_empty() { fallback.listen } else { self.listen },
            certificate: self.certificate.or(fallback.certificate),
            key: self.key.or(fallback.key),
            client_ca: self.client_ca.or(fallback.client_ca),
        }
    }

    /// Whether nothing was said.
    pub(super) fn is_absent(&self) -> bool {
        let files = [&self.certificate, &self.key, &self.client_ca];
        self.listen.is_empty() && files.iter().all(|file| file.is_none())
    }

    /// The same, with paths that are relative to a folder.
    pub(super) fn within(self, folder: &Path) -> Self {
        let within = |path: Option<PathBuf>| path.map(|path| folder.join(path));
        Self {
            listen: self.listen.into_iter().map(|text| address_within(folder, text)).collect(),
            certificate: within(self.certificate),
            key: within(self.key),
            client_ca: within(self.client_ca),
        }
    }

    fn resolve(self) -> Result<Option<Tls>> {
        if self.is_absent() {
            return Ok(None);
        }
        let expected = "expected tls.listen, tls.certificate and tls.key together";
        ensure!(!self.listen.is_empty(), "{expected}, got no tls.listen");
        let (Some(certificate), Some(key)) = (self.certificate, self.key) else {
            anyhow::bail!("{expected}, got no certificate or no key");
        };
        let files = TlsFiles { certificate, key, client_ca: self.client_ca };
        Ok(Some(Tls { listen: addresses("tls.listen", &self.listen)?, files }))
    }
}

impl Addresses {
    pub(super) fn into_texts(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Several(several) => several,
        }
    }

    /// The same, with paths that are relative to a folder.
    pub(super) fn within(self, folder: &Path) -> Self {
        let texts = self.into_texts().into_iter();
        Self::Several(texts.map(|text| address_within(folder, text)).collect())
    }
}

fn one_or_several<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Vec<String>, D::Error> {
    Addresses::deserialize(value).map(Addresses::into_texts)
}

/// The path of a Unix socket in a file is relative to the file.
fn address_within(folder: &Path, text: String) -> String {
    let path = text.strip_prefix(UNIX).filter(|path| !path.is_empty());
    path.map_or_else(|| text.clone(), |path| format!("{UNIX}{}", folder.join(path).display()))
}

fn is_any_port(address: &str) -> bool {
    !address.starts_with(UNIX) && address.ends_with(":0")
}

fn addresses(key: &str, texts: &[String]) -> Result<Vec<Address>> {
    let address = |text: &String| match text.strip_prefix(UNIX) {
        Some(path) => {
            ensure!(!path.is_empty(), "expected {key} as unix:PATH, got {text:?}");
            Ok(Address::Unix(path.into()))
        }
        None if text == SYSTEMD => Ok(Address::Systemd),
        None => host_and_port(key, text).map(Address::Tcp),
    };
    texts.iter().map(address).collect()
}

/// Checks the form `HOST:PORT`. The host's name is resolved when the address is bound.
pub(super) fn host_and_port(key: &str, text: &str) -> Result<String> {
    let is_host = |host: &str| match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
    {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains([':', '/', '[', ']', ' ']),
    };
    let is_address = text
        .rsplit_once(':')
        .is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok());
    // The library also takes an IPv6 address with a zone.
    let is_address = is_address || text.parse::<SocketAddr>().is_ok();
    ensure!(is_address, "expected {key} as HOST:PORT such as 127.0.0.1:8080, got {text:?}");
    Ok(text.to_owned())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
            Self::Systemd => f.write_str(SYSTEMD),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for text in ["localhost:80", "[::1]:0", "[fe80::1%2]:8080", "a.example:65535"] {
            assert_eq!(host_and_port("listen", text).unwrap(), text);
        }
        for text in
            ["", ":80", "localhost", "localhost:65536", "::1:80", "[::1]", "[a]:80", "a b:80"]
        {
            let error = host_and_port("listen", text).unwrap_err().to_string();
            assert!(error.starts_with("expected listen as HOST:PORT"), "{text}: {error}");
        }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn there_is_a_listener_in_any_case() {
        let listen = |plain: &[&str], tls| Listen::new(texts(plain), tls);
        let https = TlsArgs {
            listen: texts(&["[::]:8443"]),
            certificate: Some("c".into()),
            key: Some("k".into()),
            client_ca: None,
        };
        let shown = |listen: Listen| listen.all().map(ToString::to_string).collect::<Vec<_>>();
        let none = TlsArgs::default();
        assert_eq!(shown(listen(&[], none.clone()).unwrap()), ["127.0.0.1:8080"]);
        assert_eq!(shown(listen(&[], https.clone()).unwrap()), ["[::]:8443"]);
        let both = listen(&["unix:/run/a.sock", "a:0", "a:0"], https.clone()).unwrap();
        assert_eq!(shown(both), ["unix:/run/a.sock", "a:0", "a:0", "[::]:8443"]);
        for (plain, tls, expected) in [
            (&["a:1", "a:1"][..], none.clone(), "a:1 is there twice"),
            (&["[::]:8443"], https.clone(), "[::]:8443 is there twice"),
            (&["unix:"], none, "expected listen as unix:PATH"),
            (&[], TlsArgs { key: None, ..https.clone() }, "got no certificate or no key"),
            (&[], TlsArgs { listen: Vec::new(), ..https }, "got no tls.listen"),
        ] {
            let error = listen(plain, tls).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn paths_in_a_file_are_relative_to_it() {
        let within = |text: &str| address_within(Path::new("/etc/a"), text.to_owned());
        assert_eq!(within("unix:b.sock"), "unix:/etc/a/b.sock");
        assert_eq!(within("unix:/b.sock"), "unix:/b.sock");
        assert_eq!(within("a:80"), "a:80");
    }
}
