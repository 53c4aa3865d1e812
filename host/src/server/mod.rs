//! The server as a whole: checks the configuration, warms the instances, serves, and drains.
//!
//! The control thread accepts connections and passes each to the worker with the fewest
//! connections. The kernel's alternative (`SO_REUSEPORT`) distributes by hash, so a few long
//! connections may all be on one core. Passing a socket costs time once per connection, and none
//! per request.

pub(crate) mod change;
mod engines;
mod file_plan;
mod files;
mod listeners;
pub(crate) mod memory_plan;
mod operator;
pub(crate) mod reload;
pub(crate) mod routes;
mod tls;
mod token;
mod worker;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tracing::warn;
use tracing_appender::non_blocking::ErrorCounter;

use rustix::process::{Resource, getrlimit};

use crate::config::connection_memory::TLS_CONNECTIONS;
use crate::config::file::Config;
use crate::config::serve_args::ServeArgs;
use crate::http::access::AccessSwitch;
use crate::http::development::Development;
use crate::http::playground::Playground;
use crate::http::socket::Accepted;
use crate::pool::stats::Metrics;
use crate::server::change::Change;
use crate::server::file_plan::FilePlan;
use crate::server::files::Files;
use crate::server::listeners::{Listeners, bind_tcp};
use crate::server::memory_plan::{MemoryPlan, available_memory};
use crate::server::operator::Operator;
use crate::server::reload::{Reloader, Reloads};
use crate::server::routes::Routes;
use crate::server::tls::Certificate;
use crate::server::token::Token;
use crate::server::worker::{Command, Plan, WorkerHandle};

/// A server with warm instances and bound sockets.
pub(crate) struct Server {
    listeners: Listeners,
    /// That of the TLS listeners.
    certificate: Option<Arc<Certificate>>,
    /// One for each connection that may be open.
    permits: Arc<Semaphore>,
    operator_listener: Option<TcpListener>,
    operator: Arc<Operator>,
    workers: Vec<WorkerHandle>,
    routes: Arc<Routes>,
    access: Arc<AccessSwitch>,
    /// Unless the routes are replaced by others.
    reloader: Option<Reloader>,
}

impl Server {
    /// Checks that everything fits into memory, binds the sockets, loads the components and warms
    /// every instance. Must be called on a tokio runtime.
    ///
    /// # Errors
    ///
    /// If the server cannot start. The message names the problem, its value and the remedy. Nothing
    /// is left running.
    pub(crate) async fn start(
        mut config: Config,
        args: ServeArgs,
        dropped_lines: ErrorCounter,
    ) -> Result<Self> {
        let fits = |plan: MemoryPlan| {
            plan.check(available_memory()?).map_err(|sentence| anyhow!(sentence))
        };
        let mut read = Files::default();
        if config.watch {
            (config, read) = files::read(&args, true)?;
        }
        fits(MemoryPlan::new(&config))?;
        // Read all files before the slow part begins.
        let changes = config.routes.iter().cloned().map(Change::read);
        let changes = changes.collect::<Result<Vec<_>>>()?;
        fits(MemoryPlan::of(&config, changes.iter().map(|change| change.term()).collect()))?;
        let (reloads, asked) = Reloads::new();
        let mut server =
            Self::open_with(config.clone(), dropped_lines, None, Some(reloads.clone())).await?;
        if let Err(error) = server.routes.serve(changes).await {
            end(server.workers).await;
            return Err(error);
        }
        server.reloader = Some(Reloader {
            args: Arc::new(args),
            started: config,
            files: watch::Sender::new(read),
            token: Arc::clone(&server.operator.token),
            access: Arc::clone(&server.access),
            routes: server.routes(),
            stats: Arc::clone(&server.operator.metrics.reloads),
            reloads,
            asked,
        });
        Ok(server)
    }

    /// Binds the sockets and starts the workers. There are no routes until they are
    /// [loaded](Routes::serve).
    ///
    /// # Errors
    ///
    /// If a socket, a thread or open files are not to be had. Nothing is left running.
    pub(crate) async fn open(
        config: Config,
        dropped_lines: ErrorCounter,
        development: Option<Arc<Development>>,
    ) -> Result<Self> {
        Self::open_with(config, dropped_lines, development, None).await
    }

    async fn open_with(
        config: Config,
        dropped_lines: ErrorCounter,
        development: Option<Arc<Development>>,
        reloads: Option<Reloads>,
    ) -> Result<Self> {
        let http2 = config.limits.http2_streams > 0;
        let tls = config.listen.tls.as_ref();
        let certificate = tls.map(|tls| Certificate::read(tls.files.clone(), http2));
        let certificate = certificate.transpose()?.map(Arc::new);
        let proxies = config.proxy_protocol.clone();
        let listeners = Listeners::bind(&config.listen, proxies, certificate.as_ref()).await?;
        let playground = Playground::if_wanted(&config)?.map(Arc::new);
        let operator_listener = match &config.operator_listen {
            Some(address) => Some(bind_tcp("operator-listen", address).await?),
            None => None,
        };
        let metrics = Metrics::new(config.workers, Some(dropped_lines));
        // Not ready before they serve.
        for route in &config.routes {
            metrics.show(&metrics.of_route(&route.path, route.limits.log_lines));
        }
        let access = AccessSwitch::new(config.log.access);
        let workers = start_workers(&config, &metrics, &playground, &development, &access)?;
        let commands: Vec<_> = workers.iter().map(|worker| worker.commands.clone()).collect();
        let files = file_plan(&config)?;
        ensure!(
            certificate.is_none() || files.connections > TLS_CONNECTIONS as usize,
            "expected at least {} connections with TLS, got {}; raise connections or the limit of open files",
            TLS_CONNECTIONS + 1,
            files.connections
        );
        let routes = Arc::new(Routes::new(config.clone(), commands.clone(), metrics.clone())?);
        let operator = Operator {
            limits: config.limits,
            route_limits: config.route_limits,
            development,
            reloads,
            token: Arc::new(Token::new(config.operator_token)),
            connections: Arc::new(Semaphore::new(files.operator_connections)),
            streams: Arc::new(Semaphore::new(files.operator_connections / 2)),
            ready: watch::Sender::new(true),
            metrics,
            workers: commands,
            routes: Arc::clone(&routes),
            started: Instant::now(),
            last_event: Mutex::default(),
        };
        Ok(Self {
            listeners,
            certificate,
            permits: Arc::new(Semaphore::new(files.connections)),
            operator_listener,
            operator: Arc::new(operator),
            workers,
            access,
            routes,
            reloader: None,
        })
    }

    /// The routes, to replace them while the server runs.
    pub(crate) fn routes(&self) -> Arc<Routes> {
        Arc::clone(&self.routes)
    }

    /// Asks for reloads of the configuration, if the server reads one.
    pub(crate) fn reloads(&self) -> Option<Reloads> {
        self.operator.reloads.clone()
    }

    /// The addresses for requests, as URLs; Unix sockets as `unix:PATH`. There is at least one.
    ///
    /// # Errors
    ///
    /// If the operating system does not report one.
    pub(crate) fn addresses(&self) -> std::io::Result<Vec<String>> {
        self.listeners.addresses()
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
    /// If a worker has ended, or memory could be swapped out and instances would keep their pages.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) -> Result<()> {
        let Self {
            listeners,
            certificate,
            permits,
            operator_listener,
            operator,
            workers,
            routes,
            access: _,
            reloader,
        } = self;
        if let Some(listener) = operator_listener {
            tokio::spawn(operator::listen(Arc::clone(&operator), listener));
        }
        if let Some(certificate) = certificate {
            tokio::spawn(certificate.watch());
        }
        let open = &operator.metrics.connections;
        let acceptor = Acceptor { open, workers: &workers, permits };
        let ended = tokio::select! {
            () = acceptor.run(&listeners) => {
                Err(anyhow!("a worker has ended, so the server ended too; see the log"))
            }
            Err(error) = routes.watch_swap() => Err(error),
            never = reload::run(reloader) => match never {},
            () = shutdown => Ok(()),
        };
        // Connections that the kernel has accepted may have sent their requests.
        acceptor.take_waiting(listeners);
        operator.ready.send_replace(false);
        end(workers).await;
        ended
    }
}

/// Lets workers finish their requests, and waits until they have ended.
async fn end(workers: Vec<WorkerHandle>) {
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

/// What the limit of open files allows, now that everything else is open.
fn file_plan(config: &Config) -> Result<FilePlan> {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // The first is Linux's, the second that of other systems.
    let open = std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd"));
    let open = open.map_or(limit, Iterator::count);
    let routes = config.routes.iter();
    let outgoing = routes.map(|route| config.workers.saturating_mul(route.outgoing_requests()));
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

/// Starts all workers. If one fails, the others end because their channels close.
fn start_workers(
    config: &Config,
    metrics: &Metrics,
    playground: &Option<Arc<Playground>>,
    development: &Option<Arc<Development>>,
    access: &Arc<AccessSwitch>,
) -> Result<Vec<WorkerHandle>> {
    let start = |index| {
        WorkerHandle::start(Plan {
            index,
            limits: config.limits.clone(),
            route_limits: config.route_limits.clone(),
            bodies_bytes: config.bodies_per_worker().0,
            metrics: metrics.clone(),
            playground: playground.clone(),
            development: development.clone(),
            exemplars: config.log.exemplars,
            access: Arc::clone(access),
        })
    };
    (0..config.workers).map(start).collect()
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
    async fn run(&self, listeners: &Listeners) {
        /// The pause after an error such as too many open files, which may disappear.
        const PAUSE: Duration = Duration::from_millis(50);
        let most = if listeners.have_tls() { TLS_CONNECTIONS } else { 0 };
        loop {
            // As many as the next connection may need, so that none that was accepted waits.
            let mut permit = self.permits(1 + most).await;
            match listeners.accept().await {
                Ok(accepted) => {
                    if accepted.tls.is_none() {
                        drop(permit.split(most as usize));
                    }
                    if self.pass_on(accepted, permit).is_err() {
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

    async fn permits(&self, count: u32) -> OwnedSemaphorePermit {
        let permits = Arc::clone(&self.permits).acquire_many_owned(count);
        permits.await.expect("the semaphore is never closed")
    }

    /// Accepts the connections that wait now, as far as the limit allows, and refuses later ones.
    fn take_waiting(&self, listeners: Listeners) {
        listeners.take_waiting(|accepted| {
            let count = if accepted.tls.is_some() { 1 + TLS_CONNECTIONS } else { 1 };
            let permits = Arc::clone(&self.permits).try_acquire_many_owned(count);
            permits.is_ok_and(|permits| self.pass_on(accepted, permits).is_ok())
        });
    }

    /// Fails if the worker has ended.
    fn pass_on(&self, accepted: Accepted, permit: OwnedSemaphorePermit) -> Result<(), ()> {
        // If this fails, the client has left.
        let Ok(()) = accepted.socket.set_nodelay() else { return Ok(()) };
        let least = self.open.iter().enumerate().min_by_key(|(_, open)| open.load(Relaxed));
        let (index, open) = least.expect("there is at least one worker");
        open.fetch_add(1, Relaxed);
        self.workers[index].commands.send(Command::Serve(accepted, permit)).map_err(|_| ())
    }
}
