//! One connection of the generator, never waited for.
//!
//! It is watched edge-triggered, in both directions, from its first moment: nothing has to be asked
//! of the kernel per request but to send and to receive.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::{Errno, read};
use rustix::net::{
    AddressFamily, SendFlags, SocketFlags, SocketType, connect, send, socket_with, sockopt,
};

use super::{Loss, RequestTemplate};
use http1::framing::{self, Head};

const READ_BYTES: usize = 64 << 10;

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// Otherwise it is not yet known whether there will be one.
    connected: bool,
    /// The request without its answer.
    in_flight: Option<InFlight>,
    /// What has come of its answer.
    received: Vec<u8>,
}

/// A request without its answer.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) template: usize,
    pub(super) due: Duration,
    pub(super) sent: Duration,
    /// How much of the request has been taken.
    pub(super) written: usize,
    pub(super) head: Option<Head>,
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
        Ok(Self { stream, connected: false, in_flight: None, received: Vec::new() })
    }

    pub(super) fn is_idle(&self) -> bool {
        self.connected && self.in_flight.is_none()
    }

    /// When the request that waits for its answer was sent.
    pub(super) fn sent(&self) -> Option<Duration> {
        self.in_flight.as_ref().map(|request| request.sent)
    }

    /// Sends a request over an idle connection.
    pub(super) fn begin(&mut self, mut request: InFlight, wire: &[u8]) -> Result<(), Loss> {
        self.received.clear();
        self.write(&mut request, wire)?;
        self.in_flight = Some(request);
        Ok(())
    }

    /// Does what can be done after an event; `hung_up` if the server will say no more.
    pub(super) fn progress(&mut self, hung_up: bool, templates: &[RequestTemplate]) -> Progress {
        if !self.connected {
            return match self.stream.take_error() {
                // Until then it has no peer.
                Ok(None) if self.stream.peer_addr().is_ok() => {
                    self.connected = true;
                    Progress::Connected
                }
                Ok(None) => Progress::Pending,
                Ok(Some(_)) | Err(_) => Progress::Lost(Loss::Connect),
            };
        }
        let Some(mut request) = self.in_flight.take() else {
            // What nobody has asked for, such as a 408 before the end, answers nothing.
            let is_quiet = matches!(self.read(), Ok(false));
            return if is_quiet { Progress::Pending } else { Progress::Closed };
        };
        let template = &templates[request.template];
        // An answer may come to a request that was not taken whole.
        let written = self.write(&mut request, &template.wire);
        // More may be there, or the end: of what is left unread, no event would tell.
        loop {
            match self.read() {
                Ok(true) => {}
                Ok(false) if written.is_ok() => {
                    self.in_flight = Some(request);
                    return Progress::Pending;
                }
                Ok(false) | Err(_) => return Progress::Lost(Loss::Cut),
            }
            match request.answer(&self.received, template) {
                Ok(None) => {}
                Ok(Some(mut answered)) => {
                    answered.closes |= hung_up || request.written < template.wire.len();
                    return Progress::Answered(answered);
                }
                Err(_) => return Progress::Lost(Loss::Malformed),
            }
        }
    }

    /// Whether something was there to be read; the end of the connection is a loss.
    fn read(&mut self) -> Result<bool, Loss> {
        self.received.reserve(READ_BYTES);
        match read(&self.stream, spare_capacity(&mut self.received)) {
            Ok(0) => Err(Loss::Cut),
            Ok(_) => Ok(true),
            Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            Err(_) => Err(Loss::Cut),
        }
    }

    /// Writes as much as is taken.
    fn write(&self, request: &mut InFlight, wire: &[u8]) -> Result<(), Loss> {
        while request.written < wire.len() {
            match send(&self.stream, &wire[request.written..], SendFlags::NOSIGNAL) {
                Ok(count) => request.written += count,
                Err(Errno::AGAIN | Errno::INTR) => break,
                Err(_) => return Err(Loss::Cut),
            }
        }
        Ok(())
    }
}

impl InFlight {
    /// The answer, once it has come whole.
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
        let Some((body, bytes)) = head.framing.body(wire)? else { return Ok(None) };
        anyhow::ensure!(wire.len() == bytes, "more has come than one answer");
        let expected = template.expected.as_ref().filter(|_| head.status < 400);
        let right = expected.is_none_or(|expected| *expected == *body);
        let (status, closes) = (head.status, head.closes);
        Ok(Some(Answered { status, right, due: self.due, sent: self.sent, closes }))
    }
}
