//! Checks that all instances and the host fit into memory. This happens before anything is started,
//! and before a route is replaced.
//!
//! The host's own part is `host-memory`. Half of it is for bodies, which are counted as they arrive. The other half
//! is for connections: `connections` cannot be more than fit into it.

use std::fmt;

use sysinfo::{MemoryRefreshKind, ProcessesToUpdate, RefreshKind, System};

use crate::config::file::Config;
use crate::config::route::RouteConfig;
use crate::config::units::Size;
use crate::runtime::engine::{EngineKind, FIBER_STACK_BYTES};
use crate::runtime::load::Source;

/// The maximum memory of all instances and the host, term by term.
#[derive(Debug, PartialEq)]
pub(crate) struct MemoryPlan {
    workers: u64,
    routes: Vec<Term>,
    host: Size,
}

/// The memory of the instances of one route.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Term {
    path: String,
    counted: Counted,
    slots: u64,
    memory: Size,
    /// The number of native stacks of an instance.
    stacks: u64,
    /// The maximum memory behind the handles of an instance.
    handles: Size,
}

/// Why the instances of a route are counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Counted {
    /// They serve, or will serve.
    Serving,
    /// They serve until others are warm.
    UntilReplaced,
    /// They were replaced, and a request that began before has them still.
    Replaced,
}

impl Term {
    /// The memory of a route. Before its component is known, it is counted as a processor without imports, which needs
    /// the least.
    pub(crate) fn new(route: &RouteConfig, source: Option<&Source>) -> Self {
        let kind = source.map_or(EngineKind::Sync, Source::engine_kind);
        let imports = source.is_some_and(|source| !source.needs.imports.is_empty());
        Self {
            path: route.path.clone(),
            counted: Counted::Serving,
            slots: route.slots as u64,
            memory: route.limits.memory,
            stacks: kind.stacks().into(),
            handles: if imports { route.limits.handles_bytes() } else { Size(0) },
        }
    }

    /// The path of the route.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The same, counted for another reason.
    pub(crate) fn counted(self, counted: Counted) -> Self {
        Self { counted, ..self }
    }
}

impl MemoryPlan {
    /// The terms of a configuration, before its components are known.
    #[must_use]
    pub(crate) fn new(config: &Config) -> Self {
        Self::of(config, config.routes.iter().map(|route| Term::new(route, None)).collect())
    }

    /// The plan of a server with these routes.
    #[must_use]
    pub(crate) fn of(config: &Config, routes: Vec<Term>) -> Self {
        Self { workers: config.workers as u64, routes, host: config.limits.host_memory }
    }

    /// The sum. It includes one spare instance per worker and route, so that a replacement can be
    /// warm before the old instance is dropped.
    #[must_use]
    pub(crate) fn sum(&self) -> Size {
        let instances = self.routes.iter().map(|term| {
            let stacks = term.stacks * FIBER_STACK_BYTES as u64;
            let instance = term.memory.0.saturating_add(stacks).saturating_add(term.handles.0);
            instance.saturating_mul(self.workers * (term.slots + 1))
        });
        Size(instances.fold(self.host.0, u64::saturating_add))
    }

    /// The sum in whole mebibytes.
    fn needs(&self) -> String {
        mebibytes(self.sum())
    }

    /// Compares the sum with the available memory.
    ///
    /// # Errors
    ///
    /// If it does not fit. The message contains the terms of the sum.
    pub(crate) fn check(&self, available: Size) -> Result<(), String> {
        if self.sum() <= available {
            return Ok(());
        }
        Err(format!(
            "the memory settings need {self}, but the machine or cgroup has {}; lower memory, slots, \
             workers or host-memory",
            mebibytes(available)
        ))
    }
}

/// Checks that routes can be replaced. During that there is `both`, and `after` is what stays.
///
/// # Errors
///
/// If it does not fit. The message contains the terms of the sum.
pub(crate) fn check_replacement(
    both: &MemoryPlan,
    after: &MemoryPlan,
    available: Size,
) -> Result<(), String> {
    let Err(sentence) = both.check(available) else { return Ok(()) };
    after.check(available)?;
    Err(format!("{sentence}, or restart the server, which then needs {} alone", after.needs()))
}

impl fmt::Display for MemoryPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Term { path, counted, slots, memory, stacks, handles } in &self.routes {
            let (workers, stack) = (self.workers, Size(stacks * FIBER_STACK_BYTES as u64));
            write!(f, "{workers} workers x ({slots} slots + 1 spare) x ({memory} + {stack} stack")?;
            if handles.0 > 0 {
                write!(f, " + {handles} handles")?;
            }
            let why = match counted {
                Counted::Serving => "",
                Counted::UntilReplaced => " until it is replaced",
                Counted::Replaced => " as it was before, for requests in progress",
            };
            write!(f, ") for {path}{why}, ")?;
        }
        write!(f, "and {} for the host: {} in all", self.host, self.needs())
    }
}

/// A size in whole mebibytes, rounded up, because sums are rarely round.
fn mebibytes(size: Size) -> String {
    format!("{}MiB", size.0.div_ceil(1 << 20))
}

/// The memory that this process may use: the minimum of the machine's memory, the limit of its
/// cgroup and the limit of the root cgroup. In a container, the visible root cgroup is that of the
/// container.
///
/// # Errors
///
/// If the operating system does not report it.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn term(path: &str, slots: u64, memory: u64, [stacks, handles]: [u64; 2]) -> Term {
        let mebibytes = |count: u64| Size(count << 20);
        let (memory, handles) = (mebibytes(memory), mebibytes(handles));
        Term { path: path.into(), counted: Counted::Serving, slots, memory, stacks, handles }
    }

    #[test]
    fn the_sum_is_that_of_its_terms() {
        let plan = MemoryPlan {
            workers: 2,
            routes: vec![term("/", 4, 16, [1, 0]), term("/b", 1, 1, [4, 32])],
            host: Size(256 << 20),
        };
        let sum = (2 * 5 * (16 + 2) + 2 * 2 * (1 + 4 * 2 + 32) + 256) << 20;
        assert_eq!(plan.sum(), Size(sum));
        assert_eq!(plan.check(Size(sum)), Ok(()));
        let sentence = plan.check(Size(sum - 1)).unwrap_err();
        let parts = ["(4 slots + 1 spare) x (16MiB + 2MiB stack) for /,", "lower memory"];
        assert!(parts.iter().all(|part| sentence.contains(part)), "{sentence}");
        assert!(sentence.contains("(1MiB + 8MiB stack + 32MiB handles) for /b,"), "{sentence}");
    }

    #[test]
    fn a_replacement_needs_memory_for_both() {
        let plan = |routes| MemoryPlan { workers: 1, routes, host: Size(0) };
        let old = || term("/", 1, 14, [1, 0]).counted(Counted::UntilReplaced);
        let new = || term("/", 1, 30, [1, 0]);
        let before = || term("/", 1, 6, [1, 0]).counted(Counted::Replaced);
        let both = plan(vec![before(), old(), new()]);
        let check = |available: u64| check_replacement(&both, &plan(vec![new()]), Size(available));
        let (sum, alone) = ((2 * (8 + 16 + 32)) << 20, (2 * 32) << 20);
        assert_eq!(check(sum), Ok(()));
        let sentence = check(sum - 1).unwrap_err();
        for part in [
            "for / as it was before, for requests in progress,",
            "for / until it is replaced,",
            "112MiB in all",
            "or restart the server, which then needs 64MiB alone",
        ] {
            assert!(sentence.contains(part), "{sentence}");
        }
        let sentence = check(alone - 1).unwrap_err();
        assert!(sentence.contains("64MiB in all") && !sentence.contains("restart"), "{sentence}");
    }
}
