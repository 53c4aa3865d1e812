//! The server as a whole: checks the configuration, warms the instances, serves, and drains.
//!
//! The control thread accepts connections and passes each to the worker with the fewest
//! connections. The kernel's alternative (`SO_REUSEPORT`) distributes by hash, so a few long
//! connections may all be on one core. Passing a socket costs time once per connection, and none
//! per request.

pub(crate) mod memory_plan;
mod operator;
mod worker;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tracing::warn;
use wasmtime::Engine;

use crate::config::file::Config;
use crate::http::playground::Playground;
use crate::pool::route::Route;
use crate::pool::stats::Metrics;
use crate::runtime::engine::{self, Clock, EngineKind, PoolSize};
use crate::runtime::load::Source;
use crate::server::memory_plan::{MemoryPlan, available_memory};
use crate::server::operator::Operator;
use crate::server::worker::{Command, Plan, WorkerHandle};

/// A server with warm instances and bound sockets.
pub(crate) struct Server {
    config: Config,
    listener: TcpListener,
    operator_listener: Option<TcpListener>,
    operator: Arc<Operator>,
    workers: Vec<WorkerHandle>,
    _clock: Clock,
}

impl Server {
    /// Checks that everything fits into memory, binds the sockets, loads the components and warms
    /// every instance. Must be called on a tokio runtime.
    ///
    /// # Errors
    ///
    /// If the server cannot start. The message names the problem, its value and the remedy. Nothing
    /// is left running.
    pub(crate) async fn start(config: Config) -> Result<Self> {
        let plan = MemoryPlan::new(&config);
        plan.check(available_memory()?).map_err(|sentence| anyhow!(sentence))?;
        // Read all files before the slow part begins.
        let sources = config
            .routes
            .iter()
            .map(|route| Source::read(&route.component, route.limits.memory, &route.grants));
        let sources = sources.collect::<Result<Vec<_>>>()?;
        let plan = plan.with(&config, &sources);
        plan.check(available_memory()?).map_err(|sentence| anyhow!(sentence))?;
        let listener = bind("listen", &config.listen).await?;
        let playground = Playground::if_wanted(&config)?.map(Arc::new);
        let operator_listener = match &config.operator_listen {
            Some(address) => Some(bind("operator-listen", address).await?),
            None => None,
        };
        let engines = Engines::new(&config, &sources)?;
        let clock = Clock::start(&engines.all())
            .map_err(|error| anyhow!("cannot start the clock: {error}"))?;
        let routes = config.routes.iter().zip(&sources).enumerate();
        let routes = routes.map(|(index, (route, source))| {
            Route::load(engines.of(source.engine_kind()), index, route, source).map(Arc::new)
        });
        let routes = Arc::new(routes.collect::<Result<Vec<_>>>()?);
        let metrics =
            Metrics::new(config.routes.iter().map(|route| route.path.clone()), config.workers);
        let workers = start_workers(&config, &routes, &metrics, &playground).await?;
        tracing::info!("memory: {plan}");
        let operator = Operator {
            limits: config.limits.clone(),
            ready: AtomicBool::new(true),
            metrics,
            workers: workers.iter().map(|worker| worker.commands.clone()).collect(),
        };
        Ok(Self {
            config,
            listener,
            operator_listener,
            operator: Arc::new(operator),
            workers,
            _clock: clock,
        })
    }

    /// The address of the data listener.
    ///
    /// # Errors
    ///
    /// If the operating system does not report it.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The address of the operator's listener, if there is one.
    ///
    /// # Errors
    ///
    /// If the operating system does not report it.
    pub(crate) fn operator_address(&self) -> std::io::Result<Option<SocketAddr>> {
        self.operator_listener.as_ref().map(TcpListener::local_addr).transpose()
    }

    /// Serves until `shutdown` ends. Then finishes the requests in progress, refuses new
    /// connections, and returns.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { config, listener, operator_listener, operator, workers, _clock } = self;
        if let Some(listener) = operator_listener {
            tokio::spawn(operator::listen(Arc::clone(&operator), listener));
        }
        tokio::select! {
            () = accept(&listener, &config, &operator.metrics.connections, &workers) => {}
            () = shutdown => {}
        }
        drop(listener);
        operator.ready.store(false, Relaxed);
        for worker in &workers {
            // This fails only if the worker has ended already.
            let _ = worker.commands.send(Command::Drain);
        }
        let ended =
            tokio::task::spawn_blocking(move || workers.into_iter().for_each(WorkerHandle::join));
        if ended.await.is_err() {
            warn!("cannot wait for the workers to end");
        }
    }
}

/// Resolves the name and binds the first of its addresses that can be bound.
async fn bind(key: &str, address: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        anyhow!("cannot listen on {key} = {address}: {error}; choose another address")
    })
}

/// The engine of each kind that a route needs.
struct Engines([Option<Engine>; 2]);

impl Engines {
    fn new(config: &Config, sources: &[Source]) -> Result<Self> {
        let cache = engine::open_cache(&config.cache)?;
        let make = |kind| {
            let size = pool_size(config, sources, kind);
            size.map(|size| engine::engine(kind, size, cache.clone())).transpose()
        };
        Ok(Self([make(EngineKind::Sync)?, make(EngineKind::Async)?]))
    }

    fn of(&self, kind: EngineKind) -> &Engine {
        self.0[kind as usize].as_ref().expect("there is an engine for the kind of each route")
    }

    fn all(&self) -> Vec<Engine> {
        self.0.iter().flatten().cloned().collect()
    }
}

/// The size of the pool of a kind of engine, if any route needs it.
fn pool_size(config: &Config, sources: &[Source], kind: EngineKind) -> Option<PoolSize> {
    let routes: Vec<_> = config
        .routes
        .iter()
        .zip(sources)
        .filter(|(_, source)| source.engine_kind() == kind)
        .collect();
    let instances: usize = routes.iter().map(|(route, _)| config.workers * (route.slots + 1)).sum();
    let memories = routes.iter().map(|(_, source)| source.info.memories.len()).max()?;
    let memory = routes.iter().map(|(route, _)| route.limits.memory).max()?;
    let heap_room =
        routes.iter().filter_map(|(route, source)| source.info.heap_room(route.limits.memory));
    let heap_room = heap_room.min();
    let [instances, memories] =
        [instances, memories].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    Some(PoolSize { instances, memories, memory, heap_room })
}

/// Starts all workers. If one fails, the others end because their channels close.
async fn start_workers(
    config: &Config,
    routes: &Arc<Vec<Arc<Route>>>,
    metrics: &Metrics,
    playground: &Option<Arc<Playground>>,
) -> Result<Vec<WorkerHandle>> {
    let mut workers = Vec::with_capacity(config.workers);
    let mut warming = Vec::with_capacity(config.workers);
    for index in 0..config.workers {
        let (worker, warm) = WorkerHandle::start(Plan {
            index,
            routes: Arc::clone(routes),
            limits: config.limits.clone(),
            route_limits: config.route_limits.clone(),
            bodies_bytes: config.bodies_per_worker().0,
            metrics: metrics.clone(),
            playground: playground.clone(),
        })?;
        workers.push(worker);
        warming.push(warm);
    }
    for warm in warming {
        let warmed =
            warm.await.map_err(|_| anyhow!("a worker ended before its instances were warm"));
        if let Err(error) = warmed.and_then(|warmed| warmed) {
            workers.into_iter().for_each(WorkerHandle::join);
            return Err(error);
        }
    }
    Ok(workers)
}

async fn accept(
    listener: &TcpListener,
    config: &Config,
    open: &[AtomicUsize],
    workers: &[WorkerHandle],
) {
    /// The pause after an error such as too many open files, which may disappear.
    const PAUSE: Duration = Duration::from_millis(50);
    let permits = Arc::new(Semaphore::new(config.limits.connections));
    loop {
        let permit =
            Arc::clone(&permits).acquire_owned().await.expect("the semaphore is never closed");
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                warn!("cannot accept a connection: {error}");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // Responses are written whole, so waiting for more data would only delay them.
        let socket = socket.set_nodelay(true).and_then(|()| socket.into_std());
        let Ok(socket) = socket else { continue };
        let least = open.iter().enumerate().min_by_key(|(_, open)| open.load(Relaxed));
        let (index, open) = least.expect("there is at least one worker");
        open.fetch_add(1, Relaxed);
        if workers[index].commands.send(Command::Serve(socket, permit)).is_err() {
            warn!("a worker has ended; no more connections are accepted");
            return;
        }
    }
}
