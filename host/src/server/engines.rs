//! The engines of routes that are loaded together.

use std::sync::Arc;

use anyhow::Result;

use crate::runtime::clock::{Clock, Driven};
use crate::runtime::engine::{self, EngineKind, PoolSize};
use crate::server::change::Change;

/// The engine of each kind that a route needs: first those with instances that keep no pages.
pub(super) struct Engines([[Option<Driven>; 2]; 2]);

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
        let make = |kind, keeps| {
            let is_of = |change: &&Arc<Change>| {
                let engine = (change.source.engine_kind(), keeps_pages && change.may_keep_pages());
                engine == (kind, keeps)
            };
            let changes: Vec<_> = changes.iter().filter(is_of).collect();
            let size = pool_size(&changes, workers, keeps);
            let engine = size.map(|size| engine::engine(kind, size, cache.clone())).transpose()?;
            Ok::<_, anyhow::Error>(engine.map(|engine| clock.drive(engine)))
        };
        let both = |keeps| {
            Ok::<_, anyhow::Error>([
                make(EngineKind::Sync, keeps)?,
                make(EngineKind::Async, keeps)?,
            ])
        };
        Ok(Self([both(false)?, both(true)?]))
    }

    /// The engine of a route.
    pub(super) fn of(&self, change: &Change) -> &Driven {
        let kind = change.source.engine_kind() as usize;
        // Those that keep pages are made only if they may.
        let keeps = self.0[1][kind].as_ref().filter(|_| change.may_keep_pages());
        let engine = keeps.or(self.0[0][kind].as_ref());
        engine.expect("there is an engine for the kind of each route")
    }
}

/// The size of a pool for these routes, if there are any.
fn pool_size(routes: &[&Arc<Change>], workers: usize, keeps_pages: bool) -> Option<PoolSize> {
    let instances: usize = routes.iter().map(|route| workers * (route.config().slots + 1)).sum();
    let memories = routes.iter().map(|route| route.source.info.memories.len()).max()?;
    let memory = routes.iter().map(|route| route.config().limits.memory).max()?;
    let heap_room =
        routes.iter().filter_map(|route| route.source.info.heap_room(route.config().limits.memory));
    let heap_room = heap_room.min();
    let [instances, memories] =
        [instances, memories].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    Some(PoolSize { instances, memories, memory, heap_room, keeps_pages })
}
