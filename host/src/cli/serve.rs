//! `arenaria serve`

use anyhow::{Context as _, Result, anyhow, ensure};
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::component_path::{check_component, check_config};
use crate::cli::log::Log;
use crate::cli::output;
use crate::cli::variables::unknown_variables;
use crate::config::file::Config;
use crate::config::limits::MACOS_FILES_MAX;
use crate::config::log::LogFormat;
use crate::config::serve_args::ServeArgs;
use crate::server::Server;
use crate::server::memory_plan::{MemoryPlan, available_memory};
use crate::server::reload::Reloads;

/// Serves until a signal arrives.
///
/// # Errors
///
/// If the server cannot start. The message names the problem, its value and the remedy.
pub fn serve(args: &ServeArgs, log: &Log) -> Result<u8> {
    args.component.file.as_deref().map_or(Ok(()), check_component)?;
    args.config.as_deref().map_or(Ok(()), check_config)?;
    let unknown = unknown_variables();
    ensure!(!args.check_config || unknown.is_empty(), "{}", unknown.join("; "));
    let config = Config::read(args);
    log.choose(config.as_ref().map_or(LogFormat::Text, |config| config.log.format));
    unknown.iter().for_each(|sentence| tracing::warn!("{sentence}"));
    let config = config?;
    if args.print_config {
        output::bytes(config.to_toml()?.as_bytes())?;
        return Ok(0);
    }
    if args.check_config {
        MemoryPlan::new(&config)
            .check(available_memory()?)
            .map_err(|sentence| anyhow!(sentence))?;
        output::line("configuration OK")?;
        return Ok(0);
    }
    raise_file_limit();
    let has_playground = config.playground;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the control runtime")?;
    let ended = runtime.block_on(async {
        // Before the start, which may take long.
        let hangups = signal(SignalKind::hangup()).context("cannot listen to SIGHUP")?;
        let server = Server::start(config, args.clone(), log.dropped()).await?;
        if let Some(reloads) = server.reloads() {
            tokio::spawn(reload_at(hangups, reloads));
        }
        let addresses = server.addresses()?;
        let mut lines: String =
            addresses.iter().map(|address| format!("listening on {address}\n")).collect();
        if let Some(address) = server.operator_address()? {
            lines += &format!("operator on http://{address}\n");
        }
        if has_playground {
            let address = addresses.iter().find(|address| address.starts_with("http"));
            lines.extend(address.map(|address| format!("playground on {address}/playground/\n")));
        }
        // The server is more important than these lines.
        if let Err(error) = output::bytes(lines.as_bytes()) {
            tracing::warn!(
                "cannot tell the addresses: {error:#}; they are: {}",
                lines.trim().replace('\n', ", ")
            );
        }
        tell_systemd(NotifyState::Ready);
        let shutdown = shutdown()?;
        let shutdown = async {
            shutdown.await;
            tell_systemd(NotifyState::Stopping);
        };
        server.run(shutdown).await?;
        Ok(0)
    });
    // A component that is being compiled for a reload is not waited for.
    runtime.shutdown_background();
    ended
}

/// Asks for a reload at each signal.
async fn reload_at(mut hangups: Signal, reloads: Reloads) {
    while hangups.recv().await.is_some() {
        reloads.ask();
    }
}

/// Tells systemd, if it has started the server and wants to know (`Type=notify`).
fn tell_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!("cannot tell systemd the state of the server: {error}");
    }
}

/// Completes at the first SIGTERM or SIGINT. A second one ends the process at once.
pub(super) fn shutdown() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen to SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen to SIGINT")?;
    Ok(async move {
        let mut either = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        either().await;
        tracing::info!("shutting down: finishing open requests, refusing new connections");
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            std::process::exit(1);
        });
    })
}

/// Raises the soft limit of open files, often 1024, to the hard limit. Each connection is an open
/// file.
pub(super) fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = match limit.maximum {
        maximum if cfg!(target_os = "macos") => {
            Some(maximum.map_or(MACOS_FILES_MAX, |maximum| maximum.min(MACOS_FILES_MAX)))
        }
        maximum => maximum,
    };
    let raised = Rlimit { current: wanted, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(
            "cannot raise the limit of open files from {:?}: {error}; it also limits connections",
            limit.current
        );
    }
}
