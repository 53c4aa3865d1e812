//! Exemplars of the histogram of requests: the trace of the last request in each bucket, if its client records it.
//!
//! The library that writes the metrics has no way to make an exemplar of what was measured elsewhere. So they are added
//! to its text, in which the buckets of all routes stand in their order.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use crate::pool::stats::{Exemplar, Exemplars, RouteMetrics};
use crate::runtime::request_ids::Hex;

/// The lines with a bucket.
const BUCKET: &str = "arenaria_request_duration_seconds_bucket{";

/// The last exemplar of each bucket of these routes. None if there is none at all.
pub(super) fn of(routes: &[Arc<RouteMetrics>]) -> Option<Vec<Option<Exemplar>>> {
    let all: Vec<_> = routes.iter().flat_map(|route| last(route)).collect();
    all.iter().any(Option::is_some).then_some(all)
}

/// Adds them to the text of the metrics.
pub(super) fn insert(text: String, exemplars: Option<Vec<Option<Exemplar>>>) -> String {
    let Some(exemplars) = exemplars else { return text };
    let mut exemplars = exemplars.into_iter();
    let mut whole = String::with_capacity(text.len());
    for line in text.lines() {
        whole += line;
        if line.starts_with(BUCKET)
            && let Some(exemplar) = exemplars.next().flatten()
        {
            let Exemplar { trace, seconds, at } = exemplar;
            let (trace, at) = (Hex::from(trace), at.duration_since(UNIX_EPOCH));
            let at = at.unwrap_or_default().as_secs_f64();
            let _ = write!(whole, " # {{trace_id=\"{trace}\"}} {seconds} {at:.3}");
        }
        whole.push('\n');
    }
    whole
}

/// The last one of all workers in each bucket.
fn last(route: &RouteMetrics) -> Exemplars {
    let mut last = Exemplars::default();
    for stats in &route.workers {
        for (last, new) in last.iter_mut().zip(stats.duration.exemplars()) {
            let is_later = |new: &Exemplar| last.is_none_or(|last| new.at > last.at);
            *last = new.filter(is_later).or(*last);
        }
    }
    last
}
