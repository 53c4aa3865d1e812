//! Serves a project while it is written: builds it, watches its sources, builds again, and puts the new component in
//! the place of the old one. No request is lost. If a build fails, the last good component serves on.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tokio::sync::{mpsc, oneshot};
use tracing_appender::non_blocking::ErrorCounter;

use crate::config::built_in::built_in;
use crate::config::file::Config;
use crate::config::serve_args::ServeArgs;
use crate::http::development::{AnsweredRequest, BuildState, Development};
use crate::project::build::{Built, build, source_folders};
use crate::project::build_error::BuildError;
use crate::project::listener::Listener;
use crate::project::sources::Sources;
use crate::project::watch::Watch;
use crate::server::Server;
use crate::server::change::{Change, Changed};
use crate::server::memory_plan::{MemoryPlan, available_memory};
use crate::server::routes::Routes;

/// What is served, and what hears of it.
pub(crate) struct Project {
    /// The folder with the configuration and the sources.
    pub(crate) folder: PathBuf,
    /// How the server is configured.
    pub(crate) args: ServeArgs,
    /// Arguments for the tool that builds.
    pub(crate) arguments: Vec<String>,
    /// Whether what the tools say may have colours.
    pub(crate) has_colours: bool,
    /// Hears of all events. It must not wait: it is called on the threads of the server.
    pub(crate) hear: Arc<dyn Fn(Event) + Send + Sync>,
}

/// What a person asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Build now.
    Rebuild,
    /// End the server.
    Quit,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// The server listens: at this address, and at this one for the operator.
    Listening(Vec<String>, Option<SocketAddr>),
    /// A build begins.
    Building,
    /// A tool says a line.
    Said(String),
    /// The build is complete.
    Built(Built, Duration),
    /// From now on, requests to these paths get new components or settings.
    Serving(Vec<String>),
    /// There are no routes with these paths any more.
    Removed(Vec<String>),
    /// Nothing has changed.
    Unchanged,
    /// The newest sources do not serve, and why.
    Failed(String),
    /// Something that the person should know.
    Note(String),
    /// A request was answered.
    Answered(AnsweredRequest),
}

/// Serves a project until `end` or until somebody wishes it.
///
/// # Errors
///
/// If the server cannot start, or if the sources cannot be watched. A build that fails is not an error.
pub(crate) async fn run(
    project: Project,
    dropped_lines: ErrorCounter,
    wishes: mpsc::UnboundedReceiver<Wish>,
    end: impl Future<Output = ()>,
) -> Result<()> {
    let config = Config::read(&project.args)?;
    let plan = MemoryPlan::new(&config);
    plan.check(available_memory()?).map_err(|sentence| anyhow!(sentence))?;
    let hear = Arc::clone(&project.hear);
    let development = Arc::new(Development::new(move |request| hear(Event::Answered(request))));
    // Before the first build, so that nothing that is saved meanwhile is missed.
    let has_sources = Sources::find(&project.folder).is_ok();
    let mut watch = Watch::start()?;
    if has_sources {
        watch.add_folder(&project.folder)?;
    }
    let server =
        Server::open(config.clone(), dropped_lines, Some(Arc::clone(&development))).await?;
    (project.hear)(Event::Listening(server.addresses()?, server.operator_address()?));
    let routes = server.routes();
    let dev = Dev { project, has_sources, config, routes, development, watch };
    let mut result = Ok(());
    server
        .run(async {
            tokio::select! {
                () = end => {}
                ended = dev.run(wishes) => result = ended,
            }
        })
        .await?;
    result
}

/// The loop.
struct Dev {
    project: Project,
    /// Whether there is something to build. If not, the components are built by others.
    has_sources: bool,
    /// As the server was started with it, and the routes as they are now.
    config: Config,
    routes: Arc<Routes>,
    development: Arc<Development>,
    watch: Watch,
}

impl Dev {
    async fn run(mut self, mut wishes: mpsc::UnboundedReceiver<Wish>) -> Result<()> {
        loop {
            if self.round_until_quit(&mut wishes).await {
                return Ok(());
            }
            tokio::select! {
                changed = self.watch.changed() => changed?,
                wish = next(&mut wishes) => if wish == Wish::Quit { return Ok(()) },
            }
        }
    }

    /// True if somebody wishes to quit, and does not wait for a build. A wish for a build during a build
    /// leads to one more.
    async fn round_until_quit(&mut self, wishes: &mut mpsc::UnboundedReceiver<Wish>) -> bool {
        let mut is_wished = true;
        while std::mem::take(&mut is_wished) {
            let mut round = pin!(self.round());
            loop {
                tokio::select! {
                    () = &mut round => break,
                    wish = next(wishes) => match wish {
                        Wish::Quit => return true,
                        Wish::Rebuild => is_wished = true,
                    },
                }
            }
        }
        false
    }

    /// Builds and serves what there is now.
    async fn round(&mut self) {
        match self.build_and_serve().await {
            Ok(()) => self.development.set_build(BuildState::Good),
            Err(BuildError { sentence, output }) => {
                let text = if output.is_empty() {
                    sentence.clone()
                } else {
                    format!("{sentence}\n\n{output}")
                };
                self.development.set_build(BuildState::Broken(text.into()));
                self.tell(Event::Failed(sentence));
            }
        }
    }

    async fn build_and_serve(&mut self) -> Result<(), BuildError> {
        self.reread()?;
        if self.has_sources {
            self.tell(Event::Building);
            let begun = Instant::now();
            let (built, folders) = self.build().await?;
            for folder in folders {
                self.watch.add_folder(&folder)?;
            }
            let built = built?;
            self.tell(Event::Built(built, begun.elapsed()));
        } else {
            let files = self.config.routes.iter().map(|route| &route.component);
            for file in files.filter(|file| built_in(file).is_none()) {
                self.watch.add_file(file)?;
            }
        }
        self.serve().await.map_err(BuildError::from)
    }

    /// Reads the configuration again. What the server cannot change while it runs is told, and the rest is used.
    fn reread(&mut self) -> Result<(), BuildError> {
        if let Some(file) = &self.project.args.config {
            self.watch.add_file(file)?;
        }
        let new = Config::read(&self.project.args)?;
        match self.config.check_reload(&new) {
            Ok(()) => self.config.routes = new.routes,
            Err(sentence) => self.tell(Event::Note(format!("{sentence:#}"))),
        }
        Ok(())
    }

    /// On a thread of its own. If this is dropped, the thread ends with its build. Also returns the folders that were
    /// built from, as far as they are known.
    async fn build(&self) -> Result<(Result<Built, BuildError>, Vec<PathBuf>)> {
        let Project { folder, arguments, has_colours, hear, .. } = &self.project;
        let (folder, arguments) = (folder.clone(), arguments.clone());
        let (has_colours, hear) = (*has_colours, Arc::clone(hear));
        let (sender, built) = oneshot::channel();
        let run = move || {
            let mut say = |line: &str| hear(Event::Said(line.to_owned()));
            let mut listener = Listener::new(&mut say, has_colours);
            // If nobody waits, the server ends.
            let built = build(&folder, &arguments, &mut listener);
            drop(sender.send((built, source_folders(&folder))));
        };
        let thread = std::thread::Builder::new().name("build".into()).spawn(run);
        thread.map_err(|error| anyhow!("cannot start a thread for the build: {error}"))?;
        built.await.map_err(|_| anyhow!("the build panicked; see the log"))
    }

    /// Serves the routes as they are now.
    async fn serve(&self) -> Result<()> {
        let mut routes = self.config.routes.clone();
        // What was just built is compiled, not what was compiled of an earlier one.
        routes.iter_mut().for_each(|route| route.compiled = None);
        let read = move || routes.into_iter().map(Change::read).collect::<Result<Vec<_>>>();
        let read = tokio::task::spawn_blocking(read).await;
        let wanted =
            read.map_err(|_| anyhow!("the reading of a component panicked; see the log"))??;
        let Changed { added, changed, removed, .. } = self.routes.serve(wanted).await?;
        let served = [added, changed].concat();
        if served.is_empty() && removed.is_empty() {
            self.tell(Event::Unchanged);
        }
        if !removed.is_empty() {
            self.tell(Event::Removed(removed));
        }
        if !served.is_empty() {
            self.tell(Event::Serving(served));
        }
        Ok(())
    }

    fn tell(&self, event: Event) {
        (self.project.hear)(event);
    }
}

/// The next wish. If nobody can wish any more, there is none.
async fn next(wishes: &mut mpsc::UnboundedReceiver<Wish>) -> Wish {
    match wishes.recv().await {
        Some(wish) => wish,
        None => std::future::pending().await,
    }
}

impl From<anyhow::Error> for BuildError {
    fn from(error: anyhow::Error) -> Self {
        Self::new(format!("{error:#}"))
    }
}
