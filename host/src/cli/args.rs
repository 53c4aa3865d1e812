//! The flags and arguments of all commands. `config` validates them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::cli::examples;
use crate::cli::version::version;
use crate::component::compose::{Generation, Source};
use crate::config::isolation::Cpu;
use crate::config::limits::LimitSettings;
use crate::config::serve_args::{ComponentArgs, ServeArgs, ServerArgs, setting};
use crate::config::units::Size;
use crate::project::template::Template;

/// Serves HTTP with WebAssembly components. The memory of each instance has a limit, and what a
/// request of a processor allocates is freed when it ends.
#[derive(Debug, Parser)]
#[command(name = "arenaria", version = version(), max_term_width = 100, after_help = examples::ARENARIA)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// What the log has if ARENARIA_LOG does not say it.
    #[must_use]
    pub fn log_filter(&self) -> &'static str {
        match self.command {
            // The report has each fault, with its case.
            Command::Test(_) => "info,arenaria::pool=error",
            // Lines of the guest for its author, and of the host only those that tell of trouble.
            Command::Dev(_) => "warn,guest=debug",
            _ => "info",
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a new project
    #[command(after_help = examples::NEW)]
    New(NewArgs),
    /// Build the component of a project
    #[command(after_help = examples::BUILD)]
    Build(BuildArgs),
    /// Build and serve a project, again and again while its sources change
    #[command(after_help = examples::DEV)]
    Dev(Box<DevArgs>),
    /// Serve HTTP with a component, or with those of a configuration
    #[command(after_help = examples::SERVE)]
    Serve(Box<ServeArgs>),
    /// Compile components ahead of time, each into the file that its route names as compiled
    #[command(after_help = examples::COMPILE)]
    Compile(Box<CompileArgs>),
    /// Print a component's memory, imports and exports, and whether the host can serve it
    #[command(after_help = examples::INSPECT)]
    Inspect(InspectArgs),
    /// Send one request to a component without a server, and print the response's body
    #[command(after_help = examples::CALL)]
    Call(CallArgs),
    /// Send the requests of files to the project's components, and compare the responses
    #[command(after_help = examples::TEST)]
    Test(TestArgs),
    /// Convert a processor to a component of wasi:http, for other hosts
    #[command(after_help = examples::BRIDGE)]
    Bridge(BridgeArgs),
    /// Print the script that completes commands and options in a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Print the manual page of a command, or write the pages of all commands into a folder
    #[command(after_help = examples::MANUAL)]
    Manual(ManualArgs),
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
    #[arg(long, env = "ARENARIA_SDK", hide_env = true, value_name = "FOLDER")]
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
    /// The server itself.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Arguments for the tool that builds: cargo, componentize-js or componentize-py
    #[arg(last = true)]
    pub arguments: Vec<String>,
    /// The limits of the server, and of every route that does not set its own.
    #[command(flatten)]
    pub limits: LimitSettings,
}

/// `arenaria compile`
#[derive(Debug, Args)]
pub struct CompileArgs {
    /// What is compiled.
    #[command(flatten)]
    pub component: ComponentArgs,
    /// Configuration file (TOML) [default: ./arenaria.toml unless a component or a jq program is named]
    #[arg(long, env = "ARENARIA_CONFIG", hide_env = true)]
    pub config: Option<PathBuf>,
    /// The CPUs that can run it: native for those like this machine's, or baseline for every one of its architecture
    #[arg(long, default_value = "native")]
    pub cpu: Cpu,
    /// The limits of every route that does not set its own.
    #[command(flatten)]
    pub limits: LimitSettings,
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

/// `arenaria test`
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Files of requests, or folders with *.http files [default: requests/ beside the configuration]
    pub requests: Vec<PathBuf>,
    /// Configuration file (TOML) with the components, their settings and limits
    #[arg(
        long,
        env = "ARENARIA_CONFIG",
        hide_env = true,
        default_value = "arenaria.toml",
        value_name = "FILE"
    )]
    pub config: PathBuf,
    /// Run the cases with this text in their name, their request or their file
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Start a new instance for each case; otherwise a route has one, as in the server
    #[arg(long)]
    pub fresh: bool,
    /// Fail a case if its request has more of the arena in use at once
    #[arg(long, value_name = "SIZE")]
    pub high_water_max: Option<Size>,
    /// Fail a case if its request leaves more in the arena
    #[arg(long, value_name = "SIZE")]
    pub survivors_max: Option<Size>,
    /// The form of the report
    #[arg(long, default_value = "text")]
    pub format: Format,
    /// Directory that keeps compiled components, or `off` [default: the user's cache directory]
    #[arg(long, env = "ARENARIA_CACHE", hide_env = true, value_name = "DIRECTORY")]
    pub cache: Option<String>,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Lines for people.
    Text,
    /// One JSON document.
    Json,
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

/// `arenaria completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `arenaria manual`
#[derive(Debug, Args)]
pub struct ManualArgs {
    /// The command [default: the page of arenaria itself]
    pub command: Option<String>,
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    pub out: Option<PathBuf>,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}
