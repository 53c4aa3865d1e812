//! The routes that the server has, and how their components are replaced while it serves.
//!
//! The start is the first replacement: a server has no routes before.
//!
//! ```text
//! control thread                  each worker
//! reads, adds up the memory
//! compiles (a thread of its own)
//! Prepare ──────────────────────▶ warms new slots, beside those that serve
//!         ◀────────────────────── "warm", or the reason why not
//! all are warm: install ────────▶ requests get the new slots from now on
//!                                 the old slots end with the last request that has them
//! ```
//!
//! If anything fails before the last step, on any worker, nothing has changed. Until the last request of the old slots
//! has ended, the memory of both is counted.

use std::sync::{Arc, Weak};

use anyhow::{Context as _, Result, anyhow};
use tokio::sync::{Mutex, mpsc, oneshot};
use wasmtime::Engine;

use crate::component::stack::Stack;
use crate::config::file::{Config, RouteConfig};
use crate::pool::route::Route;
use crate::pool::stats::Metrics;
use crate::runtime::engine::{self, Clock, EngineKind, PoolSize};
use crate::runtime::load::Source;
use crate::server::memory_plan::{Counted, MemoryPlan, Term, available_memory, check_replacement};
use crate::server::worker::{Command, Prepare};

/// The routes of a server.
pub(crate) struct Routes {
    /// As the server was started with it.
    config: Config,
    workers: Vec<mpsc::UnboundedSender<Command>>,
    metrics: Metrics,
    cache: Option<wasmtime::Cache>,
    clock: Arc<Clock>,
    /// Held during a replacement: there is one at a time.
    loaded: Mutex<Vec<Loaded>>,
}

/// A route that was loaded. Its memory is in use until the last request that has it has ended.
struct Loaded {
    route: Weak<Route>,
    term: Term,
    is_replaced: bool,
}

/// What a route is to be from now on.
pub(crate) struct Change {
    /// The index of the route.
    index: usize,
    config: RouteConfig,
    source: Source,
}

impl Change {
    /// Reads the component of a route.
    ///
    /// # Errors
    ///
    /// If the component cannot be served. The message names the file, the problem and the remedy.
    pub(crate) fn read(index: usize, config: RouteConfig) -> Result<Arc<Self>> {
        let source = Source::read(&config.component, config.limits.memory, &config.grants)?;
        Ok(Arc::new(Self { index, config, source }))
    }

    /// Whether nothing would change after the other.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.config == other.config && self.source.has_same_bytes(&other.source)
    }

    /// The path of the route.
    pub(crate) fn path(&self) -> &str {
        &self.config.path
    }

    /// The index of the route.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// The memory of its instances.
    pub(crate) fn term(&self) -> Term {
        Term::new(&self.config, Some(&self.source))
    }
}

impl Routes {
    /// A server without any route.
    ///
    /// # Errors
    ///
    /// If the clock or the cache of compiled components cannot be used.
    pub(crate) fn new(
        config: Config,
        workers: Vec<mpsc::UnboundedSender<Command>>,
        metrics: Metrics,
    ) -> Result<Self> {
        let cache = engine::open_cache(&config.cache)?;
        let clock = Clock::start().context("cannot start the clock")?;
        let (clock, loaded) = (Arc::new(clock), Mutex::default());
        Ok(Self { config, workers, metrics, cache, clock, loaded })
    }

    /// Replaces routes, all or none, while the old ones serve. Returns when every worker serves the new ones.
    ///
    /// # Errors
    ///
    /// If the new ones cannot be loaded or configured, or do not fit into memory beside the old ones. The message names
    /// the problem and the remedy, and nothing has changed.
    pub(crate) async fn replace(&self, changes: Vec<Arc<Change>>) -> Result<()> {
        let mut loaded = self.loaded.lock().await;
        loaded.retain(|loaded| loaded.route.strong_count() > 0);
        changes.iter().try_for_each(|change| {
            self.config.check_route(&self.config.routes[change.index], &change.config)
        })?;
        self.check_memory(&loaded, &changes)?;
        let terms: Vec<_> = changes.iter().map(|change| change.term()).collect();
        let routes = self.load(changes).await?;
        self.install(self.warm(&routes).await?).await;
        for (route, term) in routes.into_iter().zip(terms) {
            self.metrics.logs[route.index].limit(route.limits.log_lines);
            let old = loaded.iter_mut().filter(|old| old.term.path() == term.path());
            old.for_each(|old| old.is_replaced = true);
            loaded.push(Loaded { route: Arc::downgrade(&route), term, is_replaced: false });
        }
        let terms = loaded.iter().filter(|loaded| !loaded.is_replaced);
        tracing::info!("memory: {}", self.plan(terms.map(|loaded| loaded.term.clone())));
        Ok(())
    }

    fn plan(&self, terms: impl Iterator<Item = Term>) -> MemoryPlan {
        MemoryPlan::of(&self.config, terms.collect())
    }

    /// Checks that the new instances fit into memory beside the old ones.
    fn check_memory(&self, loaded: &[Loaded], changes: &[Arc<Change>]) -> Result<()> {
        let available = available_memory()?;
        let is_changed =
            |term: &Term| changes.iter().any(|change| change.config.path == term.path());
        let old = loaded.iter().map(|loaded| {
            loaded.term.clone().counted(match loaded.is_replaced {
                true => Counted::Replaced,
                false if is_changed(&loaded.term) => Counted::UntilReplaced,
                false => Counted::Serving,
            })
        });
        let new = || changes.iter().map(|change| change.term());
        let others = loaded
            .iter()
            .filter(|loaded| !loaded.is_replaced && !is_changed(&loaded.term))
            .map(|loaded| loaded.term.clone());
        let (both, after) = (self.plan(old.chain(new())), self.plan(others.chain(new())));
        check_replacement(&both, &after, available).map_err(|sentence| anyhow!(sentence))
    }

    /// Compiles the components, on a thread that serves no requests.
    async fn load(&self, changes: Vec<Arc<Change>>) -> Result<Vec<Arc<Route>>> {
        let (cache, workers, clock) =
            (self.cache.clone(), self.config.workers, Arc::clone(&self.clock));
        let metrics = self.metrics.clone();
        let load = move || {
            let engines = Engines::new(&changes, workers, cache)?;
            engines.0.iter().flatten().for_each(|engine| clock.drive(engine));
            let routes = changes.iter().map(|change| {
                let Change { index, config, source } = &**change;
                if source.has_unguarded_stack() {
                    tracing::warn!(
                        route = config.path,
                        "the component's stack is {}",
                        Stack::AboveData
                    );
                }
                let engine = engines.of(source.engine_kind());
                let log = metrics.logs[*index].clone();
                Route::load(engine, *index, config, source, log).map(Arc::new)
            });
            routes.collect()
        };
        let loaded = tokio::task::spawn_blocking(load).await;
        loaded.map_err(|_| anyhow!("the loading of a component panicked; see the log"))?
    }

    /// Warms slots on every worker. Each sender installs those of a worker; if it is dropped, the worker drops them.
    async fn warm(&self, routes: &[Arc<Route>]) -> Result<Vec<Install>> {
        let ended = || anyhow!("a worker ended before its instances were warm; see the log");
        let mut installs = Vec::with_capacity(self.workers.len());
        let mut warming = Vec::with_capacity(self.workers.len());
        for worker in &self.workers {
            let (warm, warmed) = oneshot::channel();
            let (install, installed) = oneshot::channel();
            let prepare = Prepare { routes: routes.to_vec(), warm, install: installed };
            worker.send(Command::Prepare(prepare)).map_err(|_| ended())?;
            installs.push(install);
            warming.push(warmed);
        }
        let mut result = Ok(installs);
        // Also after a failure, so that nothing of these routes is left when this returns.
        for warmed in warming {
            let warmed = warmed.await.map_err(|_| ended()).flatten();
            result = result.and_then(|installs| warmed.map(|()| installs));
        }
        result
    }

    async fn install(&self, installs: Vec<Install>) {
        let installing = installs.into_iter().map(|install| {
            let (done, is_done) = oneshot::channel();
            // If this fails, the worker has ended, and the server ends.
            let _ = install.send(done);
            is_done
        });
        // All at once, so that the workers differ only for a moment.
        for is_done in installing.collect::<Vec<_>>() {
            let _ = is_done.await;
        }
    }
}

/// Tells a worker to install what it has warmed, and to say when that is done.
type Install = oneshot::Sender<oneshot::Sender<()>>;

/// The engine of each kind that a route needs.
struct Engines([Option<Engine>; 2]);

impl Engines {
    fn new(
        changes: &[Arc<Change>],
        workers: usize,
        cache: Option<wasmtime::Cache>,
    ) -> Result<Self> {
        let make = |kind| {
            let size = pool_size(changes, workers, kind);
            size.map(|size| engine::engine(kind, size, cache.clone())).transpose()
        };
        Ok(Self([make(EngineKind::Sync)?, make(EngineKind::Async)?]))
    }

    fn of(&self, kind: EngineKind) -> &Engine {
        self.0[kind as usize].as_ref().expect("there is an engine for the kind of each route")
    }
}

/// The size of the pool of a kind of engine, if any route needs it.
fn pool_size(changes: &[Arc<Change>], workers: usize, kind: EngineKind) -> Option<PoolSize> {
    let routes: Vec<_> =
        changes.iter().filter(|change| change.source.engine_kind() == kind).collect();
    let instances: usize = routes.iter().map(|route| workers * (route.config.slots + 1)).sum();
    let memories = routes.iter().map(|route| route.source.info.memories.len()).max()?;
    let memory = routes.iter().map(|route| route.config.limits.memory).max()?;
    let heap_room =
        routes.iter().filter_map(|route| route.source.info.heap_room(route.config.limits.memory));
    let heap_room = heap_room.min();
    let [instances, memories] =
        [instances, memories].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    Some(PoolSize { instances, memories, memory, heap_room })
}
