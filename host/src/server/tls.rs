//! The certificate of the TLS listeners. It is read again when its files change.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use tokio::task::spawn_blocking;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::config::listen::TlsFiles;
use crate::config::text::read_text;

/// How often the files are looked at.
const CHECK: Duration = Duration::from_secs(5);

/// The certificate of the TLS listeners.
pub(crate) struct Certificate {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    protocols: Vec<Vec<u8>>,
    current: RwLock<Current>,
}

struct Current {
    contents: Contents,
    /// The keys of session tickets. They stay if the certificate changes, so that a client may resume its session. They
    /// do not if the roots of clients change, because a session that is resumed is not checked again.
    tickets: Arc<dyn ProducesTickets>,
    config: Arc<ServerConfig>,
}

/// What is in the files.
#[derive(PartialEq)]
struct Contents {
    certificate: String,
    key: String,
    client_ca: Option<String>,
}

impl Certificate {
    /// Reads the files. Clients may speak HTTP/2 if `http2`.
    ///
    /// # Errors
    ///
    /// If they cannot be read, or do not fit together. The message names the file, the problem and the remedy.
    pub(crate) fn read(files: TlsFiles, http2: bool) -> Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let tickets = new_tickets()?;
        let protocols: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
        let protocols: Vec<_> = protocols.iter().map(|name| name.to_vec()).collect();
        let contents = Contents::read(&files)?;
        let config = config(&files, &contents, &provider, &tickets, &protocols)?;
        let current = RwLock::new(Current { contents, tickets, config });
        Ok(Self { files, provider, protocols, current })
    }

    /// What a connection that begins now is served with.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// Reads the files again. Connections that begin later get what is in them. True if that has changed.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read). Nothing has changed then.
    pub(crate) fn reload(&self) -> Result<bool> {
        let contents = Contents::read(&self.files)?;
        let tickets = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            if current.contents == contents {
                return Ok(false);
            }
            let has_same_roots = current.contents.client_ca == contents.client_ca;
            if has_same_roots { Arc::clone(&current.tickets) } else { new_tickets()? }
        };
        let config = config(&self.files, &contents, &self.provider, &tickets, &self.protocols)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) =
            Current { contents, tickets, config };
        Ok(true)
    }

    /// Reloads when the files change.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut failed = None;
        loop {
            tokio::time::sleep(CHECK).await;
            let this = Arc::clone(&self);
            // A file system may be slow.
            let Ok(reloaded) = spawn_blocking(move || this.reload()).await else { continue };
            match reloaded {
                Ok(true) => {
                    tracing::info!("new connections get the certificate that is in the files now");
                    failed = None;
                }
                Ok(false) => failed = None,
                Err(error) => {
                    let sentence = format!("{error:#}");
                    if failed.as_ref() != Some(&sentence) {
                        tracing::warn!("the old certificate stays: {sentence}");
                    }
                    failed = Some(sentence);
                }
            }
        }
    }
}

fn new_tickets() -> Result<Arc<dyn ProducesTickets>> {
    ring::Ticketer::new().context("cannot make keys for session tickets")
}

impl Contents {
    fn read(files: &TlsFiles) -> Result<Self> {
        Ok(Self {
            certificate: read("tls.certificate", &files.certificate)?,
            key: read("tls.key", &files.key)?,
            client_ca: match &files.client_ca {
                Some(path) => Some(read("tls.client-ca", path)?),
                None => None,
            },
        })
    }
}

fn read(key: &str, path: &Path) -> Result<String> {
    read_text(path).map_err(|error| anyhow!("cannot read {key} = {}: {error}", path.display()))
}

fn certificates(key: &str, path: &Path, pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let all = all.map_err(|error| anyhow!("{key} = {}: {error}", path.display()))?;
    ensure!(
        !all.is_empty(),
        "expected a certificate in PEM in {key} = {}, got none",
        path.display()
    );
    Ok(all)
}

fn config(
    files: &TlsFiles,
    contents: &Contents,
    provider: &Arc<CryptoProvider>,
    tickets: &Arc<dyn ProducesTickets>,
    protocols: &[Vec<u8>],
) -> Result<Arc<ServerConfig>> {
    let TlsFiles { certificate, key, client_ca } = files;
    let chain = certificates("tls.certificate", certificate, &contents.certificate)?;
    let private = PrivateKeyDer::from_pem_slice(contents.key.as_bytes()).map_err(|error| {
        anyhow!("expected a private key in PEM in tls.key = {}: {error}", key.display())
    })?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider));
    let builder = builder.with_safe_default_protocol_versions().context("TLS cannot be used")?;
    let builder = match client_ca.as_ref().zip(contents.client_ca.as_ref()) {
        None => builder.with_no_client_auth(),
        Some((path, pem)) => {
            let mut roots = RootCertStore::empty();
            for root in certificates("tls.client-ca", path, pem)? {
                roots.add(root).with_context(|| format!("tls.client-ca = {}", path.display()))?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
            let verifier = verifier.build();
            builder.with_client_cert_verifier(
                verifier.with_context(|| format!("tls.client-ca = {}", path.display()))?,
            )
        }
    };
    let mut config = builder.with_single_cert(chain, private).map_err(|error| {
        let (certificate, key) = (certificate.display(), key.display());
        anyhow!("tls.certificate = {certificate} and tls.key = {key} do not fit together: {error}")
    })?;
    config.alpn_protocols = protocols.to_vec();
    // Sessions are resumed by tickets alone, so that clients cost no memory when they have left.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Arc::clone(tickets);
    Ok(Arc::new(config))
}
