//! `arenaria call`

use std::io::Read as _;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{HOST, HeaderValue};

use crate::cli::args::CallArgs;
use crate::cli::component_path::check_component;
use crate::cli::output::{self, note};
use crate::component::guest_text::GuestText;
use crate::component::world::World;
use crate::config::grants::Grants;
use crate::config::isolation::Cache;
use crate::config::limits::RouteLimitSettings;
use crate::config::units::Timeout;
use crate::runtime::bindings::nanoseconds;
use crate::runtime::bindings::{Request, Response};
use crate::runtime::clock::Clock;
use crate::runtime::engine::{engine, open_cache};
use crate::runtime::fault::Fault;
use crate::runtime::guest_log::GuestLog;
use crate::runtime::instance::{Account, Instance};
use crate::runtime::load::Source;
use crate::runtime::log_buffer::LogLines;
use crate::runtime::store::InstanceConfig;
use crate::runtime::wasi_http_call::{CallError, Reply, WasiHttpCall};

/// The time limit of the call: a user waits for it.
const TIME: Duration = Duration::from_secs(10);

/// Sends one request to a new instance. The body goes to standard output, the status and header
/// fields to standard error; the exit code is 1 if the status is 400 or more.
///
/// # Errors
///
/// If the call fails. The message names the problem, its value and the remedy.
pub fn call(args: &CallArgs) -> Result<u8> {
    check_component(&args.file)?;
    let grants = Grants::parse(&args.grants)?;
    let source = Source::read(&args.file, args.memory, &grants)?;
    let body = args.data.as_deref().map_or_else(|| Ok(Vec::new()), read_data)?;
    let pool = source.pool(1, args.memory);
    let engine = engine(source.engine_kind(), pool, open_cache(&Cache::User)?)?;
    let clock = Clock::start().context("cannot start the clock")?;
    let engine = clock.drive(engine);
    let loaded = source.load(&engine, args.memory)?;
    let limits = RouteLimitSettings {
        memory: Some(args.memory),
        configure_time: Some(Timeout(TIME)),
        request_time: Some(Timeout(TIME)),
        outgoing_requests: Some(1),
        ..RouteLimitSettings::default()
    };
    let limits = limits.resolve(1);
    let log = GuestLog::new(&args.path, limits.log_lines);
    let config = InstanceConfig::new(log, &limits, args.settings.clone(), grants);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start a runtime")?.block_on(async {
        let failed = |fault| anyhow!("{}: {fault}", args.file.display());
        let mut instance =
            Instance::start(&loaded, &config, Account::default()).await.map_err(failed)?;
        let response = match source.needs.world {
            World::Processor => process(args, &body, &mut instance).await.map_err(failed),
            World::Proxy | World::Service => call_wasi_http(args, body, &mut instance).await,
        };
        print_log(&instance.take_log().unwrap_or_default());
        let response = response?;
        print_response(&response)?;
        if args.usage && source.needs.world == World::Processor {
            note(format_args!("{:#?}", instance.usage(TIME).await.map_err(failed)?));
        }
        Ok(u8::from(response.status >= 400))
    })
}

fn method(args: &CallArgs) -> &str {
    args.method.as_deref().unwrap_or(if args.data.is_some() { "POST" } else { "GET" })
}

async fn process(args: &CallArgs, body: &[u8], instance: &mut Instance) -> Result<Response, Fault> {
    let headers: Vec<_> =
        args.header.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = Request {
        method: method(args),
        path_with_query: &args.path,
        headers: &headers,
        body,
        received_at: nanoseconds(SystemTime::now()),
    };
    instance.handle(request, TIME).await
}

/// Calls a `wasi:http` component and collects its streamed response.
async fn call_wasi_http(
    args: &CallArgs,
    body: Vec<u8>,
    instance: &mut Instance,
) -> Result<Response> {
    let mut request = hyper::Request::builder().method(method(args)).uri(&args.path);
    if !args.header.iter().any(|(name, _)| name == "host") {
        request = request.header(HOST, "localhost");
    }
    for (name, value) in &args.header {
        request = request.header(name, value);
    }
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
    let request = request.body(body.boxed_unsync()).context("the request is malformed")?;
    let (reply, received) = Reply::new();
    let collected = async {
        let (head, body) = match received.await {
            Ok(Ok(response)) => response.into_parts(),
            Ok(Err(CallError::GuestError(what))) => {
                bail!("the component returned the error {what}")
            }
            Ok(Err(CallError::Fault(_))) | Err(_) => bail!("the component returned no response"),
        };
        let body = body
            .collect()
            .await
            .map_err(|error| anyhow!("the response is incomplete: {}", GuestText::new(error)))?;
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let fields = head.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
        let (status, headers) = (head.status.as_u16(), fields.collect());
        Ok(Response { status, headers, body: body.to_bytes().into() })
    };
    let (ended, response) = tokio::join!(
        instance.call_wasi_http(WasiHttpCall { request, reply }, TIME, TIME),
        collected
    );
    ended.map_err(|fault| anyhow!("{}: {fault}", args.file.display()))?;
    response
}

fn read_data(data: &str) -> Result<Vec<u8>> {
    match data.strip_prefix('@') {
        None => Ok(data.as_bytes().to_vec()),
        Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
            Ok(bytes)
        }
        Some(path) => std::fs::read(path)
            .map_err(|error| anyhow!("cannot read the body {path}: {error}; check --data")),
    }
}

/// The lines that the processor logged, before its response or its fault.
fn print_log(logged: &LogLines) {
    if logged.dropped > 0 {
        note(format_args!("log: {} older lines were dropped", logged.dropped));
    }
    for line in logged.iter() {
        note(format_args!("log {}: {}", <&str>::from(line.level), line.text()));
    }
}

fn print_response(response: &Response) -> Result<()> {
    note(response.status);
    for (name, value) in &response.headers {
        note(format_args!("{}: {}", GuestText::new(name), GuestText::new(value)));
    }
    output::bytes(&response.body)
}
