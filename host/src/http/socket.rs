//! The socket of a connection, whatever its kind.

use std::io;
use std::net::{IpAddr, TcpStream as StdTcpStream};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustix::io::ioctl_fionread;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use crate::config::proxies::ProxySource;

/// A connection that was accepted, and belongs to no runtime yet.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) socket: StdSocket,
    /// Where it comes from; None for a Unix socket.
    pub(crate) address: Option<IpAddr>,
    /// Whether a proxy first tells the address of its client.
    pub(crate) is_proxied: bool,
    /// If the client is to speak TLS: with what.
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

impl Accepted {
    pub(crate) fn new(
        socket: StdSocket,
        address: Option<IpAddr>,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        // An IPv6 listener sees clients of IPv4 too.
        let address = address.map(|address| address.to_canonical());
        Self { socket, address, is_proxied: false, tls }
    }

    /// The same, which may come from one of these proxies.
    pub(crate) fn from(self, proxies: &[ProxySource]) -> Self {
        let is_proxied = proxies.iter().any(|source| source.has(self.address));
        Self { is_proxied, ..self }
    }
}

/// A socket that does not block.
#[derive(Debug)]
pub(crate) enum StdSocket {
    Tcp(StdTcpStream),
    Unix(StdUnixStream),
}

/// A socket without encryption.
#[derive(Debug)]
pub(crate) enum PlainSocket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The socket of a connection.
#[derive(Debug)]
pub(crate) enum Socket {
    Plain(PlainSocket),
    Tls(Box<TlsStream<PlainSocket>>),
}

impl StdSocket {
    /// # Errors
    ///
    /// If the operating system refuses it.
    pub(crate) fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_nonblocking(true),
            Self::Unix(socket) => socket.set_nonblocking(true),
        }
    }

    /// Sends each write at once. Responses are written whole, so waiting for more data would only delay them.
    ///
    /// # Errors
    ///
    /// If the client has left.
    pub(crate) fn set_nodelay(&self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_nodelay(true),
            Self::Unix(_) => Ok(()),
        }
    }

    /// The same as a socket of this thread's runtime.
    ///
    /// # Errors
    ///
    /// If the runtime has no room for it.
    pub(crate) fn into_tokio(self) -> io::Result<PlainSocket> {
        Ok(match self {
            Self::Tcp(socket) => PlainSocket::Tcp(TcpStream::from_std(socket)?),
            Self::Unix(socket) => PlainSocket::Unix(UnixStream::from_std(socket)?),
        })
    }
}

impl Socket {
    /// Whether the client has sent something, or has closed its sending direction. Nothing is read.
    /// A socket that cannot tell without reading is never ready.
    ///
    /// # Errors
    ///
    /// If the client has reset the connection.
    pub(crate) fn poll_sent(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.plain() {
            PlainSocket::Tcp(socket) => {
                socket.poll_peek(context, &mut ReadBuf::new(&mut [0])).map_ok(|_| ())
            }
            PlainSocket::Unix(_) => Poll::Pending,
        }
    }

    /// Whether the kernel has bytes of the client that were not read. The runtime may not know of them yet.
    pub(crate) fn has_unread(&self) -> bool {
        let unread = match self.plain() {
            PlainSocket::Tcp(socket) => ioctl_fionread(socket),
            PlainSocket::Unix(socket) => ioctl_fionread(socket),
        };
        unread.is_ok_and(|bytes| bytes > 0)
    }

    fn plain(&self) -> &PlainSocket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(socket) => socket.get_ref().0,
        }
    }
}

/// Implements reading and writing by one of several sockets.
macro_rules! delegate_io {
    ($socket:ty: $($variant:path),+) => {
        impl AsyncRead for $socket {
            fn poll_read(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $( $variant(socket) => Pin::new(socket).poll_read(context, buffer), )+
                }
            }
        }

        impl AsyncWrite for $socket {
            fn poll_write(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $( $variant(socket) => Pin::new(socket).poll_write(context, bytes), )+
                }
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                slices: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $( $variant(socket) => Pin::new(socket).poll_write_vectored(context, slices), )+
                }
            }

            fn is_write_vectored(&self) -> bool {
                match self {
                    $( $variant(socket) => socket.is_write_vectored(), )+
                }
            }

            fn poll_flush(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $( $variant(socket) => Pin::new(socket).poll_flush(context), )+
                }
            }

            fn poll_shutdown(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $( $variant(socket) => Pin::new(socket).poll_shutdown(context), )+
                }
            }
        }
    };
}

delegate_io!(PlainSocket: PlainSocket::Tcp, PlainSocket::Unix);
delegate_io!(Socket: Socket::Plain, Socket::Tls);
