//! The PROXY protocol, versions 1 and 2: what a proxy sends before the bytes of its client.

use std::io;
use std::net::IpAddr;

use ppp::v2::Command;
use ppp::{v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// What a proxy says of its client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Proxied {
    /// It has this address.
    From(IpAddr),
    /// It has none, or the proxy itself sends the request.
    Unknown,
    /// The connection does not begin with a header of the protocol.
    Malformed,
}

/// The longest header that is read. The specification asks for 536 bytes; a certificate of the client may be longer.
const HEADER_BYTES_MAX: usize = 4096;

/// What a header of version 2 begins with: a signature, what it is, and how long the rest is.
const BINARY_BYTES_MIN: usize = 16;

/// The longest header of version 1, which is a line.
const LINE_BYTES_MAX: usize = 107;

/// Reads a header, and nothing after it.
///
/// # Errors
///
/// If the proxy ends the connection.
pub(crate) async fn read(socket: &mut (impl AsyncRead + Unpin)) -> io::Result<Proxied> {
    /// No header is shorter: `PROXY UNKNOWN` and the end of the line.
    const BYTES_MIN: usize = 15;
    let mut header = vec![0; BYTES_MIN];
    socket.read_exact(&mut header).await?;
    if header.starts_with(v2::PROTOCOL_PREFIX) {
        return read_binary(socket, header).await;
    }
    while header.starts_with(b"PROXY ") && !header.ends_with(b"\n") {
        if header.len() == LINE_BYTES_MAX {
            return Ok(Proxied::Malformed);
        }
        header.push(socket.read_u8().await?);
    }
    Ok(match v1::Header::try_from(&header[..]).map(|header| header.addresses) {
        Ok(v1::Addresses::Unknown) => Proxied::Unknown,
        Ok(v1::Addresses::Tcp4(tcp)) => Proxied::From(tcp.source_address.into()),
        Ok(v1::Addresses::Tcp6(tcp)) => Proxied::From(tcp.source_address.into()),
        Err(_) => Proxied::Malformed,
    })
}

async fn read_binary(
    socket: &mut (impl AsyncRead + Unpin),
    mut header: Vec<u8>,
) -> io::Result<Proxied> {
    let begun = header.len();
    header.resize(BINARY_BYTES_MIN, 0);
    socket.read_exact(&mut header[begun..]).await?;
    let rest: usize = u16::from_be_bytes([header[14], header[15]]).into();
    if BINARY_BYTES_MIN + rest > HEADER_BYTES_MAX {
        return Ok(Proxied::Malformed);
    }
    header.resize(BINARY_BYTES_MIN + rest, 0);
    socket.read_exact(&mut header[BINARY_BYTES_MIN..]).await?;
    let Ok(header) = v2::Header::try_from(&header[..]) else { return Ok(Proxied::Malformed) };
    Ok(match (header.command, header.addresses) {
        (Command::Local, _) => Proxied::Unknown,
        (Command::Proxy, v2::Addresses::IPv4(tcp)) => Proxied::From(tcp.source_address.into()),
        (Command::Proxy, v2::Addresses::IPv6(tcp)) => Proxied::From(tcp.source_address.into()),
        (Command::Proxy, v2::Addresses::Unspecified | v2::Addresses::Unix(_)) => Proxied::Unknown,
    })
}
