//! The flags and arguments of all commands. `config` validates them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::component::compose::{Generation, Source};
use crate::config::serve_args::{ServeArgs, setting};
use crate::config::units::Size;
use crate::project::template::Template;

/// Serves HTTP with WebAssembly components. The memory of each instance has a limit, and what a
/// request of a processor allocates is freed when it ends.
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
    /// Make a new project
    New(NewArgs),
    /// Build the component of a project
    Build(BuildArgs),
    /// Build a project, serve it, and put a new build in its place whenever its sources change
    Dev(Box<DevArgs>),
    /// Serve HTTP
    Serve(Box<ServeArgs>),
    /// Print a component's memory, imports and exports, and whether the host can serve it
    Inspect(InspectArgs),
    /// Send one request to a component without a server, and print the response's body
    Call(CallArgs),
    /// Convert a processor to a component of wasi:http, for other hosts
    Bridge(BridgeArgs),
}

/// `arenaria new`
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The folder to make; its last part is the name of the project
    pub name: Option<PathBuf>,
    /// What the project starts from [default: hello]
    #[arg(long, short, value_name = "TEMPLATE")]
    pub template: Option<Template>,
    /// A folder with the crate arenaria-guest, instead of the published one
    #[arg(long, value_name = "FOLDER")]
    pub sdk: Option<PathBuf>,
}

/// `arenaria build`
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The folder of the project
    #[arg(default_value = ".")]
    pub folder: PathBuf,
    /// Arguments for cargo build, componentize-js or componentize-py
    #[arg(last = true)]
    pub arguments: Vec<String>,
}

/// `arenaria dev`
#[derive(Debug, Args)]
pub struct DevArgs {
    /// The folder of the project
    #[arg(default_value = ".")]
    pub folder: PathBuf,
    /// Configuration file (TOML) [default: arenaria.toml in the folder]
    #[arg(long, env = "ARENARIA_CONFIG", hide_env = true)]
    pub config: Option<PathBuf>,
    /// Address to serve on, HOST:PORT [default: 127.0.0.1:8080]
    #[arg(long, env = "ARENARIA_LISTEN", hide_env = true, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Address of the operator's listener (/build, /livez, /readyz, /metrics), HOST:PORT, or `off`
    /// [default: 127.0.0.1:8081]
    #[arg(long, env = "ARENARIA_OPERATOR_LISTEN", hide_env = true, value_name = "ADDRESS")]
    pub operator_listen: Option<String>,
    /// Number of worker threads [default: one per core]
    #[arg(long, env = "ARENARIA_WORKERS", hide_env = true)]
    pub workers: Option<usize>,
    /// Directory that keeps compiled components, or `off` [default: the user's cache directory]
    #[arg(long, env = "ARENARIA_CACHE", hide_env = true, value_name = "DIRECTORY")]
    pub cache: Option<String>,
    /// Arguments for the tool that builds: cargo, componentize-js or componentize-py
    #[arg(last = true)]
    pub arguments: Vec<String>,
}

/// `arenaria inspect`
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The component
    pub file: PathBuf,
    /// The memory of an instance
    #[arg(long, default_value = "16MiB", value_name = "SIZE")]
    pub memory: Size,
    /// What the component may access; may be repeated
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
    /// What the component may access; may be repeated
    #[arg(long = "grant", value_name = "NAME")]
    pub grants: Vec<String>,
    /// The path and query
    #[arg(long, default_value = "/")]
    pub path: String,
    /// A header field; may be repeated
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    pub header: Vec<(String, String)>,
    /// The body: a string, @FILE, or @- for standard input
    #[arg(long, short = 'd')]
    pub data: Option<String>,
    /// The memory of the instance
    #[arg(long, default_value = "16MiB", value_name = "SIZE")]
    pub memory: Size,
    /// Print the arena's usage after the call to standard error
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
    /// The world of the component: wasi:http/proxy@0.2 (p2) or wasi:http/service@0.3 (p3)
    #[arg(long, default_value = "p2")]
    pub world: Generation,
    /// Where the component reads its settings: ARENARIA_SET_* variables, or wasi:config/store
    #[arg(long, default_value = "environment")]
    pub settings: Source,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}
