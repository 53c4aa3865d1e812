//! Memory for request and response bodies of one worker, with a fixed limit. Counting allocates nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;

/// Bytes of bodies that a worker may hold, requests' and responses' together. One thread uses it;
/// it is atomic because hyper keeps what it sends in [`Bytes`], which may be sent to another.
#[derive(Debug)]
pub(crate) struct BodyBudget {
    left: AtomicU64,
}

/// Bytes of the budget that are in use. Given back when this is dropped.
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

    /// A part of the budget, empty so far.
    pub(crate) fn part(self: &Arc<Self>) -> Reserved {
        Reserved { budget: Arc::clone(self), bytes: 0 }
    }

    /// Counts bytes until the last of them has been sent, if there is room for them.
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
    /// Makes this as large as what it stands for, or says that there is too little left.
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
        assert!(!budget.part().resize(10), "the bytes that are left hold their part");
        drop(rest);
        assert!(budget.part().resize(10));
    }
}
