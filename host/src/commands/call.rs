//! `arenaria call`

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, anyhow};

use crate::args::CallArgs;
use crate::bindings::{Request, Response};
use crate::component;
use crate::config::Cache;
use crate::engine::{Clock, PoolSize, engine};
use crate::handler::nanoseconds;
use crate::instance::{Instance, Start};

/// A person waits; a loop should end some day.
const TIME: Duration = Duration::from_secs(10);

/// Sends one request to a new instance. The body goes to standard output, the status and header
/// fields to standard error; the exit code is 1 if the status is 400 or more.
///
/// # Errors
///
/// A sentence that names what is wrong, its value and the remedy.
pub fn call(args: &CallArgs) -> Result<u8> {
    let bytes = component::read(&args.file, args.memory)?;
    let body = args.data.as_deref().map_or_else(|| Ok(Vec::new()), read_data)?;
    let engine = engine(PoolSize { instances: 1, memory: args.memory }, &Cache::User)?;
    let _clock = Clock::start(&engine).context("cannot start the clock")?;
    let pre = component::load(&engine, &args.file, &bytes, args.memory)?;
    let start = Start { settings: args.settings.clone(), time: TIME, memory: args.memory };
    let headers: Vec<_> =
        args.header.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = Request {
        method: args.method.as_deref().unwrap_or(if args.data.is_some() { "POST" } else { "GET" }),
        path_with_query: &args.path,
        headers: &headers,
        body: &body,
        received_at: nanoseconds(SystemTime::now()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.context("cannot start a runtime")?.block_on(async {
        let failed = |fault| anyhow!("{}: {fault}", args.file.display());
        let mut instance = Instance::start(&pre, &start, Arc::default()).await.map_err(failed)?;
        let response = instance.handle(request, TIME).await.map_err(failed)?;
        print_response(&response)?;
        if args.usage {
            eprintln!("{:#?}", instance.usage(TIME).await.map_err(failed)?);
        }
        Ok(u8::from(response.status >= 400))
    })
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

fn print_response(response: &Response) -> Result<()> {
    eprintln!("{}", response.status);
    for (name, value) in &response.headers {
        eprintln!("{name}: {value}");
    }
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&response.body).and_then(|()| stdout.flush()).context("cannot write the body")
}
