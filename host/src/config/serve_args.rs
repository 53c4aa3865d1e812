//! The arguments of `arenaria serve`, as typed on the command line or set in the environment.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{anyhow, ensure};
use clap::{ArgGroup, Args};

use crate::config::built_in::TRANSFORM;
use crate::config::client_key::ClientKey;
use crate::config::isolation::Isolation;
use crate::config::limits::LimitSettings;
use crate::config::listen::TlsArgs;
use crate::config::log::LogArgs;
use crate::config::proxies::ProxySource;
use crate::config::settings::plain;
use crate::config::text::read_text;

/// `arenaria serve`
#[derive(Clone, Debug, Default, Args)]
pub struct ServeArgs {
    /// What is served on every path.
    #[command(flatten)]
    pub component: ComponentArgs,
    /// Configuration file (TOML); flags and ARENARIA_* variables override it [default: ./arenaria.toml unless a component or a jq program is named]
    #[arg(long, env = "ARENARIA_CONFIG", hide_env = true)]
    pub config: Option<PathBuf>,
    /// The server itself.
    #[command(flatten)]
    pub server: ServerArgs,
    /// HTTPS.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// Serve the playground, a page that runs jq programs, at /playground/, before the routes
    #[arg(long, env = "ARENARIA_PLAYGROUND", hide_env = true, value_name = "BOOL", num_args = 0..=1,
        require_equals = true, default_missing_value = "true")]
    pub playground: Option<bool>,
    /// Address or network of a proxy, or unix for Unix sockets: connections from there begin with a PROXY protocol header,
    /// which names the client's address; may be repeated
    #[arg(
        long,
        env = "ARENARIA_PROXY_PROTOCOL",
        hide_env = true,
        value_name = "NETWORK",
        value_delimiter = ','
    )]
    pub proxy_protocol: Vec<ProxySource>,
    /// Reload the configuration when its file, a component, a compiled one or the file of a secret has changed
    #[arg(long, env = "ARENARIA_WATCH", hide_env = true, value_name = "BOOL", num_args = 0..=1,
        require_equals = true, default_missing_value = "true")]
    pub watch: Option<bool>,
    /// What is written about the server and its requests.
    #[command(flatten)]
    pub log: LogArgs,
    /// Check the configuration and exit, without loading components
    #[arg(long)]
    pub check_config: bool,
    /// Print the configuration with all defaults and exit, without loading components
    #[arg(long)]
    pub print_config: bool,
    /// The limits of the server, and of every route that does not set its own.
    #[command(flatten)]
    pub limits: LimitSettings,
}

/// A component that serves every path, and the keys of its route.
#[derive(Clone, Debug, Default, Args)]
#[command(group(ArgGroup::new("component").args(["file", "jq", "jq_file"])))]
pub struct ComponentArgs {
    /// Component that serves every path, or arenaria:transform for the jq component; a configuration
    /// file can name several, each for its path
    pub file: Option<PathBuf>,
    /// Run this jq program on the body of each request; without PROGRAM, the program that each
    /// request brings as ?program=…
    #[arg(long, value_name = "PROGRAM", num_args = 0..=1)]
    pub jq: Option<Option<String>>,
    /// Run the jq program in this file on the body of each request
    #[arg(long, value_name = "FILE")]
    pub jq_file: Option<PathBuf>,
    /// File of the compiled component: `arenaria compile` writes it, and `arenaria serve` loads it and compiles nothing; as
    /// trusted as arenaria itself
    #[arg(long, requires = "component", value_name = "FILE")]
    pub compiled: Option<PathBuf>,
    /// Whether requests to the component reuse an instance or each get a fresh one [default: reuse for
    /// processors, fresh for others]
    #[arg(long, requires = "component")]
    pub isolation: Option<Isolation>,
    /// The component, or a program that it runs, is not trusted: no two requests share an instance
    #[arg(long, requires = "component")]
    pub untrusted: bool,
    /// Let new instances take over the pages of those before while the system cannot swap: faster, but not proof against
    /// what the kernel does with pages (--isolation fresh)
    #[arg(long, requires = "component")]
    pub keep_pages: bool,
    /// Let the component process streams of records (application/x-ndjson) in batches
    #[arg(long, requires = "component")]
    pub records: bool,
    /// Tell clients in each response how long the request waited for an instance, ran, and took (server-timing)
    #[arg(long, requires = "component")]
    pub server_timing: bool,
    /// Request header that is passed to the component; may be repeated [default: content-type for processors,
    /// all for others]
    #[arg(long = "forward-header", requires = "component", value_name = "NAME")]
    pub forward_headers: Vec<String>,
    /// What a client is for client-rate and client-requests: address, certificate or header:NAME [default: address]
    #[arg(long, requires = "component", value_name = "KEY")]
    pub client: Option<ClientKey>,
    /// Grant for the component; may be repeated: config, environment, stdio, outgoing-http:HOST or
    /// outgoing-http:HOST:PORT
    #[arg(long = "grant", requires = "component", value_name = "NAME")]
    pub grants: Vec<String>,
    /// Setting of the component; may be repeated; ${file:PATH} and ${env:NAME} in VALUE are secrets that are read at the
    /// start
    #[arg(long = "set", requires = "component", value_name = "KEY=VALUE", value_parser = setting)]
    pub settings: Vec<(String, String)>,
}

/// What `arenaria serve` and `arenaria dev` have in common.
#[derive(Clone, Debug, Default, Args)]
pub struct ServerArgs {
    /// Address to serve on, HOST:PORT, unix:PATH, or systemd for the sockets that systemd passes; may be repeated; of a
    /// host with several addresses, the first that can be bound [default: 127.0.0.1:8080, unless --tls-listen is given]
    #[arg(
        long,
        env = "ARENARIA_LISTEN",
        hide_env = true,
        value_name = "ADDRESS",
        value_delimiter = ','
    )]
    pub listen: Vec<String>,
    /// Address of the operator's listener, HOST:PORT, or `off`: a live page at /, for a browser; /livez, /readyz, /metrics,
    /// /instances, /limits, /-/reload; with dev also /build
    /// [default: 127.0.0.1:8081]
    #[arg(long, env = "ARENARIA_OPERATOR_LISTEN", hide_env = true, value_name = "ADDRESS")]
    pub operator_listen: Option<String>,
    /// Token that requests to the operator's listener must bring, except to /livez, /readyz and the live page; ${file:PATH} or
    /// ${env:NAME}, because other users of the machine can see flags
    #[arg(long, env = "ARENARIA_OPERATOR_TOKEN", hide_env = true, value_name = "TOKEN")]
    pub operator_token: Option<String>,
    /// Number of worker threads [default: one per core]
    #[arg(long, env = "ARENARIA_WORKERS", hide_env = true)]
    pub workers: Option<usize>,
    /// Warm instances per worker and route [default: 4]
    #[arg(long, env = "ARENARIA_SLOTS", hide_env = true)]
    pub slots: Option<usize>,
    /// Directory that keeps compiled components, or `off` [default: the user's cache directory]
    #[arg(long, env = "ARENARIA_CACHE", hide_env = true, value_name = "DIRECTORY")]
    pub cache: Option<String>,
}

/// What the command line names to be served.
#[derive(Debug)]
pub(crate) struct Served {
    pub component: PathBuf,
    pub settings: BTreeMap<String, String>,
}

impl ComponentArgs {
    /// The component that is named, or the jq component for a jq program.
    ///
    /// # Errors
    ///
    /// If the file of a jq program cannot be read, or a setting is given twice.
    pub(crate) fn served(&self) -> anyhow::Result<Option<Served>> {
        let mut settings: BTreeMap<_, _> = self.settings.iter().cloned().collect();
        let (flag, key, value) = match (&self.file, &self.jq, &self.jq_file) {
            (Some(component), ..) => {
                return Ok(Some(Served { component: component.clone(), settings }));
            }
            (None, Some(Some(program)), _) => ("--jq", "program", plain(program)),
            (None, Some(None), _) => ("--jq", "ad-hoc", "true".to_owned()),
            (None, None, Some(path)) => {
                let program = read_text(path).map_err(|error| {
                    anyhow!(
                        "cannot read the jq program {}: {error}; check --jq-file",
                        path.display()
                    )
                })?;
                ("--jq-file", "program", plain(&program))
            }
            (None, None, None) => return Ok(None),
        };
        let before = settings.insert(key.to_owned(), value);
        ensure!(before.is_none(), "{flag} is the setting {key}; remove --set {key}=…");
        Ok(Some(Served { component: TRANSFORM.into(), settings }))
    }
}

/// Splits KEY=VALUE.
///
/// # Errors
///
/// If `=` is missing.
pub(crate) fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
