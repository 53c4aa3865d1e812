//! The service under load: arenaria with a component, started for the scenario, or a server that
//! somebody else has started.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use http1::client::{once, request};
use load_tests::cross_check::CrossCheck;
use load_tests::generator::{Generator, Measured, Pace, RequestTemplate};
use load_tests::monitor::{Monitor, Sample};
use load_tests::payload::{PROGRAM, webhook};
use load_tests::procfs::cpu_time;
use load_tests::server::{Launch, Server};

use crate::environment::Environment;
use crate::latency::progress;

/// The size of the document that the transform is sent unless told otherwise.
const DOCUMENT_BYTES: usize = 1024;

/// What is loaded, and with what.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Service")]
pub(crate) struct Service {
    /// The component to serve [default: the transform, with a webhook's program and document]
    #[arg(long, value_name = "FILE")]
    pub(crate) component: Option<PathBuf>,
    /// Load a server that is running already instead: `http://HOST:PORT`
    #[arg(long, value_name = "URL", conflicts_with = "component")]
    pub(crate) url: Option<String>,
    /// The path and query that requests ask for
    #[arg(long, default_value = "/", value_name = "PATH")]
    pub(crate) route: String,
    /// The method [default: POST with a body, GET without]
    #[arg(long, value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// A file with the body of every request
    #[arg(long, value_name = "FILE")]
    pub(crate) body: Option<PathBuf>,
    /// A setting of the component; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", conflicts_with = "url")]
    pub(crate) settings: Vec<String>,
    /// The server's workers
    #[arg(long, default_value_t = 1, value_name = "N", conflicts_with = "url")]
    pub(crate) workers: u32,
    /// Further arguments of `arenaria serve`, behind `--`
    #[arg(last = true, value_name = "ARGS", conflicts_with = "url")]
    pub(crate) serve: Vec<String>,
}

/// A service that answers, and the request that it answers.
#[derive(Debug)]
pub(crate) struct Running {
    /// None if somebody else has started it.
    pub(crate) server: Option<Server>,
    pub(crate) address: SocketAddr,
    /// How it was started, or where it was found.
    pub(crate) command: String,
    pub(crate) template: RequestTemplate,
    method: String,
    route: String,
    body: Vec<u8>,
}

impl Service {
    /// Starts the server, with `more` arguments, and asks it once: what is loaded must answer.
    pub(crate) fn start(&self, env: &Environment, more: &[&str]) -> Result<Running> {
        let (server, address, command) = match &self.url {
            Some(url) => (None, resolve(url)?, url.clone()),
            None => {
                let launch = self.launch(env, more)?;
                let server = launch.start(&env.workspace)?;
                let address = server.address;
                (Some(server), address, launch.command_line())
            }
        };
        let (body, expected) = self.document(env)?;
        let method =
            self.method.clone().unwrap_or(if body.is_empty() { "GET" } else { "POST" }.into());
        let answer = once(address, &method, &self.route, &body).with_context(|| match &server {
            Some(server) => server.log_tail(),
            None => format!("{address} does not answer"),
        })?;
        ensure!(
            answer.status < 400,
            "{method} {} is answered with {}: {}",
            self.route,
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        if let Some(expected) = &expected {
            let body: serde_json::Value = serde_json::from_slice(&answer.body)
                .context("the transform's answer is not JSON")?;
            ensure!(body == *expected, "the answer is {body} instead of {expected}");
        }
        let wire = request(&method, &self.route, &body);
        // Only where the right answer is known must every answer be like the first.
        let template = RequestTemplate { wire, expected: expected.map(|_| answer.body) };
        Ok(Running { server, address, command, template, method, route: self.route.clone(), body })
    }

    /// What serves, in a few words.
    pub(crate) fn name(&self) -> String {
        let stem = |path: &PathBuf| {
            path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
        };
        match (&self.url, &self.component) {
            (Some(url), _) => url.clone(),
            (None, Some(component)) => stem(component),
            (None, None) => "transform".to_owned(),
        }
    }

    fn is_flagship(&self) -> bool {
        self.component.is_none() && self.url.is_none()
    }

    fn launch(&self, env: &Environment, more: &[&str]) -> Result<Launch> {
        let component = match &self.component {
            Some(component) => component.clone(),
            None => env.paths.component("transform")?,
        };
        let mut args = vec![component.display().to_string()];
        args.extend(["--workers".into(), self.workers.to_string()]);
        if self.is_flagship() && self.settings.is_empty() {
            args.extend(["--set".into(), format!("program={PROGRAM}")]);
        }
        args.extend(self.settings.iter().flat_map(|it| ["--set".into(), it.clone()]));
        // The operator's own arguments come last. A flag must not stand twice, so those that are
        // given win over the scenario's.
        let given = |flag: &str| self.serve.iter().any(|word| word == flag);
        let more = more.chunks(2).filter(|pair| !given(pair[0])).flatten();
        args.extend(more.map(|&word| word.to_owned()));
        args.extend(self.serve.iter().cloned());
        env.arenaria("arenaria", args.iter().map(String::as_str))
    }

    /// The body of every request, and what must come of it where that is known.
    fn document(&self, env: &Environment) -> Result<(Vec<u8>, Option<serde_json::Value>)> {
        if let Some(path) = &self.body {
            let body =
                std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            return Ok((body, None));
        }
        if !self.is_flagship() {
            return Ok((Vec::new(), None));
        }
        let webhook = webhook(env.seed, DOCUMENT_BYTES);
        let known = self.settings.is_empty().then_some(webhook.answer);
        Ok((webhook.text.into_bytes(), known))
    }
}

impl Running {
    /// Begins to watch the server, if it is ours.
    pub(crate) fn monitor(&self) -> Option<Monitor> {
        self.server.as_ref().map(|server| Monitor::start(server.pid(), server.operator))
    }

    /// Sends after a warm-up, on the generator's core; and the CPU time of the server, and what was seen of
    /// it meanwhile. In an open loop the generator spends its core on waiting.
    pub(crate) fn load(
        &self,
        env: &Environment,
        connections: u16,
        warm_up: Duration,
        (pace, duration): (Pace, Duration),
    ) -> Result<(Measured, Option<Duration>, Vec<Sample>)> {
        let alone = env.generator_core.is_some() && matches!(pace, Pace::Open { .. });
        env.pinned(|| {
            let (connections, templates) = (connections.into(), vec![self.template.clone()]);
            let mut generator = Generator::connect(self.address, connections, templates, alone)?;
            generator.run(pace, warm_up, env.stop(), |_| {})?;
            let (monitor, before) = (self.monitor(), self.cpu());
            let run = generator.run(pace, duration, env.stop(), progress)?;
            let cpu = self.cpu().zip(before).map(|(after, before)| after - before);
            Ok((run, cpu, monitor.map_or_else(Vec::new, Monitor::finish)))
        })
    }

    /// The CPU time that the server has used, if it is ours.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        self.server.as_ref().and_then(|server| cpu_time(server.pid()).ok())
    }

    /// The same request for another generator.
    pub(crate) fn cross_check(
        &self,
        env: &Environment,
        connections: u16,
        duration: Duration,
        rate: Option<f64>,
    ) -> Result<CrossCheck> {
        let file = env.workspace.join("body");
        std::fs::write(&file, &self.body)
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(CrossCheck {
            method: self.method.clone(),
            path: self.route.clone(),
            body: (!self.body.is_empty()).then_some(file),
            core: env.generator_core,
            connections: connections.into(),
            duration,
            rate,
        })
    }

    /// Ends the server, if it is ours.
    pub(crate) fn stop(self) -> Result<()> {
        self.server.map_or(Ok(()), Server::stop)
    }
}

/// The address in `http://HOST:PORT`, and nothing else: what it serves is told by `--route`.
fn resolve(url: &str) -> Result<SocketAddr> {
    let Some(authority) = url.strip_prefix("http://") else {
        bail!("{url} does not begin with http://; TLS is not spoken here")
    };
    let authority = authority.trim_end_matches('/');
    ensure!(!authority.contains('/'), "{url}: give the path with --route");
    let port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let authority = if port { authority.to_owned() } else { format!("{authority}:80") };
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
