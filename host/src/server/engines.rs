//! The engines of routes that are loaded together.

use std::sync::Arc;

use anyhow::Result;

use crate::config::units::Size;
use crate::runtime::clock::{Clock, Driven};
use crate::runtime::engine::{self, EngineKind, PoolSize, heap_initial_size};
use crate::server::change::Change;

/// The engines that these routes need, each for all that can share it.
pub(super) struct Engines {
    keeps_pages: bool,
    engines: Vec<(Key, Driven)>,
}

/// What routes that share an engine have in common. All but the pages is compiled into their code, so it depends on no
/// other route.
#[derive(Clone, Copy, PartialEq)]
struct Key {
    kind: EngineKind,
    keeps_pages: bool,
    heap_initial_size: Option<Size>,
}

impl Engines {
    /// Makes those that these routes need.
    ///
    /// # Errors
    ///
    /// If a pool cannot be reserved.
    pub(super) fn new(
        changes: &[Arc<Change>],
        workers: usize,
        keeps_pages: bool,
        cache: Option<wasmtime::Cache>,
        clock: &Clock,
    ) -> Result<Self> {
        let mut made = Self { keeps_pages, engines: Vec::new() };
        for change in changes {
            let key = made.key(change);
            if made.engines.iter().any(|(other, _)| *other == key) {
                continue;
            }
            let sharing: Vec<_> = changes.iter().filter(|change| made.key(change) == key).collect();
            let size = pool_size(&sharing, workers, key.keeps_pages);
            let engine = engine::engine(key.kind, size, cache.clone())?;
            made.engines.push((key, clock.drive(engine)));
        }
        Ok(made)
    }

    /// The engine of a route.
    pub(super) fn of(&self, change: &Change) -> &Driven {
        let key = self.key(change);
        let engine = self.engines.iter().find(|(other, _)| *other == key);
        &engine.expect("there is an engine for each route").1
    }

    fn key(&self, change: &Change) -> Key {
        Key {
            kind: change.source.engine_kind(),
            keeps_pages: self.keeps_pages && change.may_keep_pages(),
            heap_initial_size: change.source.needs.heap_room.map(heap_initial_size),
        }
    }
}

/// The size of a pool for these routes.
fn pool_size(routes: &[&Arc<Change>], workers: usize, keeps_pages: bool) -> PoolSize {
    let instances: usize = routes.iter().map(|route| workers * (route.config().slots + 1)).sum();
    let needs = || routes.iter().map(|route| &route.source.needs);
    PoolSize {
        instances: u32::try_from(instances).unwrap_or(u32::MAX),
        memories: needs().map(|needs| needs.memories).max().unwrap_or_default(),
        memory: routes
            .iter()
            .map(|route| route.config().limits.memory)
            .max()
            .expect("an engine has a route"),
        heap_room: needs().filter_map(|needs| needs.heap_room).min(),
        keeps_pages,
    }
}
