//! What the requests of one worker share.

use std::sync::Arc;

use crate::config::limits::Limits;
use crate::http::body_budget::BodyBudget;
use crate::http::playground::Playground;
use crate::http::router::Router;
use crate::pool::stats::RouteStats;

/// What the requests of one worker share. Only the worker's thread uses it.
pub(crate) struct Service {
    /// Finds the slots of a route by the path of a request.
    pub(crate) router: Router,
    /// The limits of the server, for requests without a route.
    pub(crate) limits: Limits,
    /// Counts responses to requests without a route.
    pub(crate) unrouted: Arc<RouteStats>,
    /// The memory that the bodies of all requests and responses together may take.
    pub(crate) bodies: Arc<BodyBudget>,
    /// Served before the routes, if it is switched on.
    pub(crate) playground: Option<Arc<Playground>>,
}
