//! Asks for a reload when a file that the configuration depends on has changed.
//!
//! The files are looked at once per second, not through the system's events. So it does not matter how a file is
//! replaced: also by another one with its name, by a link that points elsewhere, as Kubernetes does it, or on another
//! machine.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use crate::config::file::Config;
use crate::config::serve_args::ServeArgs;

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// Files, and what tells whether one has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files(BTreeMap<PathBuf, Option<State>>);

/// A file: its device and number, its size, and when it and its attributes were written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State([u64; 3], [i64; 4]);

impl Files {
    /// As they are now.
    fn of<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        Self(paths.into_iter().map(|path| (path.clone(), State::of(path))).collect())
    }
}

impl State {
    /// None if the file is missing.
    fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        let written = [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()];
        Some(Self([found.dev(), found.ino(), found.size()], written))
    }
}

/// Reads the configuration, and its files as they were before. There are none if they are not watched.
///
/// # Errors
///
/// As [`Config::read`].
pub(crate) fn read(args: &ServeArgs, is_watched: bool) -> Result<(Config, Files)> {
    let config = Config::read(args)?;
    if !is_watched {
        return Ok((config, Files::default()));
    }
    let files = Files::of(&config.files);
    // Again, so that a change after the first time is not missed.
    Ok((Config::read(args)?, files))
}

/// Calls `ask` whenever a file is not as it was when the configuration was read. `read` has these files. Never
/// returns.
pub(crate) async fn watch(mut read: watch::Receiver<Files>, ask: impl Fn()) -> Infallible {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = read.borrow_and_update().clone();
    let mut last = known.clone();
    loop {
        ticks.tick().await;
        if read.has_changed().unwrap_or(false) {
            known = read.borrow_and_update().clone();
        }
        let paths: Vec<_> = known.0.keys().cloned().collect();
        // A file system may be slow.
        let Ok(now) = spawn_blocking(move || Files::of(&paths)).await else { continue };
        // A file that still changes is being written.
        if now != known && now == last {
            known = now.clone();
            ask();
        }
        last = now;
    }
}
