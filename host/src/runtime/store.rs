//! The host's data of one instance: its memory limit, and its WASI.
//!
//! A component without imports has no WASI. Any other gets an implementation that gives access to
//! nothing: no files, an empty environment, no arguments, discarded output, refused sockets, denied
//! outgoing requests. Clocks and random numbers are real, because language runtimes need them.
//! [Grants](crate::config::grants::Grants) are the exceptions.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::http;
use tokio::sync::Semaphore;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use crate::config::grants::{Authority, Grants};
use crate::config::limits::RouteLimits;
use crate::config::units::Size;
use crate::runtime::guest_log::GuestLog;
use crate::runtime::log_stream::LogStream;
use crate::runtime::memory::MemoryLimiter;
use crate::runtime::phase_names::PhaseNames;

/// How an instance is started. It has no `Debug`, because settings can be secrets.
#[derive(Clone)]
pub(crate) struct InstanceConfig {
    /// The settings: passed to `configure`, and visible through the grants `config` and
    /// `environment`.
    pub settings: Vec<(String, String)>,
    /// The time limit of the start.
    pub time: Duration,
    /// The time limit of a later call, including waits, for components with imports.
    pub call_time: Duration,
    /// All the memory that the instance may have.
    pub memory: Size,
    /// The maximum number of concurrent outgoing requests, where any are granted.
    pub(crate) outgoing_requests: usize,
    /// The maximum number of handles to host resources. A language runtime with garbage collection
    /// keeps a handle for every piece of a long body until it collects.
    pub(crate) handles: usize,
    /// The maximum size of the header fields of a message that the guest makes.
    pub(crate) head: Size,
    /// What the guest may access.
    pub grants: Grants,
    /// What it may write to the log.
    pub(crate) log: GuestLog,
    /// The names of the phases that it has reported.
    pub(crate) phase_names: PhaseNames,
    /// Whether short calls may run on the stack of the thread, which needs 2 MiB, and stop it for some milliseconds.
    pub(crate) may_block: bool,
}

impl InstanceConfig {
    /// The limits of a route with this log, for a guest with these settings and grants.
    pub(crate) fn new(
        log: GuestLog,
        limits: &RouteLimits,
        settings: Vec<(String, String)>,
        grants: Grants,
    ) -> Self {
        Self {
            settings,
            time: limits.configure_time.0,
            call_time: limits.request_time.0,
            memory: limits.memory,
            outgoing_requests: limits.outgoing_requests,
            handles: limits.guest_handles,
            head: limits.guest_head,
            grants,
            log,
            phase_names: PhaseNames::default(),
            may_block: true,
        }
    }
}

/// The host's data of one instance.
pub(crate) struct StoreData {
    pub(crate) memory: MemoryLimiter,
    /// None for a component without imports: see [`linker`].
    wasi: Option<Box<Wasi>>,
}

/// The WASI of one instance.
struct Wasi {
    table: ResourceTable,
    context: WasiCtx,
    http: WasiHttpCtx,
    outgoing: Outgoing,
    config: WasiConfigVariables,
}

/// The largest piece of a body that is copied from a guest at once.
const CHUNK_BYTES: usize = 64 << 10;
/// The most random bytes per call.
const RANDOM_BYTES_MAX: u64 = 1 << 20;

impl StoreData {
    /// The data for a component without imports.
    pub(crate) fn without_wasi(memory: MemoryLimiter) -> Self {
        Self { memory, wasi: None }
    }

    /// The data for a component that imports WASI.
    pub(crate) fn with_wasi(memory: MemoryLimiter, config: &InstanceConfig) -> Self {
        Self { memory, wasi: Some(Box::new(Wasi::new(config))) }
    }

    /// How many handles to host resources the guest holds.
    pub(crate) fn handles(&mut self) -> usize {
        self.wasi.as_mut().map_or(0, |wasi| wasi.table.iter_mut().count())
    }

    fn wasi(&mut self) -> &mut Wasi {
        self.wasi.as_mut().expect("only components with imports are linked with WASI")
    }

    /// A store with this data.
    pub(crate) fn store(self, engine: &Engine, config: &InstanceConfig) -> Store<Self> {
        let mut store = Store::new(engine, self);
        store.limiter(|data| &mut data.memory);
        store.set_max_component_handles(config.handles);
        store
    }
}

impl Wasi {
    fn new(config: &InstanceConfig) -> Self {
        let InstanceConfig { grants, settings, .. } = config;
        let mut context = WasiCtxBuilder::new();
        context.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        context.max_random_size(RANDOM_BYTES_MAX);
        if grants.environment {
            context.envs(settings);
        }
        if grants.stdio {
            let stream = |name| LogStream::new(name, config.log.clone());
            context.stdout(stream("stdout")).stderr(stream("stderr"));
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(config.handles);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(config.head.bytes());
        Self {
            table,
            context: context.build(),
            http,
            outgoing: Outgoing::to(&grants.outgoing, config.outgoing_requests),
            config: if grants.config { settings.iter().cloned().collect() } else { <_>::default() },
        }
    }
}

impl WasiView for StoreData {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi();
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.table }
    }
}

impl WasiHttpView for StoreData {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let wasi = self.wasi();
        WasiHttpCtxView { hooks: &mut wasi.outgoing, table: &mut wasi.table, ctx: &mut wasi.http }
    }
}

/// Sends outgoing requests to granted destinations and denies all others.
pub(crate) struct Outgoing {
    granted: Arc<[Authority]>,
    /// Limits concurrent requests, because each uses a socket and buffers of the host.
    permits: Arc<Semaphore>,
}

impl Outgoing {
    fn to(granted: &[Authority], at_once: usize) -> Self {
        Self { granted: granted.into(), permits: Arc::new(Semaphore::new(at_once)) }
    }

    pub(crate) fn nowhere() -> Self {
        Self::to(&[], 0)
    }
}

/// A response, and the future that drives its connection while the body is read.
type Sent = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), HttpError>> + Send>);

impl WasiHttpHooks for Outgoing {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        done: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, HttpError>> + Send> {
        if !self.granted.iter().any(|granted| granted.covers(request.uri())) {
            return Box::new(async { Err(HttpError::HttpRequestDenied) });
        }
        drop(done);
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            return Box::new(async { Err(HttpError::ConnectionLimitReached) });
        };
        Box::new(async move {
            let (response, rest) =
                wasmtime_wasi_http::default_send_request(request, options).await?;
            let response = response.map(http_body_util::BodyExt::boxed_unsync);
            let rest = async move {
                let _permit = permit;
                rest.await
            };
            Ok((response, Box::new(rest) as Box<_>))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }
}

/// A linker that provides these imports. It is empty for a component without imports.
///
/// # Errors
///
/// If a name is defined twice, which does not happen.
pub(crate) fn linker(
    engine: &Engine,
    imports: &[String],
    is_asynchronous: bool,
) -> wasmtime::Result<Linker<StoreData>> {
    let mut linker = Linker::new(engine);
    if imports.is_empty() {
        return Ok(linker);
    }
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    // Whether it may be imported was decided by name: see [`crate::component::world::ungranted`].
    wasmtime_wasi_config::add_to_linker(&mut linker, |data: &mut StoreData| {
        WasiConfig::from(&data.wasi().config)
    })?;
    if is_asynchronous {
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    }
    Ok(linker)
}
