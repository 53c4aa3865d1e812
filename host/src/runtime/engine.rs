//! The engines of the process: how guests are compiled, where their memories come from, and the
//! clock that interrupts them.
//!
//! Memories come from a pool whose every slot has the size of the largest route's memory, reserved
//! once at start. What a guest could use beyond the contract (threads, 64-bit memories) is switched
//! off, and what costs every call something is on only where a component needs it ([`EngineKind`]).

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, anyhow};
use wasmtime::{
    CacheConfig, Collector, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
};

use crate::config::isolation::Cache;
use crate::config::limits::PAGE_BYTES;
use crate::config::units::Size;
use crate::runtime::memory::TABLE_ENTRIES_MAX;

/// The native stack of a call, guest frames and host frames together. Touched pages only count.
pub(crate) const FIBER_STACK_BYTES: usize = 2 << 20;
/// The part of it that guest frames may use; past it, the guest traps.
const GUEST_STACK_BYTES: usize = 1 << 20;
/// How often a running guest lets others pass, and how precise its deadline is.
const TICK: Duration = Duration::from_millis(1);

/// What of WebAssembly an engine knows. There is at most one engine of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EngineKind {
    /// What processors and `wasi:http` 0.2 need; a call costs the least.
    Sync,
    /// And the component model's asynchronous functions, streams and futures, and garbage-collected
    /// heaps.
    Async,
}

impl EngineKind {
    /// Native stacks that an instance may use at once: a call has one, and asynchronous tasks that wait
    /// inside a synchronous call keep theirs.
    pub(crate) fn stacks(self) -> u32 {
        match self {
            Self::Sync => 1,
            Self::Async => 4,
        }
    }
}

/// What the pool must hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolSize {
    /// Instances at once, spares included.
    pub instances: u32,
    /// The most linear memories of any of them.
    pub memories: u32,
    /// The largest memory of any of them.
    pub memory: Size,
    /// The least that a garbage-collected heap may have in any of them, if one needs such a heap.
    pub heap_room: Option<Size>,
}

/// Makes an engine.
///
/// # Errors
///
/// If the pool cannot be reserved.
pub(crate) fn engine(
    kind: EngineKind,
    pool: PoolSize,
    cache: Option<wasmtime::Cache>,
) -> Result<Engine> {
    let mut config = wasmtime::Config::new();
    let is_async = kind == EngineKind::Async;
    config.concurrency_support(is_async);
    config.wasm_component_model_async(is_async);
    config.epoch_interruption(true);
    config.max_wasm_stack(GUEST_STACK_BYTES);
    config.async_stack_size(FIBER_STACK_BYTES);
    config.gc_support(pool.heap_room.is_some());
    if let Some(room) = pool.heap_room {
        config.wasm_function_references(true);
        config.wasm_gc(true);
        config.collector(Collector::Copying);
        config.gc_heap_initial_size(heap_begin(room).0);
    }
    config.wasm_memory64(false);
    // Where one component is made of several, wasmtime copies from the memory of one into another's.
    config.wasm_multi_memory(true);
    // Names and frames are for the operator's log; a client never sees them.
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(32));
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(kind, pool)));
    config.cache(cache);
    Engine::new(&config).map_err(|error| {
        anyhow!(
            "cannot reserve a pool of {} x {}: {error:#}; lower slots or memory",
            pool.instances,
            pool.memory
        )
    })
}

/// What a heap begins with. It grows by doubling, and a step past the instance's memory is refused
/// whole: from here, the last step that is allowed ends near the end of the room.
fn heap_begin(room: Size) -> Size {
    const DOUBLINGS: u32 = 4;
    Size((room.0 >> DOUBLINGS) / PAGE_BYTES * PAGE_BYTES)
}

fn pooling(kind: EngineKind, pool: PoolSize) -> PoolingAllocationConfig {
    // A compiled language makes one module and some shims, an interpreter with libraries dozens.
    const CORE_INSTANCES_PER_COMPONENT: u32 = 64;
    const TABLES_PER_COMPONENT: u32 = 16;
    // A heap lies in a memory of the pool's, beside the linear ones.
    let heaps = if pool.heap_room.is_some() { pool.instances } else { 0 };
    let mut pooling = PoolingAllocationConfig::new();
    pooling
        .total_component_instances(pool.instances)
        .total_core_instances(pool.instances * CORE_INSTANCES_PER_COMPONENT)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .total_memories(pool.instances * pool.memories + heaps)
        .total_gc_heaps(heaps)
        .max_memories_per_component(pool.memories)
        .max_memory_size(pool.memory.bytes())
        .total_tables(pool.instances * TABLES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .table_elements(TABLE_ENTRIES_MAX)
        .total_stacks(pool.instances * kind.stacks())
        .max_unused_warm_slots(pool.instances);
    pooling
}

/// Opens wasmtime's own cache: keyed by the component's content, the compiler's settings and its version,
/// so what is stale is never found. What is found is run: hence nobody else may write there.
///
/// A server without a home or with a read-only root has no cache of its own accord: it starts without
/// one, after a warning.
///
/// # Errors
///
/// If the operator named a directory and it cannot be used.
pub(crate) fn open_cache(cache: &Cache) -> Result<Option<wasmtime::Cache>> {
    let opened = match cache {
        Cache::Off => return Ok(None),
        Cache::Directory(directory) => {
            return open_directory(&std::path::absolute(directory)?)
                .map(Some)
                .map_err(|error| anyhow!("{error}; choose another --cache or off"));
        }
        Cache::User => match user_cache() {
            Some(directory) => open_directory(&directory),
            None => Err(anyhow!("there is no cache directory: HOME and XDG_CACHE_HOME are unset")),
        },
    };
    match opened {
        Ok(cache) => Ok(Some(cache)),
        Err(error) => {
            tracing::warn!(
                "{error}; components are compiled at every start; set --cache to a directory or off"
            );
            Ok(None)
        }
    }
}

fn open_directory(directory: &Path) -> Result<wasmtime::Cache> {
    let refused = |what: &dyn std::fmt::Display| {
        anyhow!("cannot use the cache directory {}: {what}", directory.display())
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| refused(&error))?;
    let found = std::fs::metadata(directory).map_err(|error| refused(&error))?;
    if found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
        return Err(refused(&"others can write to it, and what it holds is run"));
    }
    let mut config = CacheConfig::new();
    config.with_directory(directory);
    wasmtime::Cache::new(config).map_err(|error| refused(&error))
}

fn user_cache() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let from_home = || Some(folder("HOME")?.join(".cache"));
    Some(folder("XDG_CACHE_HOME").or_else(from_home)?.join("arenaria"))
}

/// A thread of its own that advances the epoch of every engine. It is no task of a runtime, so a guest
/// that holds a worker cannot hold it.
#[derive(Debug)]
pub(crate) struct Clock {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Clock {
    /// Starts the clock.
    ///
    /// # Errors
    ///
    /// If no thread can be had.
    pub(crate) fn start(engines: &[Engine]) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (engines, stopped) = (engines.to_vec(), Arc::clone(&stop));
        let thread = std::thread::Builder::new().name("clock".into()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(TICK);
                engines.iter().for_each(Engine::increment_epoch);
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It can only have ended by itself if it panicked, which sleeping and counting do not.
            let _ = thread.join();
        }
    }
}
