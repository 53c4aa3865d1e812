//! The memory of one worker for request and response bodies, with a fixed limit. Accounting
//! allocates nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;

/// How many bytes of request and response bodies a worker may hold. Only one thread uses it. It is
/// atomic because hyper keeps bodies in [`Bytes`], which must be `Send`.
#[derive(Debug)]
pub(crate) struct BodyBudget {
    left: AtomicU64,
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
    pub(crate) fn new(bytes: u64) -> Arc<Self> {
        Arc::new(Self { left: AtomicU64::new(bytes) })
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
        let own = self.bytes;
        let change = |left: u64| (left + own).checked_sub(bytes);
        let fits = self.budget.left.fetch_update(Relaxed, Relaxed, change).is_ok();
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
        self.budget.left.fetch_add(self.bytes, Relaxed);
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
}
