//! One connection of the generator, never waited for.
//!
//! It is watched edge-triggered, in both directions, from its first moment: nothing has to be asked
//! of the kernel per request but to send and to receive.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::event::epoll::{self, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};

use super::{Loss, RequestTemplate};
use http1::framing::{self, Head};

/// One connection, or none.
#[derive(Debug, Default)]
pub(super) enum Connection {
    /// There is none.
    #[default]
    Broken,
    /// It is not yet known whether there will be one.
    Connecting(TcpStream),
    Idle(TcpStream),
    Busy(TcpStream, InFlight),
}

/// A request without its answer.
#[derive(Debug)]
pub(super) struct InFlight {
    template: usize,
    due: Duration,
    sent: Duration,
    /// How much of the request has been taken.
    written: usize,
    /// What has come of an answer that did not come at once.
    received: Vec<u8>,
    head: Option<Head>,
}

/// What has happened to a connection.
#[derive(Debug)]
pub(super) enum Progress {
    Pending,
    Connected,
    Answered(Answered),
    /// The server has closed it while nothing was asked of it.
    Closed,
    Lost(Loss),
}

/// An answer, judged.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    /// Whether the body is the one expected.
    pub(super) right: bool,
    pub(super) due: Duration,
    pub(super) sent: Duration,
    pub(super) closes: bool,
}

impl InFlight {
    pub(super) fn new(template: usize, due: Duration, sent: Duration) -> Self {
        Self { template, due, sent, written: 0, received: Vec::new(), head: None }
    }
}

impl Connection {
    /// Begins to connect.
    pub(super) fn connect(
        epoll: &OwnedFd,
        number: usize,
        address: SocketAddr,
    ) -> std::io::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        if address.ip().is_loopback() {
            // Within a machine nothing congests, and the system's choice may pace what
            // it sends by timers. If it cannot be had, a request costs a little more.
            let _ = sockopt::set_tcp_congestion(&socket, "reno");
        }
        match connect(&socket, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        let events = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(epoll, &stream, epoll::EventData::new_u64(number as u64), events)?;
        Ok(Self::Connecting(stream))
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self, Self::Idle(_))
    }

    pub(super) fn is_broken(&self) -> bool {
        matches!(self, Self::Broken)
    }

    /// When the request that waits for its answer was sent.
    pub(super) fn sent(&self) -> Option<Duration> {
        match self {
            Self::Busy(_, request) => Some(request.sent),
            _ => None,
        }
    }

    /// Sends a request over an idle connection; says if that failed.
    pub(super) fn begin(&mut self, mut request: InFlight, wire: &[u8]) -> Option<Loss> {
        let Self::Idle(mut stream) = std::mem::take(self) else { return Some(Loss::Cut) };
        if write(&mut stream, wire, &mut request.written).is_err() {
            return Some(Loss::Cut);
        }
        *self = Self::Busy(stream, request);
        None
    }

    /// Does what can be done after an event; `hung_up` if the server will say no more.
    pub(super) fn progress(
        &mut self,
        hung_up: bool,
        scratch: &mut [u8],
        templates: &[RequestTemplate],
    ) -> Progress {
        match std::mem::take(self) {
            Self::Broken => Progress::Pending,
            Self::Connecting(stream) => match stream.take_error() {
                // Until then it has no peer.
                Ok(None) if stream.peer_addr().is_ok() => {
                    *self = Self::Idle(stream);
                    Progress::Connected
                }
                Ok(None) => {
                    *self = Self::Connecting(stream);
                    Progress::Pending
                }
                Ok(Some(_)) | Err(_) => Progress::Lost(Loss::Connect),
            },
            Self::Idle(mut stream) => match stream.read(scratch) {
                // What nobody has asked for, such as a 408 before the end, answers nothing.
                Ok(_) => Progress::Closed,
                Err(error) if is_pause(&error) => {
                    *self = Self::Idle(stream);
                    Progress::Pending
                }
                Err(_) => Progress::Closed,
            },
            Self::Busy(mut stream, mut request) => {
                let template = &templates[request.template];
                // An answer may come to a request that was not taken whole.
                let unsent = write(&mut stream, &template.wire, &mut request.written).is_err();
                match request.read(&mut stream, scratch, template) {
                    Progress::Pending if unsent => Progress::Lost(Loss::Cut),
                    Progress::Pending => {
                        *self = Self::Busy(stream, request);
                        Progress::Pending
                    }
                    Progress::Answered(mut answered) => {
                        answered.closes |= hung_up || request.written < template.wire.len();
                        *self = Self::Idle(stream);
                        Progress::Answered(answered)
                    }
                    other => other,
                }
            }
        }
    }
}

impl InFlight {
    fn read(
        &mut self,
        stream: &mut TcpStream,
        scratch: &mut [u8],
        template: &RequestTemplate,
    ) -> Progress {
        loop {
            let count = match stream.read(scratch) {
                Ok(0) => return Progress::Lost(Loss::Cut),
                Ok(count) => count,
                Err(error) if is_pause(&error) => return Progress::Pending,
                Err(_) => return Progress::Lost(Loss::Cut),
            };
            // Most answers come at once and need no copy.
            let judged = if self.received.is_empty() {
                let judged = self.judge(&scratch[..count], template);
                if matches!(judged, Progress::Pending) {
                    self.received.extend_from_slice(&scratch[..count]);
                }
                judged
            } else {
                self.received.extend_from_slice(&scratch[..count]);
                let received = std::mem::take(&mut self.received);
                let judged = self.judge(&received, template);
                self.received = received;
                judged
            };
            // More may be there, or the end: of what is left unread, no event would tell.
            if !matches!(judged, Progress::Pending) {
                return judged;
            }
        }
    }

    fn judge(&mut self, received: &[u8], template: &RequestTemplate) -> Progress {
        match self.answer(received, template) {
            Ok(Some(answered)) => Progress::Answered(answered),
            Ok(None) => Progress::Pending,
            Err(_) => Progress::Lost(Loss::Malformed),
        }
    }

    fn answer(
        &mut self,
        received: &[u8],
        template: &RequestTemplate,
    ) -> anyhow::Result<Option<Answered>> {
        if self.head.is_none() {
            self.head = framing::head(received, |_| {})?;
        }
        let Some(head) = self.head else { return Ok(None) };
        let wire = &received[head.bytes..];
        let Some(body_bytes) = head.framing.body_bytes(wire)? else { return Ok(None) };
        anyhow::ensure!(wire.len() == body_bytes, "more has come than one answer");
        let right = match &template.expected {
            Some(expected) if head.status < 400 => head.framing.is_body(wire, expected)?,
            _ => true,
        };
        Ok(Some(Answered {
            status: head.status,
            right,
            due: self.due,
            sent: self.sent,
            closes: head.closes,
        }))
    }
}

/// Writes as much as is taken.
fn write(stream: &mut TcpStream, wire: &[u8], written: &mut usize) -> std::io::Result<()> {
    while *written < wire.len() {
        match stream.write(&wire[*written..]) {
            Ok(count) => *written += count,
            Err(error) if is_pause(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_pause(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
