//! The service under load: arenaria with a component, started for the scenario, or a server that
//! somebody else has started.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use load_tests::client::{once, request};
use load_tests::generator::Exchange;
use load_tests::payload::{PROGRAM, webhook};
use load_tests::server::{End, Launch, Server};
use load_tests::watch::Watch;
use load_tests::wrk::Traffic;

use crate::stage::Stage;

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
    pub(crate) exchange: Exchange,
    method: String,
    route: String,
    body: Vec<u8>,
}

impl Service {
    /// Starts the server, with `more` arguments, and asks it once: what is loaded must answer.
    ///
    /// # Errors
    ///
    /// If it cannot be started, or answers with an error.
    pub(crate) fn start(&self, stage: &Stage, more: &[&str]) -> Result<Running> {
        let (server, address, command) = match &self.url {
            Some(url) => (None, resolve(url)?, url.clone()),
            None => {
                let launch = self.launch(stage, more)?;
                let server = launch.start(&stage.workspace)?;
                let address = server.address;
                (Some(server), address, launch.command_line())
            }
        };
        let (body, expected) = self.document(stage)?;
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
        let exchange = Exchange { wire, expected: expected.map(|_| answer.body) };
        Ok(Running { server, address, command, exchange, method, route: self.route.clone(), body })
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

    fn launch(&self, stage: &Stage, more: &[&str]) -> Result<Launch> {
        let component = match &self.component {
            Some(component) => component.clone(),
            None => stage.paths.component("transform")?,
        };
        let mut args: Vec<String> = vec!["serve".into(), component.display().to_string()];
        args.extend(["--workers".into(), self.workers.to_string()]);
        args.extend(
            ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"].map(Into::into),
        );
        if self.is_flagship() && self.settings.is_empty() {
            args.extend(["--set".into(), format!("program={PROGRAM}")]);
        }
        for setting in &self.settings {
            args.extend(["--set".into(), setting.clone()]);
        }
        // The operator's own arguments come last. A flag must not stand twice, so those that are
        // given win over the scenario's.
        let given = |flag: &str| self.serve.iter().any(|word| word == flag);
        for pair in more.chunks(2).filter(|pair| !given(pair[0])) {
            args.extend(pair.iter().map(|&word| word.to_owned()));
        }
        args.extend(self.serve.iter().cloned());
        Ok(Launch {
            name: "arenaria".into(),
            program: stage.paths.arenaria()?,
            args: args.into_iter().map(Into::into).collect(),
            core: stage.server_core,
            operator: true,
            end: End::Orderly,
        })
    }

    /// The body of every request, and what must come of it where that is known.
    fn document(&self, stage: &Stage) -> Result<(Vec<u8>, Option<serde_json::Value>)> {
        if let Some(path) = &self.body {
            let body =
                std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            return Ok((body, None));
        }
        if !self.is_flagship() {
            return Ok((Vec::new(), None));
        }
        let webhook = webhook(stage.seed, DOCUMENT_BYTES);
        let known = self.settings.is_empty().then_some(webhook.answer);
        Ok((webhook.text.into_bytes(), known))
    }
}

impl Running {
    /// Begins to watch the server, if it is ours.
    pub(crate) fn watch(&self) -> Option<Watch> {
        self.server.as_ref().map(|server| Watch::start(server.pid(), server.operator))
    }

    /// The same request for wrk and oha.
    ///
    /// # Errors
    ///
    /// If the body cannot be written to a file.
    pub(crate) fn traffic(&self, stage: &Stage) -> Result<Traffic> {
        let mut traffic =
            Traffic { method: self.method.clone(), path: self.route.clone(), body: None };
        if !self.body.is_empty() {
            let file = stage.workspace.join("body");
            std::fs::write(&file, &self.body)
                .with_context(|| format!("cannot write {}", file.display()))?;
            traffic.body = Some(file);
        }
        Ok(traffic)
    }

    /// Ends the server, if it is ours.
    ///
    /// # Errors
    ///
    /// If it does not end as it should.
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
