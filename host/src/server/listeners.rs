//! The sockets that clients connect to.

use std::cell::Cell;
use std::fs;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::{Result, anyhow, ensure};
use listenfd::ListenFd;
use tokio::net::{TcpListener, TcpSocket, UnixListener, lookup_host};

use crate::config::listen::{Address, Listen};
use crate::config::proxies::ProxySource;
use crate::http::socket::{Accepted, StdSocket};
use crate::server::tls::Certificate;

/// The listeners for requests.
pub(crate) struct Listeners {
    all: Vec<Listener>,
    /// Where connections begin with a header of the PROXY protocol.
    proxies: Vec<ProxySource>,
    /// The one that is asked first the next time, so that none waits for the others for ever.
    next: Cell<usize>,
}

struct Listener {
    socket: Socket,
    certificate: Option<Arc<Certificate>>,
}

enum Socket {
    Tcp(TcpListener),
    /// The file is there if we have made it.
    Unix(UnixListener, Option<SocketFile>),
}

/// The file of a Unix socket, which is removed with it.
struct SocketFile(PathBuf);

impl Listeners {
    /// Binds all of them.
    ///
    /// # Errors
    ///
    /// If one cannot be bound. The message names it and the remedy.
    pub(crate) async fn bind(
        listen: &Listen,
        proxies: Vec<ProxySource>,
        certificate: Option<&Arc<Certificate>>,
    ) -> Result<Self> {
        let mut all = Vec::new();
        for address in &listen.plain {
            let sockets = bind("listen", address).await?;
            all.extend(sockets.into_iter().map(|socket| Listener { socket, certificate: None }));
        }
        for address in listen.tls.iter().flat_map(|tls| &tls.listen) {
            let certificate = || certificate.cloned();
            let sockets = bind("tls.listen", address).await?;
            all.extend(
                sockets.into_iter().map(|socket| Listener { socket, certificate: certificate() }),
            );
        }
        Ok(Self { all, proxies, next: Cell::new(0) })
    }

    /// Whether one of them speaks TLS.
    pub(crate) fn have_tls(&self) -> bool {
        self.all.iter().any(|listener| listener.certificate.is_some())
    }

    /// Where they listen, as URLs; Unix sockets as `unix:PATH`.
    ///
    /// # Errors
    ///
    /// If the operating system does not report it.
    pub(crate) fn addresses(&self) -> io::Result<Vec<String>> {
        let address = |listener: &Listener| {
            let scheme = if listener.certificate.is_some() { "https" } else { "http" };
            Ok(match &listener.socket {
                Socket::Tcp(socket) => format!("{scheme}://{}", socket.local_addr()?),
                Socket::Unix(socket, _) => {
                    let address = socket.local_addr()?;
                    let path = address.as_pathname().unwrap_or(Path::new("(unnamed)"));
                    let tls = if listener.certificate.is_some() { " (TLS)" } else { "" };
                    format!("unix:{}{tls}", path.display())
                }
            })
        };
        self.all.iter().map(address).collect()
    }

    /// The next connection of any of them.
    ///
    /// # Errors
    ///
    /// If the operating system has one and cannot give it.
    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        poll_fn(|context| {
            for turn in 0..self.all.len() {
                let index = (self.next.get() + turn) % self.all.len();
                if let Poll::Ready(accepted) = self.all[index].poll_accept(context) {
                    self.next.set(index + 1);
                    return Poll::Ready(accepted.map(|accepted| accepted.from(&self.proxies)));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Gives the connections that wait now to `take`, until that gives false. Then refuses later ones.
    pub(crate) fn take_waiting(self, mut take: impl FnMut(Accepted) -> bool) {
        let Self { all, proxies, .. } = self;
        for Listener { socket, certificate } in all {
            // Tokio would ask the kernel only after an event.
            let mut accept: Box<dyn FnMut() -> io::Result<(StdSocket, Option<IpAddr>)>> =
                match socket {
                    Socket::Tcp(listener) => {
                        let Ok(listener) = listener.into_std() else { continue };
                        Box::new(move || {
                            listener
                                .accept()
                                .map(|(socket, from)| (StdSocket::Tcp(socket), Some(from.ip())))
                        })
                    }
                    Socket::Unix(listener, file) => {
                        drop(file);
                        let Ok(listener) = listener.into_std() else { continue };
                        Box::new(move || {
                            listener.accept().map(|(socket, _)| (StdSocket::Unix(socket), None))
                        })
                    }
                };
            while let Ok((socket, address)) = accept() {
                let tls = certificate.as_ref().map(|certificate| certificate.current());
                let accepted = Accepted::new(socket, address, tls);
                if accepted.socket.set_nonblocking().is_ok() && !take(accepted.from(&proxies)) {
                    return;
                }
            }
        }
    }
}

impl Listener {
    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        let socket = match &self.socket {
            Socket::Tcp(listener) => listener
                .poll_accept(context)
                .map_ok(|(socket, from)| (socket.into_std().map(StdSocket::Tcp), Some(from.ip()))),
            Socket::Unix(listener, _) => listener
                .poll_accept(context)
                .map_ok(|(socket, _)| (socket.into_std().map(StdSocket::Unix), None)),
        };
        let tls = || self.certificate.as_ref().map(|certificate| certificate.current());
        let accept = |(socket, address): (io::Result<StdSocket>, _)| {
            Ok(Accepted::new(socket?, address, tls()))
        };
        socket.map(|accepted| accepted.and_then(accept))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // If this fails, the next start finds that nothing listens there.
        let _ = fs::remove_file(&self.0);
    }
}

/// Binds the first of the host's addresses that can be bound.
///
/// # Errors
///
/// If none can. The message names the key, the address and the remedy.
pub(crate) async fn bind_tcp(key: &str, address: &str) -> Result<TcpListener> {
    let failed =
        |error| anyhow!("cannot listen on {key} = {address}: {error}; choose another address");
    let mut last = ErrorKind::AddrNotAvailable.into();
    for resolved in lookup_host(address).await.map_err(failed)? {
        match listen(resolved) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

async fn bind(key: &str, address: &Address) -> Result<Vec<Socket>> {
    let path = match address {
        Address::Tcp(address) => return Ok(vec![Socket::Tcp(bind_tcp(key, address).await?)]),
        Address::Systemd => return inherited(key),
        Address::Unix(path) => path,
    };
    let bound = remove_stale(path).and_then(|()| UnixListener::bind(path));
    let listener = bound.map_err(|error| {
        anyhow!(
            "cannot listen on {key} = {address}: {error}; choose another path or remove the file"
        )
    })?;
    Ok(vec![Socket::Unix(listener, Some(SocketFile(path.clone())))])
}

/// The sockets that systemd passes (`sd_listen_fds`).
fn inherited(key: &str) -> Result<Vec<Socket>> {
    let mut passed = ListenFd::from_env();
    ensure!(
        passed.len() > 0,
        "expected sockets from systemd for {key} = systemd, got none; start the server by a socket unit, or choose an \
         address"
    );
    let count = passed.len();
    let socket = |index| {
        let failed = |error: io::Error| {
            anyhow!(
                "{key} = systemd: cannot listen on socket {index}: {error}; expected a stream that listens"
            )
        };
        let socket = match passed.take_tcp_listener(index) {
            Ok(Some(socket)) => {
                let is_ready = socket.set_nonblocking(true);
                is_ready.and_then(|()| TcpListener::from_std(socket)).map(Socket::Tcp)
            }
            Ok(None) | Err(_) => passed.take_unix_listener(index).and_then(|socket| {
                let socket = socket.ok_or(ErrorKind::NotFound)?;
                socket.set_nonblocking(true)?;
                Ok(Socket::Unix(UnixListener::from_std(socket)?, None))
            }),
        };
        socket.map_err(failed)
    };
    (0..count).map(socket).collect()
}

/// Removes the file of a Unix socket that nothing listens on any more.
fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|data| data.file_type().is_socket());
    match StdUnixStream::connect(path) {
        Err(error) if is_socket && error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path)
        }
        // Binding fails if there is anything else.
        Ok(_) | Err(_) => Ok(()),
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    /// How many connections may wait to be accepted. The system's own limit (`net.core.somaxconn`) holds too.
    const BACKLOG: u32 = 4096;
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
