//! What the live page shows, as JSON: one event of the stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::Serialize;
use tokio::time::Instant;

use crate::pool::stats::{BUCKETS, CLIENT_LEFT, Histogram, RouteStats, STATUS_FIRST};
use crate::server::operator::exposition::resident_bytes;
use crate::server::operator::instances::{RouteInstances, Rows};
use crate::server::operator::readings::ROWS_MAX;
use crate::server::operator::state::Operator;

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Event {
    version: &'static str,
    /// Seconds since 1970.
    at: f64,
    /// Seconds since the listener began. Rates are computed with this clock.
    uptime: f64,
    is_ready: bool,
    workers: usize,
    connections: usize,
    resident_memory_bytes: Option<u64>,
    reloads: Option<ShownReloads>,
    /// The upper bounds of the histograms, seconds. One more bucket is above all of them.
    bounds: [f64; BUCKETS.len()],
    /// Requests that no route matched.
    unrouted: Responses,
    routes: Vec<ShownRoute>,
    /// Routes that are not shown, because they are too many.
    routes_left_out: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct ShownReloads {
    ok: u64,
    refused: u64,
    /// Seconds since 1970.
    loaded_at: u64,
    /// Why the last one was refused, if it was.
    refusal: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct ShownRoute {
    #[serde(flatten)]
    instances: RouteInstances,
    responses: Responses,
    responses_cut: u64,
    /// By bucket.
    durations: Vec<u64>,
    queue_waits: Vec<u64>,
}

/// Responses by the class of their status.
#[derive(Debug, Serialize)]
struct Responses {
    /// From 1xx to 5xx.
    classes: [u64; 5],
    /// Those of 499, which are not among the 4xx: the client left.
    left: u64,
}

/// The event of this moment.
pub(super) async fn make(operator: &Operator) -> Bytes {
    let readings = operator.read_slots().await;
    let serving = operator.routes.serving();
    let metrics = &operator.metrics;
    let routes = metrics.routes();
    let mut rows = Rows::new(&readings);
    let shown = routes.iter().take(ROWS_MAX).map(|route| ShownRoute {
        instances: RouteInstances::new(route, &serving, &readings, &mut rows),
        responses: Responses::of(&route.workers),
        responses_cut: sum(&route.workers, |stats| &stats.cut),
        durations: buckets(&route.workers, |stats| &stats.duration),
        queue_waits: buckets(&route.workers, |stats| &stats.queue_wait),
    });
    let event = Event {
        version: env!("CARGO_PKG_VERSION"),
        at: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64()),
        uptime: (Instant::now() - operator.started).as_secs_f64(),
        is_ready: operator.is_ready(),
        workers: operator.workers.len(),
        connections: metrics.connections.iter().map(|open| open.load(Relaxed)).sum(),
        resident_memory_bytes: resident_bytes(),
        reloads: operator.reloads.as_ref().map(|reloads| ShownReloads {
            ok: metrics.reloads.ok.load(Relaxed),
            refused: metrics.reloads.refused.load(Relaxed),
            loaded_at: metrics.reloads.loaded_at.load(Relaxed),
            refusal: reloads.last_refusal(),
        }),
        bounds: BUCKETS,
        unrouted: Responses::of(&metrics.unrouted),
        routes: shown.collect(),
        routes_left_out: routes.len().saturating_sub(ROWS_MAX),
    };
    let json = serde_json::to_string(&event).expect("its keys are texts, and nothing of it fails");
    format!("data: {json}\n\n").into()
}

impl Responses {
    fn of(workers: &[Arc<RouteStats>]) -> Self {
        let (mut classes, mut left) = ([0; 5], 0);
        for stats in workers {
            for (status, count) in (STATUS_FIRST..).zip(&stats.responses) {
                let count = count.load(Relaxed);
                match classes.get_mut(usize::from(status / 100 - 1)) {
                    _ if status == CLIENT_LEFT => left += count,
                    Some(class) => *class += count,
                    None => {}
                }
            }
        }
        Self { classes, left }
    }
}

fn sum(workers: &[Arc<RouteStats>], of: fn(&RouteStats) -> &AtomicU64) -> u64 {
    workers.iter().map(|stats| of(stats).load(Relaxed)).sum()
}

fn buckets(workers: &[Arc<RouteStats>], of: fn(&RouteStats) -> &Histogram) -> Vec<u64> {
    let mut sums = vec![0; BUCKETS.len() + 1];
    for stats in workers {
        for (sum, bucket) in sums.iter_mut().zip(&of(stats).buckets) {
            *sum += bucket.load(Relaxed);
        }
    }
    sums
}
