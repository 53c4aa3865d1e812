//! What the operator's listener knows of the server.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use crate::config::limits::{RouteLimits, ServerLimits};
use crate::http::development::Development;
use crate::pool::stats::{Metrics, RouteStats};
use crate::server::operator::readings::Readings;
use crate::server::reload::Reloads;
use crate::server::routes::Routes;
use crate::server::token::Token;
use crate::server::worker::Command;

/// How long a reading waits for busy workers.
const READ_TIME: Duration = Duration::from_secs(2);

/// The state that the operator's listener reports.
pub(crate) struct Operator {
    pub(crate) limits: ServerLimits,
    /// The limits of a route that sets none of its own.
    pub(crate) route_limits: RouteLimits,
    /// The state of the build, with `arenaria dev`.
    pub(crate) development: Option<Arc<Development>>,
    /// What requests must bring, except those of probes.
    pub(crate) token: Arc<Token>,
    /// Asks for reloads, with `arenaria serve`.
    pub(crate) reloads: Option<Reloads>,
    /// One for each further connection that the operator's listener may have open.
    pub(crate) connections: Arc<Semaphore>,
    /// One for each further stream of events. They are fewer, so that streams leave connections to probes.
    pub(crate) streams: Arc<Semaphore>,
    /// False once the server ends.
    pub(crate) ready: watch::Sender<bool>,
    pub(crate) metrics: Metrics,
    pub(crate) workers: Vec<mpsc::UnboundedSender<Command>>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) started: Instant,
    /// The last event and when it was made, so that all streams share one.
    pub(crate) last_event: Mutex<Option<(Instant, Bytes)>>,
}

impl Operator {
    /// Whether every route has a warm instance on every worker, and the server is not draining.
    pub(super) fn is_ready(&self) -> bool {
        let live =
            |stats: &Arc<RouteStats>| stats.idle.load(Relaxed) + stats.busy.load(Relaxed) > 0;
        *self.ready.borrow()
            && self
                .metrics
                .routes()
                .iter()
                .filter(|route| !route.is_removed())
                .all(|route| route.workers.iter().all(live))
    }

    /// Reads the slots of all workers. One that does not answer in time is left out.
    pub(super) async fn read_slots(&self) -> Readings {
        let ask = |worker: &mpsc::UnboundedSender<Command>| {
            let (reply, received) = oneshot::channel();
            // If the worker has ended, the reply's channel is closed.
            let _ = worker.send(Command::ReadSlots(reply));
            received
        };
        let asked: Vec<_> = self.workers.iter().map(ask).collect();
        let mut readings = Readings::default();
        let end = Instant::now() + READ_TIME;
        for (worker, received) in asked.into_iter().enumerate() {
            if let Ok(Ok(routes)) = timeout_at(end, received).await {
                readings.add(worker, routes);
            }
        }
        readings
    }
}
