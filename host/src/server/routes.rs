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
//!
//! With `keep-pages`, instances leave their pages to the next ones while the system [cannot
//! swap](crate::runtime::swap). If that changes, their routes are replaced by the same ones that do not.

use std::convert::Infallible;
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::component::stack::Stack;
use crate::config::file::{Config, RouteConfig};
use crate::pool::route::Route;
use crate::pool::stats::Metrics;
use crate::runtime::clock::{Clock, Driven};
use crate::runtime::engine::{self, EngineKind, PoolSize};
use crate::runtime::load::Source;
use crate::runtime::swap::Swap;
use crate::server::memory_plan::{Counted, MemoryPlan, Term, available_memory, check_replacement};
use crate::server::worker::{Command, Prepare};

/// How often the system is asked whether it could swap.
const SWAP_CHECK: Duration = Duration::from_secs(1);

/// The routes of a server.
pub(crate) struct Routes {
    /// As the server was started with it.
    config: Config,
    workers: Vec<mpsc::UnboundedSender<Command>>,
    metrics: Metrics,
    cache: Option<wasmtime::Cache>,
    clock: Arc<Clock>,
    swap: Swap,
    /// Held during a replacement: there is one at a time.
    loaded: Mutex<Vec<Loaded>>,
}

/// A route that was loaded. Its memory is in use until the last request that has it has ended.
struct Loaded {
    route: Weak<Route>,
    term: Term,
    /// If its instances leave their pages to the next ones: what it was made of, to replace it.
    keeps_pages: Option<Arc<Change>>,
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

    /// Whether an instance may leave its pages to the next one.
    fn may_keep_pages(&self) -> bool {
        self.config.keep_pages
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
        let (clock, swap, loaded) = (Arc::new(clock), Swap::of_system(), Mutex::default());
        Ok(Self { config, workers, metrics, cache, clock, swap, loaded })
    }

    /// Replaces routes, all or none, while the old ones serve. Returns when every worker serves the new ones.
    ///
    /// # Errors
    ///
    /// If the new ones cannot be loaded or configured, or do not fit into memory beside the old ones. The message names
    /// the problem and the remedy, and nothing has changed.
    pub(crate) async fn replace(&self, changes: Vec<Arc<Change>>) -> Result<()> {
        self.replace_locked(&mut *self.loaded.lock().await, changes).await
    }

    async fn replace_locked(
        &self,
        loaded: &mut Vec<Loaded>,
        changes: Vec<Arc<Change>>,
    ) -> Result<()> {
        loaded.retain(|loaded| loaded.route.strong_count() > 0);
        changes.iter().try_for_each(|change| {
            self.config.check_route(&self.config.routes[change.index], &change.config)
        })?;
        self.check_memory(loaded, &changes)?;
        let keeps_pages = self.keeps_pages(&changes);
        let routes = self.load(changes.clone(), keeps_pages).await?;
        self.install(self.warm(&routes).await?).await;
        for (route, change) in routes.into_iter().zip(changes) {
            let term = change.term();
            self.metrics.logs[route.index].limit(route.limits.log_lines);
            let old = loaded.iter_mut().filter(|old| old.term.path() == term.path());
            old.for_each(|old| old.is_replaced = true);
            let keeps_pages = (keeps_pages && change.may_keep_pages()).then_some(change);
            let (route, is_replaced) = (Arc::downgrade(&route), false);
            loaded.push(Loaded { route, term, keeps_pages, is_replaced });
        }
        let terms = loaded.iter().filter(|loaded| !loaded.is_replaced);
        tracing::info!("memory: {}", self.plan(terms.map(|loaded| loaded.term.clone())));
        Ok(())
    }

    /// Whether instances may leave their pages to the next ones.
    fn keeps_pages(&self, changes: &[Arc<Change>]) -> bool {
        if !changes.iter().any(|change| change.may_keep_pages()) {
            return false;
        }
        let reason = match self.swap.is_impossible() {
            Ok(Some(reason)) if engine::can_keep_pages() => {
                let means = "new instances take over the pages of those before";
                tracing::info!("{means}: the system cannot swap: {reason}");
                return true;
            }
            Ok(Some(_)) => "Linux is older than 6.7".to_owned(),
            Ok(None) => "it could swap out theirs".to_owned(),
            Err(error) => format!("it does not say whether it could swap: {error}"),
        };
        tracing::info!("new instances get pages from the system, which costs more: {reason}");
        false
    }

    /// Watches whether memory could be swapped out from now on. Then no instance may take over pages.
    ///
    /// # Errors
    ///
    /// If that cannot be achieved. The server must end.
    pub(crate) async fn watch_swap(&self) -> Result<Infallible> {
        /// So often the system may fail to say.
        const UNKNOWN_MAX: u32 = 10;
        let mut ticks = tokio::time::interval(SWAP_CHECK);
        let mut unknown = 0;
        loop {
            ticks.tick().await;
            let mut loaded = self.loaded.lock().await;
            let kept = loaded.iter().filter(|loaded| !loaded.is_replaced);
            let changes: Vec<_> = kept.filter_map(|loaded| loaded.keeps_pages.clone()).collect();
            if changes.is_empty() {
                continue;
            }
            match self.swap.is_impossible() {
                Ok(Some(_)) => unknown = 0,
                Err(_) if unknown < UNKNOWN_MAX => unknown += 1,
                Ok(None) | Err(_) => {
                    tracing::warn!("the system could swap out pages of instances from now on");
                    // One by one, so that there must be memory for both of one only.
                    for change in changes {
                        let replaced = self.replace_locked(&mut loaded, vec![change]).await;
                        replaced.context(
                            "new instances must not take over pages that could be swapped out",
                        )?;
                    }
                }
            }
        }
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
    async fn load(&self, changes: Vec<Arc<Change>>, keeps_pages: bool) -> Result<Vec<Arc<Route>>> {
        let (cache, workers, clock) =
            (self.cache.clone(), self.config.workers, Arc::clone(&self.clock));
        let (metrics, runtime) = (self.metrics.clone(), Handle::current());
        let load = move || {
            let engines = Engines::new(&changes, workers, keeps_pages, cache, &clock)?;
            let routes = changes.iter().map(|change| {
                let Change { index, config, source } = &**change;
                if source.has_unguarded_stack() {
                    tracing::warn!(
                        route = config.path,
                        "the component's stack is {}",
                        Stack::AboveData
                    );
                }
                let engine = engines.of(change);
                let log = metrics.logs[*index].clone();
                runtime.block_on(Route::load(engine, *index, config, source, log)).map(Arc::new)
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

/// The engine of each kind that a route needs: first those with instances that keep no pages.
struct Engines([[Option<Driven>; 2]; 2]);

impl Engines {
    fn new(
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

    fn of(&self, change: &Change) -> &Driven {
        let kind = change.source.engine_kind() as usize;
        // Those that keep pages are made only if they may.
        let keeps = self.0[1][kind].as_ref().filter(|_| change.may_keep_pages());
        let engine = keeps.or(self.0[0][kind].as_ref());
        engine.expect("there is an engine for the kind of each route")
    }
}

/// The size of a pool for these routes, if there are any.
fn pool_size(routes: &[&Arc<Change>], workers: usize, keeps_pages: bool) -> Option<PoolSize> {
    let instances: usize = routes.iter().map(|route| workers * (route.config.slots + 1)).sum();
    let memories = routes.iter().map(|route| route.source.info.memories.len()).max()?;
    let memory = routes.iter().map(|route| route.config.limits.memory).max()?;
    let heap_room =
        routes.iter().filter_map(|route| route.source.info.heap_room(route.config.limits.memory));
    let heap_room = heap_room.min();
    let [instances, memories] =
        [instances, memories].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    Some(PoolSize { instances, memories, memory, heap_room, keeps_pages })
}
