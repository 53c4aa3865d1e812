//! Receives request bodies within limits of size, time and memory.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

use crate::config::limits::RouteLimits;
use crate::http::body_budget::{BodyBudget, Reserved};
use crate::http::problem::Problem;

/// Receives a whole body. Its bytes are charged to the budget when they arrive, not when
/// Content-Length announces them. So incomplete bodies of many slow clients cannot exceed the
/// budget.
pub(crate) async fn collect(
    mut body: Incoming,
    limits: &RouteLimits,
    budget: &Arc<BodyBudget>,
) -> Result<(Bytes, Reserved), Problem> {
    if body.size_hint().exact().is_some_and(|declared| declared > limits.request_body.0) {
        return Err(Problem::BodyTooLarge);
    }
    let mut held = budget.part();
    let gathered = timeout(limits.body_time.0, gather(&mut body, limits, &mut held)).await;
    let bytes = gathered.map_err(|_| Problem::BodyTimeout)??;
    Ok((bytes, held))
}

async fn gather(
    body: &mut Incoming,
    limits: &RouteLimits,
    held: &mut Reserved,
) -> Result<Bytes, Problem> {
    let mut all = Vec::new();
    while let Some(data) = next_data(body).await? {
        let total = all.len() + data.len();
        let most = limits.request_body.bytes();
        if total > most {
            return Err(Problem::BodyTooLarge);
        }
        if all.is_empty() && body.is_end_stream() {
            // Most bodies arrive in one piece, which needs no copy.
            return if held.resize(total as u64) {
                Ok(data)
            } else {
                Err(Problem::BodiesSaturated)
            };
        }
        if total > all.capacity() {
            // Grows by doubling as data arrives, and not beyond what may still arrive.
            let announced = body.size_hint().exact().map_or(most, |left| total + left as usize);
            let capacity = (2 * all.capacity()).max(total).min(announced);
            if !held.resize(capacity as u64) {
                return Err(Problem::BodiesSaturated);
            }
            all.reserve_exact(capacity - all.len());
        }
        // A copy, because a piece keeps all of the buffer that it was read into.
        all.extend_from_slice(&data);
    }
    Ok(all.into())
}

/// The next piece of a body. Trailers are skipped.
async fn next_data(body: &mut Incoming) -> Result<Option<Bytes>, Problem> {
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| Problem::BodyBroken)?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// The next piece of a stream.
///
/// # Errors
///
/// If it does not arrive in time, or the body is malformed.
pub(crate) async fn next_in_time(
    body: &mut Incoming,
    time: Duration,
) -> Result<Option<Bytes>, Problem> {
    match timeout(time, next_data(body)).await {
        Ok(data) => data,
        Err(_) => Err(Problem::BodyTimeout),
    }
}
