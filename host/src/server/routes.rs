//! The routes that the server has, and how they are replaced, added and removed while it serves.
//!
//! The start is the first change: a server has no routes before.
//!
//! ```text
//! control thread                  each worker
//! reads, adds up the memory
//! compiles (a thread of its own)
//! Prepare ──────────────────────▶ warms new slots, beside those that serve
//!         ◀────────────────────── "warm", or the reason why not
//! all are warm: install ────────▶ requests get the new slots from now on, and none of removed routes
//!                                 the old slots end with the last request that has them
//! ```
//!
//! If anything fails before the last step, on any worker, nothing has changed. Until the last request of the old slots
//! has ended, the memory of both is counted.
//!
//! With `keep-pages`, instances leave their pages to the next ones while the system [cannot
//! swap](crate::runtime::swap). If that changes, their routes are replaced by the same ones that do not.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::component::stack::Stack;
use crate::config::file::Config;
use crate::config::route::RouteConfig;
use crate::pool::route::Route;
use crate::pool::stats::Metrics;
use crate::runtime::clock::Clock;
use crate::runtime::engine;
use crate::runtime::swap::Swap;
use crate::server::change::{Change, Changed, Identity};
use crate::server::engines::Engines;
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
    /// Opened for the first route that must be compiled.
    cache: OnceLock<Option<wasmtime::Cache>>,
    clock: Arc<Clock>,
    swap: Swap,
    /// Held during a change: there is one at a time.
    loaded: Mutex<Vec<Loaded>>,
    /// For the operator, which does not wait for a change.
    serving: RwLock<Serving>,
}

/// The configurations of the routes that serve, by path.
#[derive(Clone, Default)]
pub(crate) struct Serving(BTreeMap<String, Arc<Identity>>);

/// A route that was loaded. Its memory is in use until the last request that has it has ended.
struct Loaded {
    route: Weak<Route>,
    identity: Arc<Identity>,
    term: Term,
    /// Set if its instances leave their pages to the next ones: what it was made of, to replace it.
    keeps_pages: Option<Arc<Change>>,
    /// Whether no further request gets it.
    is_replaced: bool,
}

impl Routes {
    /// A server without any route.
    ///
    /// # Errors
    ///
    /// If the clock cannot be used.
    pub(crate) fn new(
        config: Config,
        workers: Vec<mpsc::UnboundedSender<Command>>,
        metrics: Metrics,
    ) -> Result<Self> {
        let clock = Clock::start().context("cannot start the clock")?;
        let cache = OnceLock::new();
        let (clock, swap, loaded) = (Arc::new(clock), Swap::of_system(), Mutex::default());
        let serving = RwLock::default();
        Ok(Self { config, workers, metrics, cache, clock, swap, loaded, serving })
    }

    /// The routes that serve now.
    pub(crate) fn serving(&self) -> Serving {
        // No code here panics while it holds the lock.
        self.serving.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Serves these routes from now on, and no others. Those that are as they were go on. All others are replaced, added
    /// or removed, all or none, while the old ones serve. Returns when every worker serves the new ones.
    ///
    /// # Errors
    ///
    /// If the new ones cannot be loaded or configured, or do not fit into memory beside the old ones. The message names
    /// the problem and the remedy, and nothing has changed.
    pub(crate) async fn serve(&self, wanted: Vec<Arc<Change>>) -> Result<Changed> {
        let mut loaded = self.loaded.lock().await;
        self.config.check_routes(wanted.iter().map(|wanted| wanted.config()))?;
        let mut changed = Changed::default();
        let serving = loaded.iter().filter(|loaded| !loaded.is_replaced);
        let serving: Vec<_> = serving.map(|loaded| Arc::clone(&loaded.identity)).collect();
        let before = |path| serving.iter().find(|serving| serving.config.path == path);
        let mut changes = Vec::new();
        for wanted in &wanted {
            match before(wanted.path()) {
                Some(before) if **before == *wanted.identity => continue,
                Some(_) => changed.changed.push(wanted.path().to_owned()),
                None => changed.added.push(wanted.path().to_owned()),
            }
            changes.push(Arc::clone(wanted));
        }
        let paths = serving.iter().map(|serving| &serving.config.path);
        let is_removed = |path: &&String| !wanted.iter().any(|wanted| wanted.path() == **path);
        changed.removed = paths.filter(is_removed).cloned().collect();
        if !changed.is_empty() {
            self.replace(&mut loaded, changes, &changed.removed).await?;
        }
        Ok(changed)
    }

    /// Puts routes in the place of those with the same path, or beside the others, and removes some.
    async fn replace(
        &self,
        loaded: &mut Vec<Loaded>,
        changes: Vec<Arc<Change>>,
        removed: &[String],
    ) -> Result<()> {
        loaded.retain(|loaded| loaded.route.strong_count() > 0);
        self.check_memory(loaded, &changes, removed)?;
        let keeps_pages = self.keeps_pages(&changes);
        let routes = self.load(changes.clone(), keeps_pages).await?;
        let installs = self.warm(&routes, removed).await?;
        // Before, so that the server stays ready while workers lose their instances one after the other.
        removed.iter().for_each(|path| self.metrics.remove(path));
        self.install(installs).await;
        for old in loaded.iter_mut() {
            old.is_replaced |= is_concerned(&old.term, &changes, removed);
        }
        for (route, change) in routes.into_iter().zip(changes) {
            route.metrics.log.limit(route.limits.log_lines);
            self.metrics.show(&route.metrics);
            let (identity, term) = (Arc::clone(&change.identity), change.term());
            let keeps_pages = (keeps_pages && change.may_keep_pages()).then_some(change);
            let (route, is_replaced) = (Arc::downgrade(&route), false);
            loaded.push(Loaded { route, identity, term, keeps_pages, is_replaced });
        }
        let serving = loaded.iter().filter(|loaded| !loaded.is_replaced);
        let serving = serving.map(|loaded| &loaded.identity);
        let serving = serving.map(|serving| (serving.config.path.clone(), Arc::clone(serving)));
        *self.serving.write().unwrap_or_else(PoisonError::into_inner) = Serving(serving.collect());
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
                        let replaced = self.replace(&mut loaded, vec![change], &[]).await;
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
    fn check_memory(
        &self,
        loaded: &[Loaded],
        changes: &[Arc<Change>],
        removed: &[String],
    ) -> Result<()> {
        let available = available_memory()?;
        let is_changed = |term: &Term| is_concerned(term, changes, removed);
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

    /// The cache of compiled components, if one of these must be compiled.
    fn cache_for(&self, changes: &[Arc<Change>]) -> Result<Option<wasmtime::Cache>> {
        if changes.iter().all(|change| change.config().compiled.is_some()) {
            return Ok(None);
        }
        if let Some(cache) = self.cache.get() {
            return Ok(cache.clone());
        }
        // There is one change at a time, so nobody else opens it.
        let cache = engine::open_cache(&self.config.cache)?;
        Ok(self.cache.get_or_init(|| cache).clone())
    }

    /// Compiles the components, on a thread that serves no requests.
    async fn load(&self, changes: Vec<Arc<Change>>, keeps_pages: bool) -> Result<Vec<Arc<Route>>> {
        let cache = self.cache_for(&changes)?;
        let (workers, clock) = (self.config.workers, Arc::clone(&self.clock));
        let (metrics, runtime) = (self.metrics.clone(), Handle::current());
        let load = move || {
            let engines = Engines::new(&changes, workers, keeps_pages, cache, &clock)?;
            let routes = changes.iter().map(|change| {
                let (config, source) = (change.config(), &change.source);
                if source.needs.has_unguarded_stack {
                    tracing::warn!(
                        route = config.path,
                        "the component's stack is {}",
                        Stack::AboveData
                    );
                }
                let engine = engines.of(change);
                let metrics = metrics.of_route(&config.path, config.limits.log_lines);
                runtime.block_on(Route::load(engine, config, source, metrics)).map(Arc::new)
            });
            routes.collect()
        };
        let loaded = tokio::task::spawn_blocking(load).await;
        loaded.map_err(|_| anyhow!("the loading of a component panicked; see the log"))?
    }

    /// Warms slots on every worker. Each sender installs those of a worker; if it is dropped, the worker drops them.
    async fn warm(&self, routes: &[Arc<Route>], removed: &[String]) -> Result<Vec<Install>> {
        let ended = || anyhow!("a worker ended before its instances were warm; see the log");
        let mut installs = Vec::with_capacity(self.workers.len());
        let mut warming = Vec::with_capacity(self.workers.len());
        for worker in &self.workers {
            let (warm, warmed) = oneshot::channel();
            let (install, installed) = oneshot::channel();
            let (routes, removed) = (routes.to_vec(), removed.to_vec());
            let prepare = Prepare { routes, removed, warm, install: installed };
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

impl Serving {
    /// The configuration of the route with this path.
    pub(crate) fn get(&self, path: &str) -> Option<&RouteConfig> {
        self.0.get(path).map(|identity| &identity.config)
    }

    /// The paths and configurations of all routes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &RouteConfig)> {
        self.0.iter().map(|(path, identity)| (path.as_str(), &identity.config))
    }
}

/// Tells a worker to install what it has warmed, and to say when that is done.
type Install = oneshot::Sender<oneshot::Sender<()>>;

/// Whether a route that was loaded serves no more after these changes.
fn is_concerned(term: &Term, changes: &[Arc<Change>], removed: &[String]) -> bool {
    changes
        .iter()
        .map(|change| change.path())
        .chain(removed.iter().map(String::as_str))
        .any(|path| path == term.path())
}
