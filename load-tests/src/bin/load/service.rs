//! The service under load: arenaria with a component, started for the scenario, or a server that
//! somebody else has started.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http1::client::{once, request};
use hyper::Uri;
use load_tests::cross_check::{CrossCheck, Outcome};
use load_tests::generator::{Generator, Measured, Pace, RequestTemplate};
use load_tests::monitor::{Monitor, Sample};
use load_tests::payload::{PROGRAM, webhook};
use load_tests::procfs::cpu_time;
use load_tests::report::Section;
use load_tests::server::{Launch, Server};
use serde_json::Value;

use crate::environment::{Environment, span};
use crate::latency::progress;

/// Enough for connections, caches and the CPU's clock to settle.
const WARM_UP: Duration = Duration::from_secs(1);
/// The size of the document that the transform is sent unless told otherwise.
const DOCUMENT_BYTES: usize = 1024;

/// What is loaded, and with what.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Service")]
pub(crate) struct Service {
    /// The component to serve [default: the transform, with a webhook's program and document]
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// Load a server that is running already instead: `http://HOST:PORT`
    #[arg(long, value_name = "URL", conflicts_with = "component")]
    url: Option<String>,
    /// The path and query that requests ask for
    #[arg(long, default_value = "/", value_name = "PATH")]
    route: String,
    /// The method [default: POST with a body, GET without]
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// A file with the body of every request
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// How long it is loaded, each time
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = span)]
    duration: Duration,
    /// Connections that requests are spread over
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) connections: u16,
    /// Further arguments of `arenaria serve`, behind `--`: settings (`--set KEY=VALUE`), workers, limits
    #[arg(last = true, value_name = "ARGS", conflicts_with = "url")]
    serve: Vec<String>,
}

/// A service that answers, and the request that it answers.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    service: &'a Service,
    pace: Pace,
    /// None if somebody else has started it.
    server: Option<Server>,
    address: SocketAddr,
    method: String,
    body: Vec<u8>,
    template: RequestTemplate,
}

/// How a service is loaded, after a warm-up that is not counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) connections: u16,
    pub(crate) pace: Pace,
    pub(crate) duration: Duration,
}

/// What came of it. What is known of the server alone is missing if it is not ours.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) run: Measured,
    /// What the server and its children used until the last answer.
    cpu: Option<Duration>,
    /// One in each second.
    pub(crate) samples: Vec<Sample>,
}

impl Service {
    /// Loads a server that is started for it: what another load has left behind must not help.
    pub(crate) fn measure(
        &self,
        env: &Environment,
        pace: Pace,
        section: &mut Section,
    ) -> Result<(Running<'_>, Loaded)> {
        let running = self.start(env, pace, section)?;
        let Running { server, address, template, .. } = &running;
        let load = Load { connections: self.connections, pace, duration: self.duration };
        let loaded = load.send(env, *address, template, server.as_ref())?;
        section.interrupted = env.stopped();
        Ok((running, loaded))
    }

    /// Starts the server and asks it once: what is loaded must answer.
    fn start(&self, env: &Environment, pace: Pace, section: &mut Section) -> Result<Running<'_>> {
        let (server, address) = match &self.url {
            Some(url) => {
                section.command(url.clone());
                (None, resolve(url)?)
            }
            None => {
                let launch = self.launch(env, pace)?;
                section.command(launch.command_line());
                let server = launch.start(&env.workspace)?;
                let address = server.address;
                (Some(server), address)
            }
        };
        let (body, right) = self.document(env)?;
        let method =
            self.method.clone().unwrap_or(if body.is_empty() { "GET" } else { "POST" }.into());
        let template = rehearse(address, &method, &self.route, &body, right.as_ref());
        let template = template.with_context(|| match &server {
            Some(server) => server.log_tail(),
            None => format!("{address} does not answer as it must"),
        })?;
        Ok(Running { service: self, pace, server, address, method, body, template })
    }

    /// What serves, in a few words.
    pub(crate) fn name(&self) -> String {
        let stem = self.component.as_ref().and_then(|file| file.file_stem());
        let name = stem.map_or_else(|| "transform".into(), |stem| stem.to_string_lossy());
        self.url.clone().unwrap_or_else(|| name.into_owned())
    }

    fn launch(&self, env: &Environment, pace: Pace) -> Result<Launch> {
        let component = match &self.component {
            Some(component) => component.clone(),
            None => env.paths.component("transform")?,
        };
        let (connections, program) = (self.connections.to_string(), format!("program={PROGRAM}"));
        let mut defaults = vec![["--workers", "1"]];
        if self.component.is_none() {
            defaults.push(["--set", &program]);
        }
        // In a closed loop the queue is as long as there are connections.
        if matches!(pace, Pace::Closed) {
            defaults.extend([["--queue-length", &connections], ["--queue-time", "10s"]]);
        }
        // A flag must not stand twice: those that are given win.
        defaults.retain(|[flag, _]| !self.serve.iter().any(|word| word == flag));
        let component = component.display().to_string();
        let words = std::iter::once(component.as_str()).chain(defaults.into_iter().flatten());
        env.arenaria("arenaria", words.chain(self.serve.iter().map(String::as_str)))
    }

    /// The body of every request, and what must come of it where that is known.
    fn document(&self, env: &Environment) -> Result<(Vec<u8>, Option<Value>)> {
        if let Some(path) = &self.body {
            let body =
                std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            return Ok((body, None));
        }
        if self.component.is_some() || self.url.is_some() {
            return Ok((Vec::new(), None));
        }
        let webhook = webhook(env.seed, DOCUMENT_BYTES);
        let is_known = !self.serve.iter().any(|word| word == "--set");
        Ok((webhook.text.into_bytes(), is_known.then_some(webhook.answer)))
    }
}

impl Load {
    /// Sends on the generator's core, and watches the server if it is ours. In an open loop the generator
    /// spends its core on waiting.
    pub(crate) fn send(
        &self,
        env: &Environment,
        address: SocketAddr,
        template: &RequestTemplate,
        server: Option<&Server>,
    ) -> Result<Loaded> {
        let alone = env.generator_core.is_some() && matches!(self.pace, Pace::Open { .. });
        env.pinned(|| {
            let (connections, templates) = (self.connections.into(), vec![template.clone()]);
            let mut generator = Generator::connect(address, connections, templates, alone)?;
            generator.run(self.pace, WARM_UP, env.stop(), |_| {})?;
            let monitor = server.map(|server| Monitor::start(server.pid(), server.operator));
            let before = cpu(server);
            let run = generator.run(self.pace, self.duration, env.stop(), progress)?;
            let cpu = cpu(server).zip(before).map(|(after, before)| after - before);
            Ok(Loaded { run, cpu, samples: monitor.map_or_else(Vec::new, Monitor::finish) })
        })
    }
}

impl Loaded {
    /// Right answers in a second, the last ones included.
    pub(crate) fn per_second(&self) -> f64 {
        self.run.latency.len() as f64 / self.run.total.as_secs_f64()
    }

    /// CPU time of the server for each right answer, microseconds.
    pub(crate) fn server_us(&self) -> Option<f64> {
        self.cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / self.run.latency.len().max(1) as f64)
    }

    /// The share of its core that the server used.
    pub(crate) fn server_busy_percent(&self) -> Option<f64> {
        self.cpu.map(|cpu| cpu.as_secs_f64() / self.run.total.as_secs_f64() * 100.0)
    }
}

/// What another generator says, and the CPU time of the server meanwhile.
type Opinion = (Outcome, Option<Duration>);

impl Running<'_> {
    /// The same load by wrk (a closed loop) or oha (a fixed rate). A second opinion that cannot be had must
    /// not cost the first: it becomes a note.
    pub(crate) fn second_opinion(
        &self,
        env: &Environment,
        section: &mut Section,
    ) -> Option<Opinion> {
        if env.stopped() {
            return None;
        }
        let said = self.cross_check(env, section);
        said.map_err(|error| section.note(format!("no cross-check: {error:#}"))).ok()
    }

    fn cross_check(&self, env: &Environment, section: &mut Section) -> Result<Opinion> {
        let rate = match self.pace {
            Pace::Open { per_second, .. } => Some(per_second),
            Pace::Closed => None,
        };
        let check = CrossCheck {
            method: self.method.clone(),
            path: self.service.route.clone(),
            body: (!self.body.is_empty()).then(|| env.write("body", &self.body)).transpose()?,
            core: env.generator_core,
            connections: self.service.connections.into(),
            duration: self.service.duration,
            rate,
        };
        section.command(check.command_line(&env.paths)?);
        let before = cpu(self.server.as_ref());
        let said = check.run(self.address, &env.paths, env.stop())?;
        ensure!(rate.is_some() || said.errors == 0, "wrk had {} errors", said.errors);
        let after = cpu(self.server.as_ref());
        Ok((said, after.zip(before).map(|(after, before)| after - before)))
    }

    /// Ends the server, if it is ours.
    pub(crate) fn stop(self) -> Result<()> {
        self.server.map_or(Ok(()), Server::stop)
    }
}

/// Asks once. Gives the request and, where the right answer is known, the bytes that must come of it each
/// time.
pub(crate) fn rehearse(
    address: SocketAddr,
    method: &str,
    target: &str,
    body: &[u8],
    right: Option<&Value>,
) -> Result<RequestTemplate> {
    let answer = once(address, method, target, body)?;
    let (status, text) = (answer.status, String::from_utf8_lossy(&answer.body));
    ensure!(status < 400, "{method} {target} is answered with {status}: {text}");
    if let Some(right) = right {
        // A body that is not JSON is its text.
        let body = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(&*text));
        ensure!(body == *right, "expected {right} from {address}, got {status} {body}");
    }
    let wire = request(method, target, body);
    Ok(RequestTemplate { wire, expected: right.map(|_| answer.body) })
}

/// The CPU time that a server of ours and its children have used.
fn cpu(server: Option<&Server>) -> Option<Duration> {
    server.and_then(|server| cpu_time(server.pid()).ok())
}

/// The address in `http://HOST:PORT`, and nothing else: what it serves is told by `--route`.
fn resolve(url: &str) -> Result<SocketAddr> {
    let uri: Uri = url.parse().with_context(|| format!("expected a URL, got {url:?}"))?;
    let is_http = uri.scheme_str() == Some("http");
    ensure!(is_http, "{url} does not begin with http://; TLS is not spoken here");
    ensure!(uri.path() == "/", "{url}: give the path with --route");
    let authority = format!("{}:{}", uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80));
    let mut found =
        authority.to_socket_addrs().with_context(|| format!("{authority} is not known"))?;
    found.next().with_context(|| format!("{authority} has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_urls() {
        let check =
            |url: &str, address: &str| assert_eq!(resolve(url).unwrap().to_string(), address);
        check("http://127.0.0.1:8080", "127.0.0.1:8080");
        check("http://127.0.0.1:8080/", "127.0.0.1:8080");
        check("http://127.0.0.1", "127.0.0.1:80");
        check("http://[::1]:1", "[::1]:1");
        let refused = |url: &str, words: &str| {
            assert!(resolve(url).unwrap_err().to_string().contains(words), "{url}");
        };
        refused("https://127.0.0.1", "TLS is not spoken here");
        refused("http://127.0.0.1/a", "--route");
    }
}
