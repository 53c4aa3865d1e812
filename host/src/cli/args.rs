//! What was typed on the command line or set in the environment. What it means is `config`'s.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::component::compose::{Generation, Source};
use crate::config::file::Isolation;
use crate::config::limits::LimitSettings;
use crate::config::units::Size;

/// Serves HTTP through WebAssembly components, each in a memory of fixed size that is reset per
/// request.
#[derive(Debug, Parser)]
#[command(name = "arenaria", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve HTTP
    Serve(Box<ServeArgs>),
    /// Print a component's contract: its memory, imports, exports, and what the host makes of them
    Inspect(InspectArgs),
    /// Send one request to a component without a server; the response's body goes to stdout
    Call(CallArgs),
    /// Make a component of wasi:http out of a processor, for other hosts
    Bridge(BridgeArgs),
}

/// `arenaria serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The component that serves every path; a configuration file can name more
    pub file: Option<PathBuf>,
    /// A configuration file (TOML); flags and ARENARIA_* variables win over it
    #[arg(long, env = "ARENARIA_CONFIG", hide_env = true)]
    pub config: Option<PathBuf>,
    /// The address to serve on [default: 127.0.0.1:8080]
    #[arg(long, env = "ARENARIA_LISTEN", hide_env = true, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// The operator's address: /livez, /readyz, /metrics; or `off` [default: 127.0.0.1:8081]
    #[arg(long, env = "ARENARIA_OPERATOR_LISTEN", hide_env = true, value_name = "ADDRESS")]
    pub operator_listen: Option<String>,
    /// Serve the playground, a page that runs jq programs, at the operator's /playground/
    #[arg(long, env = "ARENARIA_PLAYGROUND", hide_env = true, value_name = "BOOL", num_args = 0..=1,
        require_equals = true, default_missing_value = "true")]
    pub playground: Option<bool>,
    /// Threads that serve [default: one per core]
    #[arg(long, env = "ARENARIA_WORKERS", hide_env = true)]
    pub workers: Option<usize>,
    /// Warm instances per worker and route [default: 4]
    #[arg(long, env = "ARENARIA_SLOTS", hide_env = true)]
    pub slots: Option<usize>,
    /// Where compiled components are kept; or `off` [default: the user's cache directory]
    #[arg(long, env = "ARENARIA_CACHE", hide_env = true, value_name = "DIRECTORY")]
    pub cache: Option<String>,
    /// How FILE's requests share instances [default: reuse for processors, fresh for others]
    #[arg(long, requires = "file")]
    pub isolation: Option<Isolation>,
    /// Let FILE answer streams of records (application/x-ndjson), batch by batch
    #[arg(long, requires = "file")]
    pub records: bool,
    /// A header field that FILE is given; may be repeated [default: content-type and accept for
    /// processors, all for others]
    #[arg(long = "forward-header", requires = "file", value_name = "NAME")]
    pub forward_headers: Vec<String>,
    /// What FILE is given by name; may be repeated: config, environment, stdio, outgoing-http:HOST or
    /// outgoing-http:HOST:PORT
    #[arg(long = "grant", requires = "file", value_name = "NAME")]
    pub grants: Vec<String>,
    /// A setting of FILE; may be repeated
    #[arg(long = "set", requires = "file", value_name = "KEY=VALUE", value_parser = setting)]
    pub settings: Vec<(String, String)>,
    /// Check the configuration, load nothing, and end
    #[arg(long)]
    pub check_config: bool,
    /// Print the configuration with every default filled in, load nothing, and end
    #[arg(long)]
    pub print_config: bool,
    /// The limits of the server, and of every route that does not set its own.
    #[command(flatten)]
    pub limits: LimitSettings,
}

/// `arenaria inspect`
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The component
    pub file: PathBuf,
    /// The memory that an instance would be given
    #[arg(long, default_value = "16MiB", value_name = "SIZE")]
    pub memory: Size,
    /// What the component would be given by name; may be repeated
    #[arg(long = "grant", value_name = "NAME")]
    pub grants: Vec<String>,
}

/// `arenaria call`
#[derive(Debug, Args)]
pub struct CallArgs {
    /// The component
    pub file: PathBuf,
    /// A setting of the component; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    pub settings: Vec<(String, String)>,
    /// The method [default: POST with --data, else GET]
    #[arg(long, short = 'X')]
    pub method: Option<String>,
    /// What the component is given by name; may be repeated
    #[arg(long = "grant", value_name = "NAME")]
    pub grants: Vec<String>,
    /// The path, with its query
    #[arg(long, default_value = "/")]
    pub path: String,
    /// A header field; may be repeated
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    pub header: Vec<(String, String)>,
    /// The body: a text, @FILE, or @- for standard input
    #[arg(long, short = 'd')]
    pub data: Option<String>,
    /// The memory of the instance
    #[arg(long, default_value = "16MiB", value_name = "SIZE")]
    pub memory: Size,
    /// Print the arena's usage after the call to stderr
    #[arg(long)]
    pub usage: bool,
}

/// `arenaria bridge`
#[derive(Debug, Args)]
pub struct BridgeArgs {
    /// The processor
    pub file: PathBuf,
    /// The component to write
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: PathBuf,
    /// What the component is: wasi:http/proxy@0.2 (p2) or wasi:http/service@0.3 (p3)
    #[arg(long, default_value = "p2")]
    pub world: Generation,
    /// Where it finds its settings: ARENARIA_SET_* variables, or wasi:config/store
    #[arg(long, default_value = "environment")]
    pub settings: Source,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}
