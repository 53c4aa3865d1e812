//! Serves one connection, from TLS to the last byte that its client sends.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, sink};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::config::connection_memory::HTTP2_CONNECTIONS;
use crate::http::bad_head::{diagnose, diagnose_part};
use crate::http::connection_end::{End, Refusal};
use crate::http::connection_state::ConnectionState;
use crate::http::http1;
use crate::http::http2;
use crate::http::problem::{self, Problem};
use crate::http::proxy_protocol::{self, Proxied};
use crate::http::service::Service;
use crate::http::socket::{Accepted, PlainSocket, Socket};
use crate::http::tracked_socket::PREFACE;

/// Serves a connection to its end. The permits count it as open.
///
/// # Errors
///
/// If the runtime has no room for the socket.
pub(crate) async fn serve(
    service: Rc<Service>,
    accepted: Accepted,
    state: Rc<ConnectionState>,
    mut permits: OwnedSemaphorePermit,
) -> io::Result<()> {
    let mut socket = accepted.socket.into_tokio()?;
    if accepted.is_proxied {
        let from = timeout(service.limits.head_time.0, proxy_protocol::read(&mut socket)).await;
        match from {
            Ok(Ok(Proxied::From(address))) => {
                state.client.borrow_mut().address = Some(address.to_canonical());
            }
            Ok(Ok(Proxied::Unknown)) => {}
            Ok(Ok(Proxied::Malformed)) => {
                reject(&service, socket, &state, "this address expects a PROXY protocol header")
                    .await;
                return Ok(());
            }
            Ok(Err(_)) | Err(_) => return Ok(()),
        }
    }
    let socket = match accepted.tls {
        None => Some(Socket::Plain(socket)),
        // A client that is too slow gets no answer, because it could not decrypt it.
        Some(config) => {
            timeout(service.limits.head_time.0, encrypt(&service, &state, socket, config))
                .await
                .unwrap_or_default()
        }
    };
    let Some(socket) = socket else { return Ok(()) };
    if let Socket::Tls(socket) = &socket
        && let Some([certificate, ..]) = socket.get_ref().1.peer_certificates()
    {
        state.client.borrow_mut().certificate = Some(Sha256::digest(certificate).into());
    }
    // Hyper does not return the socket when a connection ends, but we may still have to write to
    // it.
    let socket = Rc::new(RefCell::new(socket));
    let end = http1::serve_requests(&service, &socket, &state).await;
    let socket = taken_back(socket);
    let (end, mut socket) = match end {
        End::Http2(read) => {
            Box::pin(serve_http2(&service, socket, &state, &mut permits, read)).await
        }
        end => (end, socket),
    };
    let goodbye = say_goodbye(end, &mut socket, &service, &state);
    // Whether it runs out of time or not, the connection ends here.
    let _ = timeout(service.limits.linger_time.0, goodbye).await;
    Ok(())
}

/// Tells the client what is left to tell, and reads on as long as it may still send.
async fn say_goodbye(end: End, socket: &mut Socket, service: &Service, state: &ConnectionState) {
    match end {
        End::HeadTimeout => refuse(socket, &Problem::HeadTimeout, service, state).await,
        End::NoHttp2(why) => http2::refuse(socket, why).await,
        End::Refused(head) => {
            refuse(socket, &diagnose(&head, &service.limits), service, state).await
        }
        End::CutOff(head) => {
            refuse(socket, &diagnose_part(&head, &service.limits), service, state).await;
        }
        End::GoneAway => {}
        End::LastResponse if state.is_body_unread() => {}
        // A drain does not wait for clients that have sent nothing more.
        End::LastResponse if state.is_draining() && !socket.has_unread() => return,
        End::LastResponse if state.is_draining() => {}
        End::LastResponse => {
            return tokio::select! {
                () = linger(socket, service.linger_bytes()) => {}
                () = state.drained() => {}
            };
        }
        // A client of HTTP/2 sends while it reads.
        End::Finished if state.is_multiplexed() || state.is_body_unread() => {}
        End::Finished | End::Closed | End::Http2(_) => return,
    }
    linger(socket, service.linger_bytes()).await;
}

fn taken_back(socket: Rc<RefCell<Socket>>) -> Socket {
    Rc::into_inner(socket).expect("hyper has dropped its half").into_inner()
}

/// Serves requests of HTTP/2. Until the rest of the preface is there, it may be something else.
async fn serve_http2(
    service: &Rc<Service>,
    mut socket: Socket,
    state: &Rc<ConnectionState>,
    permits: &mut OwnedSemaphorePermit,
    mut read: Vec<u8>,
) -> (End, Socket) {
    match timeout(service.limits.head_time.0, read_preface(&mut socket, &mut read)).await {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => return (End::Refused(read), socket),
        Ok(Err(_)) => return (End::Closed, socket),
        Err(_) => return (End::HeadTimeout, socket),
    }
    if service.limits.http2_streams == 0 {
        return (End::NoHttp2(Refusal::Http11Required), socket);
    }
    let more = Arc::clone(permits.semaphore()).try_acquire_many_owned(HTTP2_CONNECTIONS);
    let Ok(more) = more else { return (End::NoHttp2(Refusal::EnhanceYourCalm), socket) };
    permits.merge(more);
    let shared = Rc::new(RefCell::new(socket));
    let end = http2::serve_requests(service, &shared, state, read.into()).await;
    (end, taken_back(shared))
}

/// Reads the rest of what may be the preface of HTTP/2. False if it is not.
async fn read_preface(socket: &mut Socket, read: &mut Vec<u8>) -> io::Result<bool> {
    while read.len() < PREFACE.len() && PREFACE.starts_with(read) {
        if socket.read_buf(read).await? == 0 {
            return Ok(false);
        }
    }
    Ok(read.starts_with(PREFACE))
}

/// Speaks TLS with the client. None if that does not succeed; rustls has told the client why.
async fn encrypt(
    service: &Service,
    state: &ConnectionState,
    socket: PlainSocket,
    config: Arc<ServerConfig>,
) -> Option<Socket> {
    if !begins_with_tls(&socket).await.ok()? {
        reject(service, socket, state, "this address expects TLS; use https://").await;
        return None;
    }
    let encrypted = TlsAcceptor::from(config).accept(socket).await.ok()?;
    Some(Socket::Tls(Box::new(encrypted)))
}

/// Tells a client that does not speak the protocol of this address.
async fn reject(
    service: &Service,
    socket: PlainSocket,
    state: &ConnectionState,
    why: &'static str,
) {
    let mut socket = Socket::Plain(socket);
    refuse(&mut socket, &Problem::BadRequest(why), service, state).await;
    // Whether it runs out of time or not, the connection ends here.
    let _ =
        timeout(service.limits.linger_time.0, linger(&mut socket, service.linger_bytes())).await;
}

/// Whether a client begins with TLS, as far as its first byte tells. Nothing is read.
async fn begins_with_tls(socket: &PlainSocket) -> io::Result<bool> {
    const HANDSHAKE: u8 = 22;
    let PlainSocket::Tcp(socket) = socket else { return Ok(true) };
    let mut first = [HANDSHAKE];
    socket.peek(&mut first).await?;
    Ok(first == [HANDSHAKE])
}

/// Sends a problem without hyper, which would close the connection without a response.
async fn refuse(
    socket: &mut Socket,
    problem: &Problem,
    service: &Service,
    state: &ConnectionState,
) {
    let (status, body) = (problem.status(), problem.json(service.limits_without_route()));
    service.accesses.refused(state.address(), status);
    service.unrouted.responded(status.as_u16());
    let head = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        status.as_str(),
        status.canonical_reason().unwrap_or_default(),
        problem::MEDIA_TYPE,
        body.len()
    );
    let response = [head.into_bytes(), body].concat();
    // An error here only means that the client has disconnected.
    let _ = socket.write_all(&response).await;
    let _ = socket.flush().await;
}

/// Reads and discards data, so that the client receives the last response. Closing a socket with
/// unread data resets the connection, and the client may then lose the response. A client that
/// sends more than `bytes` does not read responses anyway.
async fn linger(socket: &mut Socket, bytes: u64) {
    if socket.shutdown().await.is_err() {
        return;
    }
    let mut unread = socket.take(bytes);
    let _ = copy(&mut unread, &mut sink()).await;
}
