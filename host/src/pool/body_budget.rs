//! The memory of one worker for request and response bodies, with a fixed limit. Accounting
//! allocates nothing.
//!
//! If there are several routes, one may hold as much as is left after that. So a route that is flooded with large bodies
//! holds half of the memory at most, and two of them two thirds. The rest is for the others.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;

/// How many bytes of request and response bodies a worker may hold, or one of its routes. Only one thread uses it. It is
/// atomic because hyper keeps bodies in [`Bytes`], which must be `Send`.
#[derive(Debug)]
pub(crate) struct BodyBudget {
    worker: Arc<OfWorker>,
    route: Option<Arc<OfRoute>>,
    /// So much a route may hold if it is there, whatever is left then.
    always: u64,
}

#[derive(Debug)]
struct OfWorker {
    left: AtomicU64,
    /// How many routes have a budget.
    count: AtomicUsize,
    /// Those, and some that have none any more.
    routes: Mutex<Vec<Weak<OfRoute>>>,
}

#[derive(Debug)]
struct OfRoute {
    worker: Arc<OfWorker>,
    path: String,
    used: AtomicU64,
}

/// Bytes of the budget that are in use. They are given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Reserved {
    budget: Arc<BodyBudget>,
    bytes: u64,
}

/// Bytes with their part of the budget.
struct Held<B> {
    bytes: B,
    _reserved: Reserved,
}

impl BodyBudget {
    /// The memory of a worker.
    pub(crate) fn new(bytes: u64) -> Arc<Self> {
        let (left, count) = (AtomicU64::new(bytes), AtomicUsize::new(0));
        let worker = Arc::new(OfWorker { left, count, routes: Mutex::default() });
        Arc::new(Self { worker, route: None, always: 0 })
    }

    /// What a route may hold of it. It may hold one body of this size if that is left, whatever is left then. If its
    /// component is replaced, what the old requests hold counts too.
    pub(crate) fn of_route(&self, path: &str, body_bytes: u64) -> Arc<Self> {
        let mut routes = self.worker.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.retain(|route| route.strong_count() > 0);
        let known = routes.iter().filter_map(Weak::upgrade).find(|route| route.path == path);
        let route = known.unwrap_or_else(|| {
            let (worker, path) = (Arc::clone(&self.worker), path.to_owned());
            worker.count.fetch_add(1, Relaxed);
            let route = Arc::new(OfRoute { worker, path, used: AtomicU64::new(0) });
            routes.push(Arc::downgrade(&route));
            route
        });
        let worker = Arc::clone(&self.worker);
        Arc::new(Self { worker, route: Some(route), always: body_bytes })
    }

    /// Changes a reservation. False if too little is left.
    fn change(&self, before: u64, after: u64) -> bool {
        let Some(left) = (self.worker.left.load(Relaxed) + before).checked_sub(after) else {
            return false;
        };
        if let Some(route) = &self.route {
            let used = route.used.load(Relaxed) - before + after;
            let has_others = self.worker.count.load(Relaxed) > 1;
            if has_others && after > before && used > left.max(self.always) {
                return false;
            }
            route.used.store(used, Relaxed);
        }
        self.worker.left.store(left, Relaxed);
        true
    }

    /// A reservation of zero bytes.
    pub(crate) fn part(self: &Arc<Self>) -> Reserved {
        Reserved { budget: Arc::clone(self), bytes: 0 }
    }

    /// Reserves memory for these bytes until the last of them has been sent. None if too little is
    /// left.
    pub(crate) fn hold<B>(self: &Arc<Self>, bytes: B) -> Option<Bytes>
    where
        B: AsRef<[u8]> + Send + 'static,
    {
        let len = bytes.as_ref().len();
        if len == 0 {
            return Some(Bytes::new());
        }
        let mut reserved = self.part();
        let fits = reserved.resize(len as u64);
        fits.then(|| Bytes::from_owner(Held { bytes, _reserved: reserved }))
    }
}

impl Reserved {
    /// How many bytes are reserved.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Changes the reservation to this many bytes. False if too little is left.
    #[must_use]
    pub(crate) fn resize(&mut self, bytes: u64) -> bool {
        let fits = self.budget.change(self.bytes, bytes);
        if fits {
            self.bytes = bytes;
        }
        fits
    }
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Held<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.budget.change(self.bytes, 0);
    }
}

impl Drop for OfRoute {
    fn drop(&mut self) {
        self.worker.count.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_comes_back() {
        let budget = BodyBudget::new(10);
        let (mut first, mut second) = (budget.part(), budget.part());
        assert!(first.resize(6) && !second.resize(5));
        assert!(first.resize(2) && second.resize(5));
        let rest = budget.hold(vec![0; 3]).unwrap();
        assert!(budget.hold(vec![0; 1]).is_none());
        assert!(!first.resize(3) && first.resize(1));
        drop((first, second, rest.slice(1..)));
        assert!(!budget.part().resize(10), "a slice of the bytes keeps the reservation");
        drop(rest);
        assert!(budget.part().resize(10));
    }

    #[test]
    fn a_route_leaves_memory_to_others() {
        let worker = BodyBudget::new(100);
        let one = worker.of_route("/one", 10);
        assert!(one.part().resize(100), "it is alone");
        let other = worker.of_route("/", 10);
        let mut held = one.part();
        assert!(held.resize(50) && !held.resize(51) && !one.part().resize(1));
        let mut of_other = other.part();
        assert!(of_other.resize(25) && !of_other.resize(26));
        assert!(!held.resize(51) && held.resize(49), "what is less is always allowed");
        drop(held);
        assert!(of_other.resize(50));
        let (mut first, mut second) = (one.part(), one.part());
        assert!(first.resize(25) && !first.resize(26));
        // Little is left, but there is room for one body.
        let mut third = worker.part();
        assert!(first.resize(0) && third.resize(40) && first.resize(10) && !second.resize(1));
        drop((first, second, third, of_other));
        drop(other);
        assert!(one.part().resize(100));
    }

    #[test]
    fn a_route_that_is_replaced_is_one_route() {
        let worker = BodyBudget::new(100);
        let old = worker.of_route("/", 10);
        let (new, mut held) = (worker.of_route("/", 10), old.part());
        assert!(held.resize(90) && new.part().resize(10), "it is alone");
        assert!(held.resize(40));
        let _other = worker.of_route("/other", 10);
        assert!(!new.part().resize(20), "with what the old requests hold it would be 60 of 100");
        drop((old, held));
        assert!(new.part().resize(50));
    }
}
