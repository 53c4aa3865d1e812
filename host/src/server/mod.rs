//! The server as a whole: checks the configuration, warms the instances, serves, and drains.
//!
//! The control thread accepts connections and passes each to the worker with the fewest
//! connections. The kernel's alternative (`SO_REUSEPORT`) distributes by hash, so a few long
//! connections may all be on one core. Passing a socket costs time once per connection, and none
//! per request.

mod file_plan;
pub(crate) mod memory_plan;
mod operator;
mod worker;

use std::future::Future;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use tokio::net::{TcpListener, TcpSocket, lookup_host};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;
use tracing_appender::non_blocking::ErrorCounter;
use wasmtime::Engine;

use rustix::process::{Resource, getrlimit};

use crate::config::file::Config;
use crate::http::playground::Playground;
use crate::pool::route::Route;
use crate::pool::stats::Metrics;
use crate::runtime::engine::{self, Clock, EngineKind, PoolSize};
use crate::runtime::load::Source;
use crate::server::file_plan::FilePlan;
use crate::server::memory_plan::{MemoryPlan, available_memory};
use crate::server::operator::Operator;
use crate::server::worker::{Command, Plan, WorkerHandle};

/// A server with warm instances and bound sockets.
pub(crate) struct Server {
    listener: TcpListener,
    /// One for each connection that may be open.
    permits: Arc<Semaphore>,
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
    pub(crate) async fn start(config: Config, dropped_lines: ErrorCounter) -> Result<Self> {
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
        let logs = routes.iter().map(|route| route.log().clone()).collect();
        let metrics = Metrics::new(logs, config.workers, Some(dropped_lines));
        let workers = start_workers(&config, &routes, &metrics, &playground).await?;
        tracing::info!("memory: {plan}");
        let files = file_plan(&config)?;
        let operator = Operator {
            limits: config.limits.clone(),
            connections: Arc::new(Semaphore::new(files.operator_connections)),
            ready: AtomicBool::new(true),
            metrics,
            workers: workers.iter().map(|worker| worker.commands.clone()).collect(),
        };
        Ok(Self {
            listener,
            permits: Arc::new(Semaphore::new(files.connections)),
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
    ///
    /// # Errors
    ///
    /// If a worker has ended.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) -> Result<()> {
        let Self { listener, permits, operator_listener, operator, workers, _clock } = self;
        if let Some(listener) = operator_listener {
            tokio::spawn(operator::listen(Arc::clone(&operator), listener));
        }
        let open = &operator.metrics.connections;
        let acceptor = Acceptor { open, workers: &workers, permits };
        let all_live = tokio::select! {
            () = acceptor.run(&listener) => false,
            () = shutdown => true,
        };
        // Connections that the kernel has accepted may have sent their requests.
        acceptor.take_waiting(listener);
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
        ensure!(all_live, "a worker has ended, so the server ended too; see the log");
        Ok(())
    }
}

/// What the limit of open files allows, now that everything else is open.
fn file_plan(config: &Config) -> Result<FilePlan> {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // The first is Linux's, the second that of other systems.
    let open = std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd"));
    let open = open.map_or(limit, Iterator::count);
    let routes = config.routes.iter().filter(|route| !route.grants.outgoing.is_empty());
    let outgoing =
        routes.map(|route| config.workers * route.slots * route.limits.outgoing_requests);
    let limits = &config.limits;
    let plan = FilePlan::new(limits, limit, open, outgoing.fold(0, usize::saturating_add));
    let plan = plan.map_err(|sentence| anyhow!(sentence))?;
    if plan.connections < limits.connections
        || plan.operator_connections < limits.operator_connections
    {
        warn!(
            "the limit of open files, {limit}, allows {} connections and {} of the operator's listener; \
             raise it, or lower connections = {} and operator-connections = {}",
            plan.connections,
            plan.operator_connections,
            limits.connections,
            limits.operator_connections
        );
    }
    Ok(plan)
}

/// Resolves the name and binds the first of its addresses that can be bound.
async fn bind(key: &str, address: &str) -> Result<TcpListener> {
    let failed =
        |error| anyhow!("cannot listen on {key} = {address}: {error}; choose another address");
    let mut last = ErrorKind::AddrNotAvailable.into();
    for resolved in lookup_host(address).await.map_err(failed)? {
        match listen(resolved) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    /// How many connections may wait to be accepted. The system's own limit (`net.core.somaxconn`) holds too.
    const BACKLOG: u32 = 4096;
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
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

/// Accepts connections and passes each to the worker with the fewest.
struct Acceptor<'server> {
    /// The open connections of each worker.
    open: &'server [AtomicUsize],
    workers: &'server [WorkerHandle],
    /// One for each further connection that may be open.
    permits: Arc<Semaphore>,
}

impl Acceptor<'_> {
    /// Returns only if a worker has ended.
    async fn run(&self, listener: &TcpListener) {
        /// The pause after an error such as too many open files, which may disappear.
        const PAUSE: Duration = Duration::from_millis(50);
        loop {
            let permit = Arc::clone(&self.permits).acquire_owned();
            let permit = permit.await.expect("the semaphore is never closed");
            match listener.accept().await {
                Ok((socket, _)) => {
                    // If this fails, the client has left.
                    let Ok(socket) = socket.into_std() else { continue };
                    if self.pass_on(socket, permit).is_err() {
                        warn!("a worker has ended; no more connections are accepted");
                        return;
                    }
                }
                Err(error) => {
                    warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Accepts the connections that wait now, as far as the limit allows, and refuses later ones.
    fn take_waiting(&self, listener: TcpListener) {
        // Tokio would ask the kernel only after an event.
        let Ok(listener) = listener.into_std() else { return };
        while let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            let Ok((socket, _)) = listener.accept() else { return };
            if socket.set_nonblocking(true).is_ok() && self.pass_on(socket, permit).is_err() {
                return;
            }
        }
    }

    /// Fails if the worker has ended.
    fn pass_on(&self, socket: TcpStream, permit: OwnedSemaphorePermit) -> Result<(), ()> {
        // Responses are written whole, so waiting for more data would only delay them. If this fails, the client
        // has left.
        let Ok(()) = socket.set_nodelay(true) else { return Ok(()) };
        let least = self.open.iter().enumerate().min_by_key(|(_, open)| open.load(Relaxed));
        let (index, open) = least.expect("there is at least one worker");
        open.fetch_add(1, Relaxed);
        self.workers[index].commands.send(Command::Serve(socket, permit)).map_err(|_| ())
    }
}
