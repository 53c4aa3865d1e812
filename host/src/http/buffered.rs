//! A request to a processor with a buffered body: the whole body is received before the guest is
//! called.

use std::rc::Rc;
use std::time::SystemTime;

use bytes::Bytes;
use hyper::Response;
use hyper::body::{Body as _, Incoming};
use hyper::http::request::Parts;

use crate::http::body::Body;
use crate::http::development::HighWater;
use crate::http::message::{lift, lower, take_coding};
use crate::http::meter::{Meter, Stage};
use crate::http::problem::Problem;
use crate::http::receive;
use crate::http::service::Service;
use crate::pool::slots::Slots;
use crate::runtime::bindings::nanoseconds;
use crate::runtime::request_ids::{RequestIds, RequestNumber};

/// Receives the body, waits for a slot, and lets the guest handle the request.
pub(crate) async fn respond(
    service: &Service,
    slots: &Rc<Slots>,
    number: RequestNumber,
    head: &mut Parts,
    incoming: Incoming,
    received_at: SystemTime,
    meter: &Meter,
) -> Result<Response<Body>, Problem> {
    let route = &slots.route;
    let (mut body, mut reserved) = (Bytes::new(), None);
    let mut incoming = incoming;
    if !incoming.is_end_stream() {
        let coding = take_coding(&mut head.headers)?;
        // If the queue is full, the request is refused before its body is read. This check reserves
        // no place in the queue, so that a slow client does not block others. Therefore a request
        // can still be refused after its body has arrived, if the queue fills up meanwhile.
        if let Err(shed) = slots.check_queue() {
            let is_here = receive::has_arrived(&mut incoming, &head.headers).await;
            return Err(if is_here { Problem::Shed(shed) } else { Problem::ShedUnread(shed) });
        }
        let received = receive::collect(incoming, coding, &route.limits, &slots.bodies, meter);
        let received = Box::pin(received);
        let (bytes, held) = received.await?;
        (body, reserved) = (bytes, Some(held));
    }
    let mut forwarded = Vec::new();
    let request = lower(route, head, &body, nanoseconds(received_at), &mut forwarded)?;
    let ids = || RequestIds::of(number, &head.headers);
    meter.enter(Stage::Queue);
    let mut lease = slots.acquire().await.map_err(Problem::Shed)?;
    meter.enter(Stage::Guest);
    let response = lease.handle(request, &ids).await;
    meter.enter(Stage::Host);
    let high_water = match service.development {
        None => None,
        // Boxed, because it is rare, and hyper moves the future of each request.
        Some(_) => Box::pin(lease.request_high_water()).await,
    };
    lease.finish();
    drop(reserved);
    let mut response = lift(route, &slots.bodies, response.map_err(Problem::Fault)?)?;
    if let Some(bytes) = high_water {
        response.extensions_mut().insert(HighWater(bytes));
    }
    Ok(response)
}
