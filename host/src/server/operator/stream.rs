//! `GET /events`: a stream of server-sent events, one each second, for the live page.
//!
//! All streams share the events, so that further ones cost no further readings. None is made while nobody has a stream.
//! A stream ends when the server drains, when its token is not valid any more, and when its client does not read for
//! `response-time`.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::{Body, Frame};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::server::operator::event;
use crate::server::operator::state::Operator;

/// The distance of two events.
const INTERVAL: Duration = Duration::from_secs(1);

/// The last event of a stream that the server ends.
const END: &[u8] = b"event: end\ndata: {}\n\n";

/// What keeps a connection open for longer than other ones: a reload or a stream.
#[derive(Debug, Default)]
pub(super) struct Hold {
    pub(super) is_held: AtomicBool,
    /// Notified when the client of a stream does not read.
    pub(super) is_unread: Notify,
}

/// The body of the response.
pub(super) struct Events(mpsc::Receiver<Bytes>);

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

/// Begins a stream for a request with these fields.
pub(super) fn begin(
    operator: Arc<Operator>,
    fields: HeaderMap,
    hold: Arc<Hold>,
    permit: OwnedSemaphorePermit,
) -> Events {
    let (events, received) = mpsc::channel(1);
    hold.is_held.store(true, Relaxed);
    tokio::spawn(async move {
        send(&operator, &fields, &hold, &events).await;
        // Before the body ends, after which the connection may have another request.
        hold.is_held.store(false, Relaxed);
        drop((events, permit));
    });
    Events(received)
}

async fn send(operator: &Operator, fields: &HeaderMap, hold: &Hold, events: &mpsc::Sender<Bytes>) {
    let mut ready = operator.ready.subscribe();
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let ends = tokio::select! {
            _ = ticks.tick() => false,
            _ = ready.wait_for(|is_ready| !is_ready) => true,
            () = events.closed() => return,
        };
        let event = if ends { Bytes::from_static(END) } else { shared(operator).await };
        if !operator.token.admits(fields) {
            return;
        }
        match timeout(operator.limits.response_time.0, events.send(event)).await {
            Ok(Ok(())) if !ends => {}
            Ok(_) => return,
            Err(_) => return hold.is_unread.notify_one(),
        }
    }
}

/// The last event if it is new enough, or a new one.
async fn shared(operator: &Operator) -> Bytes {
    let mut last = operator.last_event.lock().await;
    if let Some((made, event)) = &*last
        && made.elapsed() < INTERVAL * 9 / 10
    {
        return event.clone();
    }
    let event = event::make(operator).await;
    *last = Some((Instant::now(), event.clone()));
    event
}
