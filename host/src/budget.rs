//! Does it fit? The arithmetic of memory, before anything is started and while bodies travel.
//!
//! Two sums, both with a hard end: what instances and host may take in all (checked once, at
//! start) and what bodies on their way may take (checked per request). Neither allocates.
//!
//! Not counted one by one are hyper's buffers, at most twice `request-head` or 64 KiB a connection:
//! the other half of `host-memory` is for them, so `connections` should not be set beyond what it holds.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;

use sysinfo::{MemoryRefreshKind, ProcessesToUpdate, RefreshKind, System};

use crate::config::Config;
use crate::engine::FIBER_STACK_BYTES;
use crate::units::Size;

/// What all instances and the host may take at most, term by term.
#[derive(Debug, PartialEq)]
pub(crate) struct ProcessContract {
    workers: u64,
    /// Per route: its path, slots and the memory of one instance.
    routes: Vec<(String, u64, Size)>,
    host: Size,
}

impl ProcessContract {
    /// The terms, from a configuration.
    #[must_use]
    pub(crate) fn new(config: &Config) -> Self {
        let routes = config.routes.iter();
        Self {
            workers: config.workers as u64,
            routes: routes
                .map(|route| (route.path.clone(), route.slots as u64, route.limits.memory))
                .collect(),
            host: config.limits.host_memory,
        }
    }

    /// The sum. A spare per worker and route lets a replacement be warm before the old one leaves.
    #[must_use]
    pub(crate) fn sum(&self) -> Size {
        let instances = self.routes.iter().map(|(_, slots, memory)| {
            self.workers * (slots + 1) * (memory.0 + FIBER_STACK_BYTES as u64)
        });
        Size(instances.sum::<u64>().saturating_add(self.host.0))
    }

    /// Compares the sum with what there is.
    ///
    /// # Errors
    ///
    /// The arithmetic, if it does not fit.
    pub(crate) fn check(&self, available: Size) -> Result<(), String> {
        if self.sum() <= available {
            return Ok(());
        }
        Err(format!(
            "the memory settings need {self} but the machine or cgroup has {}; lower memory, slots, \
             workers or host-memory",
            mebibytes(available)
        ))
    }
}

impl fmt::Display for ProcessContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stack = Size(FIBER_STACK_BYTES as u64);
        for (path, slots, memory) in &self.routes {
            let workers = self.workers;
            write!(
                f,
                "{workers} workers x ({slots} slots + 1 spare) x ({memory} + {stack} stack) for {path}, "
            )?;
        }
        write!(f, "and {} for the host: {} in all", self.host, mebibytes(self.sum()))
    }
}

/// Sums are rarely round: whole mebibytes are near enough for a reader.
fn mebibytes(size: Size) -> String {
    format!("{}MiB", size.0.div_ceil(1 << 20))
}

/// What this process may use: the least of the machine's memory and the limits of its cgroup and of
/// the root cgroup that it sees, which in a container is the container's.
///
/// # Errors
///
/// If the system does not say.
pub(crate) fn available_memory() -> anyhow::Result<Size> {
    let memory = MemoryRefreshKind::nothing().with_ram();
    let mut system = System::new_with_specifics(RefreshKind::nothing().with_memory(memory))?;
    let this = sysinfo::get_current_pid().map_err(|what| anyhow::anyhow!(what))?;
    system.refresh_processes(ProcessesToUpdate::Some(&[this]), false);
    let own = system.process(this).and_then(sysinfo::Process::cgroup_limits);
    let limits =
        [own, system.cgroup_limits()].into_iter().flatten().map(|limits| limits.total_memory);
    Ok(Size(limits.fold(system.total_memory(), u64::min)))
}

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
    fn the_sum_is_what_its_terms_say() {
        let contract = ProcessContract {
            workers: 2,
            routes: vec![("/".into(), 4, Size(16 << 20)), ("/b".into(), 1, Size(1 << 20))],
            host: Size(256 << 20),
        };
        let stack = FIBER_STACK_BYTES as u64;
        let sum = 2 * 5 * ((16 << 20) + stack) + 2 * 2 * ((1 << 20) + stack) + (256 << 20);
        assert_eq!(contract.sum(), Size(sum));
        assert_eq!(contract.check(Size(sum)), Ok(()));
        let sentence = contract.check(Size(sum - 1)).unwrap_err();
        assert!(sentence.contains("(4 slots + 1 spare)") && sentence.contains("lower memory"));
    }

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
