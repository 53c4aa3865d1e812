//! A certificate authority of the tests.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::config::Config;

/// A root, and files with certificates of it.
pub(crate) struct Authority {
    folder: TempDir,
    root: Issuer<'static, KeyPair>,
    pub(crate) root_pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_pem = params.self_signed(&key).expect("a certificate").pem();
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let authority = Self { folder, root: Issuer::new(params, key), root_pem };
        fs::write(authority.path("root.pem"), &authority.root_pem).expect("the folder is ours");
        authority.issue("server");
        authority
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a certificate for `localhost` and its key.
    pub(crate) fn issue(&self, name: &str) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.root).expect("a certificate");
        fs::write(self.path(&format!("{name}.pem")), certificate.pem())
            .expect("the folder is ours");
        fs::write(self.path(&format!("{name}.key")), key.serialize_pem())
            .expect("the folder is ours");
    }

    /// A configuration with a TLS listener beside the plain one.
    pub(crate) fn config(&self, config: Config) -> Config {
        let mut tls = toml::Table::new();
        for (key, value) in [
            ("listen", "127.0.0.1:0".to_owned()),
            ("certificate", self.text("server.pem")),
            ("key", self.text("server.key")),
        ] {
            tls.insert(key.to_owned(), value.into());
        }
        config.with("tls", tls)
    }

    /// What a client knows that trusts the root.
    pub(crate) fn client(&self, protocol: &str, own: Option<&str>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.root_pem.as_bytes()).expect("PEM");
        roots.add(root).expect("a root");
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the versions are known")
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let chain = CertificateDer::from_pem_file(self.path(&format!("{name}.pem")));
                let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key")));
                let (chain, key) = (vec![chain.expect("PEM")], key.expect("PEM"));
                builder.with_client_auth_cert(chain, key).expect("they fit together")
            }
        };
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Arc::new(config)
    }
}
