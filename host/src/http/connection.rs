//! Serves one connection, and says goodbye to its client.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, sink};
use tokio::time::timeout;

use crate::config::limits::RequestLimits;
use crate::http::bad_head::diagnose;
use crate::http::connection_state::ConnectionState;
use crate::http::http1::{self, End};
use crate::http::problem::{self, Problem};
use crate::http::service::Service;
use crate::http::socket::Socket;

/// Serves a connection to its end.
pub(crate) async fn serve(service: Rc<Service>, socket: Socket, state: Rc<ConnectionState>) {
    // Hyper does not return the socket when a connection ends, but we may still have to write to
    // it.
    let socket = Rc::new(RefCell::new(socket));
    let end = http1::serve_requests(&service, &socket, &state).await;
    let socket = Rc::into_inner(socket).expect("hyper has dropped its half");
    let mut socket = socket.into_inner();
    let limits = service.limits_without_route();
    let goodbye = async {
        match end {
            End::HeadTimeout => refuse(&mut socket, &Problem::HeadTimeout, limits).await,
            End::Refused(head) => {
                refuse(&mut socket, &diagnose(&head, limits.server), limits).await
            }
            End::Finished if state.is_body_unread() => {}
            End::Finished | End::Closed => return,
        }
        linger(&mut socket, service.linger_bytes()).await;
    };
    // Whether it runs out of time or not, the connection ends here.
    let _ = timeout(service.limits.linger_time.0, goodbye).await;
}

/// Tells the client what is wrong with its head. Hyper would close the connection without a response,
/// or with one that does not say anything.
async fn refuse(socket: &mut Socket, problem: &Problem, limits: RequestLimits<'_>) {
    let (status, body) = (problem.status(), problem.json(limits));
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
