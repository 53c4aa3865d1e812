//! The engines of the process: how guests are compiled, and where their memories come from.
//!
//! Memories come from a pool that is reserved once, when the routes are loaded. Each of its slots has
//! the size of the largest memory of any of these routes. A route that is replaced later gets a new
//! engine with a pool of its own. Features that no guest needs (threads, 64-bit memories) are
//! switched off. Features that make every call slower are on only where a component needs them
//! ([`EngineKind`]).

use std::fmt;
use std::fs::DirBuilder;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use wasmtime::{
    CacheConfig, Collector, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
};

use crate::config::isolation::{Cache, Cpu};
use crate::config::limits::PAGE_BYTES;
use crate::config::units::Size;
use crate::runtime::memory::TABLE_ENTRIES_MAX;

/// The native stack of a call, for guest frames and host frames. Only pages that are touched use
/// memory.
pub(crate) const FIBER_STACK_BYTES: usize = 2 << 20;
/// The part of it for guest frames. A guest that needs more traps.
const GUEST_STACK_BYTES: usize = 1 << 20;
/// How much of a memory, and of a table, an instance leaves to the next one. Writing more of it back costs more than
/// new pages of the system.
const KEPT_MEMORY_BYTES: usize = 256 << 10;
const KEPT_TABLE_BYTES: usize = 64 << 10;

/// Which features of WebAssembly an engine supports. Routes that are loaded together share engines (`server/engines`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EngineKind {
    /// What processors and `wasi:http` 0.2 need. Calls are the fastest.
    Sync,
    /// Adds asynchronous functions, streams and futures of the component model, and
    /// garbage-collected heaps.
    Async,
}

impl EngineKind {
    /// How many native stacks an instance may use at once. Each call has one, which wasmtime keeps for the next call of the
    /// instance, and asynchronous tasks that wait inside a synchronous call keep theirs.
    pub(crate) fn stacks(self) -> u32 {
        match self {
            Self::Sync => 1,
            Self::Async => 4,
        }
    }
}

/// The size of an engine's pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolSize {
    /// The number of instances, including spares.
    pub instances: u32,
    /// The largest number of linear memories of an instance.
    pub memories: u32,
    /// The largest memory of an instance.
    pub memory: Size,
    /// The smallest maximum of a garbage-collected heap, if an instance needs such a heap.
    pub heap_room: Option<Size>,
    /// Whether an instance that ends leaves its pages to the next one, written back to what they were at its start,
    /// and not to the system. New instances cost much less then. Only for a system that [cannot
    /// swap](crate::runtime::swap).
    pub keeps_pages: bool,
}

/// The target of this binary, for which components are compiled.
pub(crate) const TARGET: &str = env!("TARGET");

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
    let mut config = config(kind, pool);
    config.cache(cache);
    new(&config, pool)
}

/// Makes an engine that compiles for these CPUs, and runs what it compiles here too.
///
/// # Errors
///
/// If the pool cannot be reserved.
pub(crate) fn compiling_engine(kind: EngineKind, pool: PoolSize, cpu: Cpu) -> Result<Engine> {
    let mut config = config(kind, pool);
    if cpu == Cpu::Baseline {
        // A target that is named has nothing of this machine's CPU, even if it is the same.
        let named = config.target(TARGET).map(|_| ());
        named.map_err(|error| anyhow!("cannot compile for {TARGET}: {error:#}"))?;
    }
    new(&config, pool)
}

/// What two engines have in common if one can run what the other has compiled, but for the CPU: a hash of everything that
/// the compiler of such an engine depends on.
///
/// # Errors
///
/// If the engine cannot be made.
pub(crate) fn fingerprint(kind: EngineKind, heap_room: Option<Size>) -> Result<String> {
    // The pool does not matter, but must have room for a heap.
    let memory = heap_room.unwrap_or(Size(PAGE_BYTES)).max(Size(PAGE_BYTES));
    let pool = PoolSize { instances: 1, memories: 1, memory, heap_room, keeps_pages: false };
    let engine = compiling_engine(kind, pool, Cpu::Baseline)?;
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

fn new(config: &wasmtime::Config, pool: PoolSize) -> Result<Engine> {
    Engine::new(config).map_err(|error| {
        anyhow!(
            "cannot reserve a pool of {} instances x {}: {error:#}; lower slots or memory",
            pool.instances,
            pool.memory
        )
    })
}

fn config(kind: EngineKind, pool: PoolSize) -> wasmtime::Config {
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
        config.gc_heap_initial_size(heap_initial_size(room).0);
    }
    config.wasm_memory64(false);
    // In a composed component, wasmtime copies data from one component's memory to another's.
    config.wasm_multi_memory(true);
    // Backtraces are for the operator's log. A client never sees them.
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(32));
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(kind, pool)));
    config
}

/// The initial size of a heap, which is compiled in. A heap doubles when it grows, and a step beyond the instance's
/// memory is refused. With this initial size, the last allowed step uses almost all of the room.
pub(crate) fn heap_initial_size(room: Size) -> Size {
    const DOUBLINGS: u32 = 4;
    Size((room.0 >> DOUBLINGS) / PAGE_BYTES * PAGE_BYTES)
}

/// Whether the kernel can tell which pages were written. Otherwise all that is kept would have to be written back.
pub(crate) fn can_keep_pages() -> bool {
    PoolingAllocationConfig::is_pagemap_scan_available()
}

fn pooling(kind: EngineKind, pool: PoolSize) -> PoolingAllocationConfig {
    // A component of a compiled language has one module and some shims. An interpreter with
    // libraries has dozens.
    const CORE_INSTANCES_PER_COMPONENT: u32 = 64;
    const TABLES_PER_COMPONENT: u32 = 16;
    // A heap takes one more memory of the pool, beside the linear memories.
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
        .max_tables_per_module(TABLES_PER_COMPONENT)
        .max_memories_per_module(pool.memories)
        .table_elements(TABLE_ENTRIES_MAX)
        .total_stacks(pool.instances * kind.stacks())
        .max_unused_warm_slots(pool.instances);
    if pool.keeps_pages {
        pooling
            .linear_memory_keep_resident(KEPT_MEMORY_BYTES)
            .table_keep_resident(KEPT_TABLE_BYTES)
            .pagemap_scan(Enabled::Yes);
    }
    pooling
}

/// Opens wasmtime's cache of compiled components. Its keys contain the component's content and the
/// compiler's settings and version, so a stale entry is never used. Entries are executed, so no
/// other user may be able to write to the directory.
///
/// If the default directory cannot be used, for example because the root is read-only, this logs a
/// warning and the server runs without a cache.
///
/// # Errors
///
/// If a directory was configured and cannot be used.
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
            None => Err(anyhow!("no cache directory: HOME and XDG_CACHE_HOME are unset")),
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
    let refused = |what: &dyn fmt::Display| {
        anyhow!("cannot use the cache directory {}: {what}", directory.display())
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| refused(&error))?;
    let found = std::fs::metadata(directory).map_err(|error| refused(&error))?;
    if found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
        return Err(refused(&"other users can write to it, and its content is executed"));
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
