//! A worker: one thread with a runtime, its connections, and its slots of every route.
//!
//! A request needs nothing from another thread. Sockets and the few commands below arrive through
//! one channel.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use slab::Slab;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::config::limits::{RouteLimits, ServerLimits};
use crate::http::access::{AccessSwitch, Accesses};
use crate::http::connection;
use crate::http::connection_state::ConnectionState;
use crate::http::development::Development;
use crate::http::playground::Playground;
use crate::http::router::Router;
use crate::http::service::Service;
use crate::http::socket::Accepted;
use crate::pool::body_budget::BodyBudget;
use crate::pool::idle::replace_idle;
use crate::pool::reading::RouteReading;
use crate::pool::route::Route;
use crate::pool::slots::Slots;
use crate::pool::stats::Metrics;
use crate::runtime::engine::FIBER_STACK_BYTES;
use crate::runtime::request_ids::RequestNumbers;
use crate::runtime::share::Shares;

/// A command for a worker.
pub(crate) enum Command {
    /// Serve this connection. The permits count it as open.
    Serve(Accepted, OwnedSemaphorePermit),
    /// Warm the slots of new routes, and install them when that is told.
    Prepare(Prepare),
    /// Read all slots.
    ReadSlots(oneshot::Sender<Vec<RouteReading>>),
    /// Finish the requests in progress, then end.
    Drain,
}

/// The order to change the routes.
pub(crate) struct Prepare {
    /// Those to warm, which then replace others or are added.
    pub(crate) routes: Vec<Arc<Route>>,
    /// The paths of those to remove.
    pub(crate) removed: Vec<String>,
    /// Gets the result when all of them are warm, or one is not.
    pub(crate) warm: oneshot::Sender<Result<()>>,
    /// Sends when they are to be installed, and what to drop when they are. If it is dropped, they are dropped too.
    pub(crate) install: oneshot::Receiver<oneshot::Sender<()>>,
}

/// The connections of a thread, and the service for their requests.
struct Worker {
    index: usize,
    service: Rc<Service>,
    metrics: Metrics,
    /// How the routes share the time.
    shares: Arc<Shares>,
    connections: RefCell<Slab<Rc<ConnectionState>>>,
    /// Slots that were replaced, with requests that have them still.
    replaced: RefCell<Vec<Weak<Slots>>>,
    /// Notified when the last connection has ended.
    unused: Notify,
    /// There is a connection, or a route was replaced.
    used: Notify,
}

/// A worker, as the rest of the server uses it.
pub(crate) struct WorkerHandle {
    pub(crate) commands: mpsc::UnboundedSender<Command>,
    thread: JoinHandle<()>,
}

/// What a worker needs to start.
pub(crate) struct Plan {
    pub(crate) index: usize,
    pub(crate) limits: ServerLimits,
    pub(crate) route_limits: RouteLimits,
    pub(crate) bodies_bytes: u64,
    pub(crate) metrics: Metrics,
    pub(crate) playground: Option<Arc<Playground>>,
    pub(crate) development: Option<Arc<Development>>,
    pub(crate) exemplars: bool,
    pub(crate) access: Arc<AccessSwitch>,
}

/// How often connections are checked for those that have waited too long.
const SWEEP: Duration = Duration::from_millis(100);

impl WorkerHandle {
    /// Starts a worker, without any route.
    pub(crate) fn start(plan: Plan) -> Result<Self> {
        let (commands, received) = mpsc::unbounded_channel();
        let name = format!("worker-{}", plan.index);
        let thread = std::thread::Builder::new()
            // Short calls of guests run on it.
            .stack_size(FIBER_STACK_BYTES)
            .name(name)
            .spawn(move || {
                let runtime =
                    Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
                match runtime {
                    Ok(runtime) => runtime.block_on(run(plan, received)),
                    Err(error) => tracing::error!("cannot start a worker's runtime: {error}"),
                }
            })
            .context("cannot start a worker's thread")?;
        Ok(Self { commands, thread })
    }

    /// Waits until a draining worker has ended.
    pub(crate) fn join(self) {
        drop(self.commands);
        if self.thread.join().is_err() {
            tracing::error!("a worker panicked");
        }
    }
}

async fn run(plan: Plan, mut commands: mpsc::UnboundedReceiver<Command>) {
    let drain_time = plan.limits.drain_time.0;
    let worker = Worker::new(plan);
    let sweeper = spawn_local(Rc::clone(&worker).sweep());
    let shares = Arc::clone(&worker.shares);
    let turns = spawn_local(async move { shares.give_turns().await });
    while let Some(command) = commands.recv().await {
        match command {
            Command::Serve(accepted, permit) => Rc::clone(&worker).serve(accepted, permit),
            Command::Prepare(prepare) => {
                spawn_local(Rc::clone(&worker).prepare(prepare));
            }
            Command::ReadSlots(reply) => {
                let worker = Rc::clone(&worker);
                spawn_local(async move { drop(reply.send(worker.read_slots().await)) });
            }
            Command::Drain => break,
        }
    }
    // Later commands fail at once, instead of waiting for a reply.
    drop(commands);
    // The signal is stored, so it also reaches connections with a task that has not run yet.
    worker.connections.borrow().iter().for_each(|(_, state)| state.drain());
    if timeout(drain_time, worker.connections_end()).await.is_err() {
        let left = worker.connections.borrow().len();
        tracing::warn!(connections = left, "closed connections that did not end within drain-time");
    }
    sweeper.abort();
    turns.abort();
}

/// An open connection. It counts as open until this is dropped, also if its task panics.
struct Open {
    worker: Rc<Worker>,
    key: usize,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut connections = self.worker.connections.borrow_mut();
        connections.remove(self.key);
        if connections.is_empty() {
            self.worker.unused.notify_one();
        }
        self.worker.metrics.connections[self.worker.index].fetch_sub(1, Relaxed);
    }
}

impl Worker {
    fn new(plan: Plan) -> Rc<Self> {
        let service = Service {
            router: Router::default(),
            limits: plan.limits,
            route_limits: plan.route_limits,
            unrouted: Arc::clone(&plan.metrics.unrouted[plan.index]),
            bodies: BodyBudget::new(plan.bodies_bytes),
            playground: plan.playground,
            development: plan.development,
            numbers: RequestNumbers::of_worker(plan.index),
            names_requests: true,
            exemplars: plan.exemplars,
            accesses: Accesses::new(plan.access),
        };
        Rc::new(Self {
            index: plan.index,
            service: Rc::new(service),
            metrics: plan.metrics,
            shares: Arc::default(),
            connections: RefCell::new(Slab::new()),
            replaced: RefCell::default(),
            unused: Notify::new(),
            used: Notify::new(),
        })
    }

    /// Warms slots, and installs them if all workers could.
    async fn prepare(self: Rc<Self>, prepare: Prepare) {
        let mut new = Vec::with_capacity(prepare.routes.len());
        for route in prepare.routes {
            let stats = Arc::clone(&route.metrics.workers[self.index]);
            let bodies = &self.service.bodies;
            match Slots::warm(route, stats, Some(&self.shares), bodies).await {
                Ok(slots) => new.push(slots),
                // If nobody waits for the reason, another worker had one before.
                Err(error) => return drop(prepare.warm.send(Err(error))),
            }
        }
        if prepare.warm.send(Ok(())).is_err() {
            return;
        }
        let Ok(done) = prepare.install.await else { return };
        for slots in new {
            slots.begin();
            spawn_local(replace_idle(Rc::downgrade(&slots)));
            let old = self.service.router.install(slots);
            self.replaced.borrow_mut().extend(old.as_ref().map(Rc::downgrade));
        }
        for path in prepare.removed {
            let old = self.service.router.remove(&path);
            self.replaced.borrow_mut().extend(old.as_ref().map(Rc::downgrade));
        }
        self.used.notify_one();
        drop(done);
    }

    /// Drops the instances of replaced slots that no request needs.
    fn shrink_replaced(&self) {
        self.replaced.borrow_mut().retain(|slots| slots.upgrade().inspect(Slots::shrink).is_some());
    }

    fn serve(self: Rc<Self>, accepted: Accepted, permit: OwnedSemaphorePermit) {
        let state = ConnectionState::new();
        state.client.borrow_mut().address = accepted.address;
        let key = self.connections.borrow_mut().insert(Rc::clone(&state));
        self.used.notify_one();
        let open = Open { worker: self, key };
        spawn_local(async move {
            let service = Rc::clone(&open.worker.service);
            if let Err(error) = connection::serve(service, accepted, state, permit).await {
                tracing::warn!("cannot serve a connection: {error}");
            }
            drop(open);
        });
    }

    async fn sweep(self: Rc<Self>) {
        let mut ticks = interval(SWEEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // An idle server sleeps.
            while self.connections.borrow().is_empty() && self.replaced.borrow().is_empty() {
                self.used.notified().await;
            }
            self.shrink_replaced();
            let now = Instant::now();
            self.connections
                .borrow()
                .iter()
                .for_each(|(_, state)| state.check(now, &self.service.limits));
        }
    }

    async fn connections_end(&self) {
        // The notification may be from before a connection that is open now.
        while !self.connections.borrow().is_empty() {
            self.unused.notified().await;
        }
    }

    async fn read_slots(&self) -> Vec<RouteReading> {
        // At the same time, so that a slow route does not delay the others.
        let routes = self.service.router.all().into_iter();
        let routes: Vec<_> =
            routes.map(|slots| spawn_local(async move { slots.read().await })).collect();
        let mut all = Vec::with_capacity(routes.len());
        for read in routes {
            all.extend(read.await);
        }
        all
    }
}
