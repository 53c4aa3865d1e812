//! Reloads the configuration while the server runs.
//!
//! SIGHUP, the operator's listener, and [files that have changed](crate::server::files) ask for a reload. There is one at
//! a time. Those that are asked for meanwhile are one, which follows. The configuration and all components are read
//! again. If something of them cannot be served, nothing changes, and the reason is told.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use tokio::sync::watch::{self, Sender};
use tokio::task::spawn_blocking;

use crate::config::file::Config;
use crate::config::log::AccessConfig;
use crate::config::serve_args::ServeArgs;
use crate::config::settings::Secret;
use crate::http::access::AccessSwitch;
use crate::pool::stats::ReloadStats;
use crate::server::change::{Change, Changed};
use crate::server::files::{self, Files};
use crate::server::routes::Routes;
use crate::server::token::Token;

/// Why a configuration is refused.
#[derive(Clone, Debug)]
pub(crate) enum Refused {
    /// Keys have changed that are fixed while the server runs.
    NeedsRestart(String),
    /// It cannot be served.
    Unusable(String),
}

impl Refused {
    /// The problem and the remedy.
    pub(crate) fn sentence(&self) -> &str {
        match self {
            Self::NeedsRestart(sentence) | Self::Unusable(sentence) => sentence,
        }
    }
}

/// What became of a reload.
type Outcome = Result<Changed, Refused>;

/// The last reload that is complete.
struct Done {
    /// It includes all that were asked for up to this one.
    number: u64,
    outcome: Outcome,
}

/// Asks for reloads.
#[derive(Clone)]
pub(crate) struct Reloads {
    /// The number of the last one that was asked for.
    asked: Arc<Sender<u64>>,
    done: watch::Receiver<Done>,
}

/// What was asked for, and where to tell what became of it.
pub(crate) struct Asked {
    asked: watch::Receiver<u64>,
    done: Sender<Done>,
}

impl Reloads {
    pub(crate) fn new() -> (Self, Asked) {
        let (asked, heard) = watch::channel(0);
        let (tell, done) = watch::channel(Done { number: 0, outcome: Ok(Changed::default()) });
        (Self { asked: Arc::new(asked), done }, Asked { asked: heard, done: tell })
    }

    /// Asks for a reload, and does not wait for it. Returns its number.
    pub(crate) fn ask(&self) -> u64 {
        let mut number = 0;
        self.asked.send_modify(|asked| {
            *asked += 1;
            number = *asked;
        });
        number
    }

    /// Why the last reload was refused, if it was.
    pub(crate) fn last_refusal(&self) -> Option<String> {
        let done = self.done.borrow();
        done.outcome.as_ref().err().map(|refused| refused.sentence().to_owned())
    }

    /// Reloads. None if the server ends before.
    pub(crate) async fn reload(&self) -> Option<Outcome> {
        let number = self.ask();
        let mut done = self.done.clone();
        let done = done.wait_for(|done| done.number >= number).await.ok()?;
        Some(done.outcome.clone())
    }
}

/// Reloads when it is asked for.
pub(crate) struct Reloader {
    pub(crate) args: Arc<ServeArgs>,
    /// As the server was started with it.
    pub(crate) started: Config,
    /// The files of the last configuration that was read.
    pub(crate) files: Sender<Files>,
    pub(crate) token: Arc<Token>,
    pub(crate) access: Arc<AccessSwitch>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) stats: Arc<ReloadStats>,
    pub(crate) reloads: Reloads,
    pub(crate) asked: Asked,
}

/// Reloads whenever it is asked for, if there is a configuration to reload. Never returns.
pub(crate) async fn run(reloader: Option<Reloader>) -> Infallible {
    match reloader {
        Some(reloader) if reloader.started.watch => {
            let (files, reloads) = (reloader.files.subscribe(), reloader.reloads.clone());
            tokio::select! {
                never = reloader.run() => never,
                never = files::watch(files, || { reloads.ask(); }) => never,
            }
        }
        Some(reloader) => reloader.run().await,
        None => pending().await,
    }
}

impl Reloader {
    async fn run(mut self) -> Infallible {
        loop {
            if self.asked.asked.changed().await.is_err() {
                // Nobody can ask any more.
                return pending().await;
            }
            let number = *self.asked.asked.borrow_and_update();
            tracing::info!("reloading the configuration");
            let outcome = self.reload().await;
            self.stats.reloaded(outcome.is_ok());
            match &outcome {
                Ok(changed) => tracing::info!("reloaded the configuration: {changed}"),
                Err(refused) => tracing::warn!(
                    "the new configuration is refused, and the old one stays: {}",
                    refused.sentence()
                ),
            }
            self.asked.done.send_replace(Done { number, outcome });
        }
    }

    async fn reload(&self) -> Outcome {
        let (args, started) = (Arc::clone(&self.args), self.started.clone());
        let files = self.files.clone();
        let read = spawn_blocking(move || read(&args, &started, &files)).await;
        let panicked = "the reading of the configuration panicked; see the log";
        let read = read.map_err(|_| Refused::Unusable(panicked.to_owned()))??;
        let mut changed = self.routes.serve(read.wanted).await.map_err(unusable)?;
        changed.operator_token = self.token.replace(read.token);
        changed.access_log = self.access.replace(read.access).then(|| read.access.to_string());
        Ok(changed)
    }
}

/// What may change.
struct Read {
    wanted: Vec<Arc<Change>>,
    token: Option<Secret>,
    access: AccessConfig,
}

/// Reads the configuration and its components.
fn read(args: &ServeArgs, started: &Config, files: &Sender<Files>) -> Result<Read, Refused> {
    let (config, read) = files::read(args, started.watch).map_err(unusable)?;
    files.send_replace(read);
    started
        .check_reload(&config)
        .and_then(|()| started.check_routes(config.routes.iter()))
        .map_err(|error| Refused::NeedsRestart(format!("{error:#}")))?;
    let changes = config.routes.into_iter().map(Change::read);
    let wanted = changes.collect::<Result<_, _>>().map_err(unusable)?;
    Ok(Read { wanted, token: config.operator_token, access: config.log.access })
}

fn unusable(error: anyhow::Error) -> Refused {
    Refused::Unusable(format!("{error:#}"))
}
