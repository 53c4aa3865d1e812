//! The arguments of `arenaria serve`, as typed on the command line or set in the environment.

use std::path::PathBuf;

use clap::Args;

use crate::config::isolation::Isolation;
use crate::config::limits::LimitSettings;

/// `arenaria serve`
#[derive(Debug, Default, Args)]
pub struct ServeArgs {
    /// Component that serves every path; a configuration file can name several, each for its path
    pub file: Option<PathBuf>,
    /// Configuration file (TOML); flags and ARENARIA_* variables override it [default: ./arenaria.toml without FILE]
    #[arg(long, env = "ARENARIA_CONFIG", hide_env = true)]
    pub config: Option<PathBuf>,
    /// Address to serve on, HOST:PORT; of a host with several addresses, the first that can be bound
    /// [default: 127.0.0.1:8080]
    #[arg(long, env = "ARENARIA_LISTEN", hide_env = true, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Address of the operator's listener (/livez, /readyz, /metrics), HOST:PORT, or `off`
    /// [default: 127.0.0.1:8081]
    #[arg(long, env = "ARENARIA_OPERATOR_LISTEN", hide_env = true, value_name = "ADDRESS")]
    pub operator_listen: Option<String>,
    /// Serve the playground, a page that runs jq programs, at /playground/, before the routes
    #[arg(long, env = "ARENARIA_PLAYGROUND", hide_env = true, value_name = "BOOL", num_args = 0..=1,
        require_equals = true, default_missing_value = "true")]
    pub playground: Option<bool>,
    /// Number of worker threads [default: one per core]
    #[arg(long, env = "ARENARIA_WORKERS", hide_env = true)]
    pub workers: Option<usize>,
    /// Warm instances per worker and route [default: 4]
    #[arg(long, env = "ARENARIA_SLOTS", hide_env = true)]
    pub slots: Option<usize>,
    /// Directory that keeps compiled components, or `off` [default: the user's cache directory]
    #[arg(long, env = "ARENARIA_CACHE", hide_env = true, value_name = "DIRECTORY")]
    pub cache: Option<String>,
    /// Whether requests to FILE reuse an instance or each get a fresh one [default: reuse for
    /// processors, fresh for others]
    #[arg(long, requires = "file")]
    pub isolation: Option<Isolation>,
    /// Let FILE process streams of records (application/x-ndjson) in batches
    #[arg(long, requires = "file")]
    pub records: bool,
    /// Request header that is passed to FILE; may be repeated [default: content-type and accept for
    /// processors, all for others]
    #[arg(long = "forward-header", requires = "file", value_name = "NAME")]
    pub forward_headers: Vec<String>,
    /// Grant for FILE; may be repeated: config, environment, stdio, outgoing-http:HOST or
    /// outgoing-http:HOST:PORT
    #[arg(long = "grant", requires = "file", value_name = "NAME")]
    pub grants: Vec<String>,
    /// Setting of FILE; may be repeated
    #[arg(long = "set", requires = "file", value_name = "KEY=VALUE", value_parser = setting)]
    pub settings: Vec<(String, String)>,
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

/// Splits KEY=VALUE.
///
/// # Errors
///
/// If `=` is missing.
pub(crate) fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
