//! What `arenaria dev` adds to a server: it hears of each request, and it tells clients why a component is missing, or
//! why the newest sources do not serve.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::Method;
use hyper::http::request::Parts;
use hyper::{Response, Uri};

use crate::http::body::Body;
use crate::http::problem::Problem;
use crate::pool::stats::CLIENT_LEFT;

/// What `arenaria dev` adds to a server. All workers share it.
pub(crate) struct Development {
    hear: Box<dyn Fn(AnsweredRequest) + Send + Sync>,
    build: Mutex<BuildState>,
}

/// Whether the newest sources serve.
#[derive(Clone, Debug)]
pub(crate) enum BuildState {
    /// The first build is under way.
    First,
    /// They serve.
    Good,
    /// They do not. The text says why: of the compiler, or of the host that refused the component.
    Broken(Arc<str>),
}

/// A request and what became of it.
#[derive(Debug)]
pub(crate) struct AnsweredRequest {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) status: u16,
    /// From the head of the request to the head of the response.
    pub(crate) time: Duration,
    /// The most bytes of the arena that it used, if that is known.
    pub(crate) high_water: Option<u64>,
}

/// The high water of a request, as an extension of its response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HighWater(pub(crate) u64);

impl Development {
    /// `hear` gets each request with an answer, on the thread of its worker. It must not wait.
    pub(crate) fn new(hear: impl Fn(AnsweredRequest) + Send + Sync + 'static) -> Self {
        Self { hear: Box::new(hear), build: Mutex::new(BuildState::First) }
    }

    /// Tells whether the newest sources serve.
    pub(crate) fn set_build(&self, state: BuildState) {
        *self.build.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Why the newest sources do not serve. None if they do.
    pub(crate) fn problem(&self) -> Option<Problem> {
        // No code here panics while it holds the lock.
        match &*self.build.lock().unwrap_or_else(PoisonError::into_inner) {
            BuildState::First => {
                Some(Problem::NotBuilt("the first build is under way; try again later".into()))
            }
            BuildState::Good => None,
            BuildState::Broken(text) => Some(Problem::NotBuilt(Arc::clone(text))),
        }
    }

    /// A request arrives. It is told when the result is dropped.
    pub(crate) fn begin(self: &Arc<Self>, head: &Parts, begun: Instant) -> Box<OpenRequest> {
        let (method, uri) = (head.method.clone(), head.uri.clone());
        let (development, status) = (Arc::clone(self), CLIENT_LEFT);
        Box::new(OpenRequest { development, begun, method, uri, status, high_water: None })
    }
}

/// A request without its answer.
pub(crate) struct OpenRequest {
    development: Arc<Development>,
    begun: Instant,
    method: Method,
    uri: Uri,
    status: u16,
    high_water: Option<u64>,
}

impl OpenRequest {
    /// It gets this response.
    pub(crate) fn end(mut self, response: &Response<Body>) {
        self.status = response.status().as_u16();
        self.high_water = response.extensions().get().map(|HighWater(bytes)| *bytes);
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        (self.development.hear)(AnsweredRequest {
            method: self.method.clone(),
            uri: self.uri.clone(),
            status: self.status,
            time: self.begun.elapsed(),
            high_water: self.high_water,
        });
    }
}
