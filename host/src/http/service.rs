//! The state that the requests of one worker share.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::config::limits::{RequestLimits, RouteLimits, ServerLimits};
use crate::http::access::Accesses;
use crate::http::development::Development;
use crate::http::meter::Meter;
use crate::http::playground::Playground;
use crate::http::problem::Problem;
use crate::http::router::Router;
use crate::pool::body_budget::BodyBudget;
use crate::pool::route::Route;
use crate::pool::slots::Slots;
use crate::pool::stats::RouteStats;
use crate::runtime::request_ids::{MakeIds, RequestIds, RequestNumbers};

/// The state that the requests of one worker share. Only the worker's thread uses it.
pub(crate) struct Service {
    /// Finds the slots of a route by the path of a request.
    pub(crate) router: Router,
    /// The limits of the server.
    pub(crate) limits: ServerLimits,
    /// The limits of a route that sets none of its own. They apply to requests without a route.
    pub(crate) route_limits: RouteLimits,
    /// Counts responses to requests without a route.
    pub(crate) unrouted: Arc<RouteStats>,
    /// The memory for the bodies of all requests and responses.
    pub(crate) bodies: Arc<BodyBudget>,
    /// The playground, if it is switched on. It takes precedence over the routes.
    pub(crate) playground: Option<Arc<Playground>>,
    /// What `arenaria dev` adds.
    pub(crate) development: Option<Arc<Development>>,
    pub(crate) numbers: RequestNumbers,
    /// Whether errors name their request, so that its lines in the log can be found.
    pub(crate) names_requests: bool,
    /// Whether the trace of a request is kept as an exemplar.
    pub(crate) exemplars: bool,
    pub(crate) accesses: Accesses,
}

impl Service {
    /// The limits of a request to this route.
    pub(crate) fn limits_of<'a>(&'a self, route: &'a Route) -> RequestLimits<'a> {
        RequestLimits { server: &self.limits, route: &route.limits }
    }

    /// The limits of a request without a route.
    pub(crate) fn limits_without_route(&self) -> RequestLimits<'_> {
        RequestLimits { server: &self.limits, route: &self.route_limits }
    }

    /// Measures a request to these slots, if anything needs its figures.
    #[inline]
    pub(crate) fn meter(&self, slots: Option<&Rc<Slots>>, begun: Instant) -> Meter {
        let is_wanted =
            self.accesses.is_on() || slots.is_some_and(|slots| slots.route.server_timing);
        if is_wanted { Meter::begin(begun) } else { Meter::default() }
    }

    /// The ids that an error of this request shows.
    pub(crate) fn shown(&self, ids: MakeIds<'_>) -> Option<RequestIds> {
        self.names_requests.then(ids)
    }

    /// Why a request without a route is refused. With `arenaria dev`, the reason may be that there are no routes yet.
    pub(crate) fn no_route(&self) -> Problem {
        let development = self.development.as_ref().filter(|_| self.router.is_empty());
        let problem = development.and_then(|development| development.problem());
        problem.unwrap_or(Problem::NoRoute)
    }

    /// How many bytes are read and discarded after a response that came before the end of its request: several
    /// of the largest requests that are allowed.
    pub(crate) fn linger_bytes(&self) -> u64 {
        const REQUESTS: u64 = 4;
        let body = self.router.request_body_max().max(self.route_limits.request_body.0);
        body.saturating_add(self.limits.request_head.0).saturating_mul(REQUESTS)
    }
}
