//! The routes of a configuration without a listener. A request goes through the server's own handler, so limits,
//! forwarded header fields, streams of records and error responses are those of the server.
//!
//! Each route has one instance, and one request is sent at a time.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, client};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt as _, DuplexStream, copy, duplex, sink};
use tokio::task::JoinSet;

use crate::component::world::World;
use crate::config::file::Config;
use crate::config::isolation::Isolation;
use crate::config::requests::{INSTANCES, PIPE_BYTES, RESPONSE_BYTES_MAX};
use crate::http::access::Accesses;
use crate::http::connection_state::ConnectionState;
use crate::http::handler;
use crate::http::http1;
use crate::http::router::Router;
use crate::http::service::Service;
use crate::pool::body_budget::BodyBudget;
use crate::pool::route::Route;
use crate::pool::slots::Slots;
use crate::pool::stats::{RouteMetrics, RouteStats};
use crate::project::requests::compare::Received;
use crate::project::requests::file::Case;
use crate::project::requests::report::{Memory, NoMemory};
use crate::runtime::clock::Clock;
use crate::runtime::engine::{engine, open_cache};
use crate::runtime::load::Source;
use crate::runtime::request_ids::RequestNumbers;

/// The routes of a configuration, ready for requests.
pub(super) struct Served {
    config: Config,
    /// By index of the route.
    routes: Vec<Started>,
    bodies: Arc<BodyBudget>,
    _clock: Clock,
}

/// A route with its instance.
struct Started {
    slots: Rc<Slots>,
    /// Whether each request needs a new instance, and this one is not enough: it would be dropped before the usage
    /// of its arena can be read.
    is_renewed: bool,
    has_served: bool,
}

/// What came of a request.
pub(super) struct Exchange {
    /// The path of the route. None if no route matches.
    pub(super) route: Option<String>,
    /// The response, or why none came.
    pub(super) response: Result<Received, String>,
    pub(super) time: Duration,
    /// The fault of the instance, if it had one.
    pub(super) fault: Option<String>,
    /// Whether a response may be good in spite of a fault: in a stream of records, one record has failed.
    pub(super) is_stream: bool,
    /// The usage of its arena, or why it is not known. An error if its instance could not be replaced.
    pub(super) usage: Result<Result<Memory, NoMemory>, String>,
}

impl Served {
    /// Loads the components and starts an instance of each. With `is_fresh`, every request gets a new one.
    ///
    /// # Errors
    ///
    /// If the server could not start with this configuration either.
    pub(super) async fn start(mut config: Config, is_fresh: bool) -> Result<Self> {
        let sources = config
            .routes
            .iter()
            .map(|route| Source::read(&route.component, route.limits.memory, &route.grants));
        let sources = sources.collect::<Result<Vec<_>>>()?;
        let cache = open_cache(&config.cache)?;
        let engines = config.routes.iter().zip(&sources).map(|(route, source)| {
            let pool = source.pool(INSTANCES, route.limits.memory);
            engine(source.engine_kind(), pool, cache.clone())
        });
        let engines = engines.collect::<Result<Vec<_>>>()?;
        let clock = Clock::start().context("cannot start the clock")?;
        let engines: Vec<_> = engines.into_iter().map(|engine| clock.drive(engine)).collect();
        let mut routes = Vec::with_capacity(sources.len());
        let bodies = BodyBudget::new(config.bodies_per_worker().0);
        for ((route, source), engine) in config.routes.iter_mut().zip(&sources).zip(&engines) {
            route.slots = 1;
            // The figures of a request are read after it, from the instance that served it.
            route.limits.requests_per_instance = u64::MAX;
            let is_processor = source.needs.world == World::Processor;
            let is_always_fresh = route.isolation == Some(Isolation::Fresh);
            if is_processor {
                route.isolation = Some(Isolation::Reuse);
            }
            let metrics = RouteMetrics::new(&route.path, 1, route.limits.log_lines);
            let route = Route::load(engine, route, source, metrics).await?;
            let is_renewed = match route.isolation {
                Isolation::Reuse => is_fresh || (is_processor && is_always_fresh),
                Isolation::Fresh => false,
            };
            let slots = Slots::warm(Arc::new(route), RouteStats::new(), None, &bodies).await?;
            routes.push(Started { slots, is_renewed, has_served: false });
        }
        Ok(Self { config, routes, bodies, _clock: clock })
    }

    /// Sends a request, and waits until an instance is ready for the next one.
    ///
    /// # Errors
    ///
    /// If a new instance is needed and cannot be started.
    pub(super) async fn send(&mut self, case: &Case) -> Result<Exchange> {
        let router = Router::new(self.routes.iter().map(|route| Rc::clone(&route.slots)).collect());
        let found = router.find(case.target.path());
        drop(router);
        let index = found.and_then(|found| {
            self.routes.iter().position(|route| Rc::ptr_eq(&route.slots, &found))
        });
        if let Some(index) = index {
            self.renew(index).await?;
        }
        let slots = index.map(|index| Rc::clone(&self.routes[index].slots));
        let taken = slots.as_ref().map_or(0, |slots| slots.taken());
        let begun = Instant::now();
        let response = exchange(self.service(), case).await;
        let time = begun.elapsed();
        let Some(slots) = slots else {
            let usage = Ok(Err(NoMemory::NoRoute));
            return Ok(Exchange {
                route: None,
                response,
                time,
                fault: None,
                is_stream: false,
                usage,
            });
        };
        // A component with imports may run on after its response.
        let limits = &slots.route.limits;
        let patience = limits.request_time.0 + limits.configure_time.0;
        let is_called = slots.taken() > taken;
        let usage = slots.read_usage_after_request(patience).await;
        // Either of the request, or of the reading: an arena that is full fails there too.
        let fault = slots.take_fault();
        let usage = match usage {
            Ok(_) if !is_called => Ok(Err(NoMemory::NotCalled)),
            Ok(_) if fault.is_some() => Ok(Err(NoMemory::InstanceLost)),
            Ok(None) if slots.route.reads_usage() => Ok(Err(NoMemory::InstanceLost)),
            Ok(usage) => {
                let usage = usage.filter(|usage| usage.capacity > 0);
                Ok(usage.as_ref().map(Memory::from).ok_or(NoMemory::NoArena))
            }
            Err(_) => Err(format!("no instance was ready again within {patience:?}")),
        };
        let (route, is_stream) = (Some(slots.route.path.clone()), slots.route.records);
        Ok(Exchange { route, response, time, fault, is_stream, usage })
    }

    /// Starts a new instance for a route that needs one for each request.
    async fn renew(&mut self, index: usize) -> Result<()> {
        let started = &mut self.routes[index];
        if started.is_renewed && started.has_served {
            let route = Arc::clone(&started.slots.route);
            started.slots = Slots::warm(route, RouteStats::new(), None, &self.bodies).await?;
        }
        started.has_served = true;
        Ok(())
    }

    /// The service of the server, for one connection. It has no playground.
    fn service(&self) -> Rc<Service> {
        Rc::new(Service {
            router: Router::new(self.routes.iter().map(|route| Rc::clone(&route.slots)).collect()),
            limits: self.config.limits.clone(),
            route_limits: self.config.route_limits.clone(),
            unrouted: RouteStats::new(),
            bodies: Arc::clone(&self.bodies),
            playground: None,
            development: None,
            numbers: RequestNumbers::of_worker(0),
            // A response is the same each time.
            names_requests: false,
            exemplars: false,
            accesses: Accesses::new(Arc::default()),
        })
    }
}

/// Sends a request through a connection of its own.
async fn exchange(service: Rc<Service>, case: &Case) -> Result<Received, String> {
    let (client, server) = duplex(PIPE_BYTES);
    let failed = |error: hyper::Error| format!("the server closed the connection: {error}");
    // Both tasks end with this function.
    let mut tasks = JoinSet::new();
    tasks.spawn_local(serve(service, server));
    let handshake = client::conn::http1::handshake(TokioIo::new(client)).await;
    let (mut sender, connection) = handshake.map_err(failed)?;
    tasks.spawn_local(async { drop(connection.await) });
    let response = sender.send_request(request(case)).await.map_err(failed)?;
    let received = receive(response).await;
    drop(sender);
    Ok(received)
}

fn request(case: &Case) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::from(case.body.clone()));
    *request.method_mut() = case.method.clone();
    *request.uri_mut() = case.target.clone().into();
    let headers = request.headers_mut();
    if !case.headers.iter().any(|(name, _)| *name == HOST) {
        headers.insert(HOST, HeaderValue::from_static("localhost"));
    }
    for (name, value) in &case.headers {
        headers.append(name, value.clone());
    }
    request
}

/// Serves a connection as a worker does, but without the timers of sockets.
async fn serve(service: Rc<Service>, server: DuplexStream) {
    let builder = http1::builder(&service.limits);
    let state = ConnectionState::new();
    let handle =
        service_fn(move |request| handler::handle(Rc::clone(&service), Rc::clone(&state), request));
    let connection = builder.serve_connection(TokioIo::new(server), handle);
    // The client gets the response even if it came before the end of the request.
    if let Ok(parts) = connection.without_shutdown().await {
        let mut server = parts.io.into_inner();
        let _ = server.shutdown().await;
        let _ = copy(&mut server, &mut sink()).await;
    }
}

async fn receive(response: Response<Incoming>) -> Received {
    let (head, mut incoming) = response.into_parts();
    let (mut body, mut cut) = (Vec::new(), None);
    while let Some(frame) = incoming.frame().await {
        match frame {
            Ok(frame) => body.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            Err(error) => cut = Some(format!("the server cut it: {error}")),
        }
        if body.len() > RESPONSE_BYTES_MAX.bytes() {
            cut = Some(format!("it is larger than {RESPONSE_BYTES_MAX}"));
        }
        if cut.is_some() {
            break;
        }
    }
    Received { status: head.status.as_u16(), headers: head.headers, body, cut }
}
