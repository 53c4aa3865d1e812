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

use crate::component::Source;
use crate::config::Config;
use crate::engine::{FIBER_STACK_BYTES, Profile};
use crate::guest::HANDLES_BYTES_MAX;
use crate::units::Size;

/// What all instances and the host may take at most, term by term.
#[derive(Debug, PartialEq)]
pub(crate) struct ProcessContract {
    workers: u64,
    routes: Vec<Term>,
    host: Size,
}

/// What the instances of one route take.
#[derive(Debug, PartialEq)]
struct Term {
    path: String,
    slots: u64,
    memory: Size,
    /// Native stacks of an instance.
    stacks: u64,
    /// What an instance can make the host hold for it.
    handles: Size,
}

impl ProcessContract {
    /// The terms, from a configuration: as if its components were processors that import nothing, of which
    /// none takes less.
    #[must_use]
    pub(crate) fn new(config: &Config) -> Self {
        let routes = config.routes.iter().map(|route| Term {
            path: route.path.clone(),
            slots: route.slots as u64,
            memory: route.limits.memory,
            stacks: Profile::Lean.stacks().into(),
            handles: Size(0),
        });
        Self {
            workers: config.workers as u64,
            routes: routes.collect(),
            host: config.limits.host_memory,
        }
    }

    /// The terms, once it is known what the components of the routes are.
    #[must_use]
    pub(crate) fn with(mut self, sources: &[Source]) -> Self {
        for (term, source) in self.routes.iter_mut().zip(sources) {
            term.stacks = source.profile().stacks().into();
            let imports = !source.outline.imports.is_empty();
            term.handles = Size(if imports { HANDLES_BYTES_MAX } else { 0 });
        }
        self
    }

    /// The sum. A spare per worker and route lets a replacement be warm before the old one leaves.
    #[must_use]
    pub(crate) fn sum(&self) -> Size {
        let instances = self.routes.iter().map(|term| {
            let stacks = term.stacks * FIBER_STACK_BYTES as u64;
            self.workers * (term.slots + 1) * (term.memory.0 + stacks + term.handles.0)
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
        for Term { path, slots, memory, stacks, handles } in &self.routes {
            let (workers, stack) = (self.workers, Size(stacks * FIBER_STACK_BYTES as u64));
            write!(f, "{workers} workers x ({slots} slots + 1 spare) x ({memory} + {stack} stack")?;
            if handles.0 > 0 {
                write!(f, " + {handles} handles")?;
            }
            write!(f, ") for {path}, ")?;
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

    fn term(path: &str, slots: u64, memory: u64, [stacks, handles]: [u64; 2]) -> Term {
        let mebibytes = |count: u64| Size(count << 20);
        let (memory, handles) = (mebibytes(memory), mebibytes(handles));
        Term { path: path.into(), slots, memory, stacks, handles }
    }

    #[test]
    fn the_sum_is_what_its_terms_say() {
        let contract = ProcessContract {
            workers: 2,
            routes: vec![term("/", 4, 16, [1, 0]), term("/b", 1, 1, [4, 32])],
            host: Size(256 << 20),
        };
        let sum = (2 * 5 * (16 + 2) + 2 * 2 * (1 + 4 * 2 + 32) + 256) << 20;
        assert_eq!(contract.sum(), Size(sum));
        assert_eq!(contract.check(Size(sum)), Ok(()));
        let sentence = contract.check(Size(sum - 1)).unwrap_err();
        let parts = ["(4 slots + 1 spare) x (16MiB + 2MiB stack) for /,", "lower memory"];
        assert!(parts.iter().all(|part| sentence.contains(part)), "{sentence}");
        assert!(sentence.contains("(1MiB + 8MiB stack + 32MiB handles) for /b,"), "{sentence}");
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
