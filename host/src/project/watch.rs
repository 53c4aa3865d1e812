//! Tells when the sources of a project have changed.
//!
//! The folders of the project and of the crates that it depends on by a path are watched, except what tools and editors
//! put there, and the files of components that are built elsewhere. Several events in a row are one change.
//!
//! A build may write to its own sources. A file that is written as it was before is not a change, so that such a build
//! does not lead to the next one for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use notify::event::{EventKind, MetadataKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::config::development::QUIET;

/// The files of a project that are watched.
pub(crate) struct Watch {
    watcher: RecommendedWatcher,
    events: mpsc::UnboundedReceiver<notify::Result<Event>>,
    /// Folders with sources, without symbolic links, because so are the paths of events.
    folders: BTreeSet<PathBuf>,
    /// Files that are watched wherever they are.
    files: BTreeSet<PathBuf>,
    /// What the watcher was told.
    watched: BTreeSet<PathBuf>,
    /// What was in each file that has changed; none if it was removed.
    contents: BTreeMap<PathBuf, Option<u64>>,
}

impl Watch {
    /// Watches nothing yet.
    ///
    /// # Errors
    ///
    /// If the system does not tell of changes. The message says why.
    pub(crate) fn start() -> Result<Self> {
        let (sender, events) = mpsc::unbounded_channel();
        // This fails only if nobody listens any more.
        let hear = move |event| drop(sender.send(event));
        let watcher = notify::recommended_watcher(hear)
            .map_err(|error| anyhow!("cannot watch files: {error}"))?;
        let (folders, files, watched) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Ok(Self { watcher, events, folders, files, watched, contents: BTreeMap::new() })
    }

    /// Watches a folder of sources, with all folders in it.
    ///
    /// # Errors
    ///
    /// If the folder cannot be watched. The message says why.
    pub(crate) fn add_folder(&mut self, folder: &Path) -> Result<()> {
        let failed = |error| anyhow!("cannot watch {}: {error}", folder.display());
        let folder = folder.canonicalize().map_err(failed)?;
        if !self.folders.insert(folder.clone()) {
            return Ok(());
        }
        self.watch(&folder, RecursiveMode::NonRecursive)?;
        for entry in folder.read_dir().map_err(failed)?.flatten() {
            self.watch_subfolder(&entry.path())?;
        }
        Ok(())
    }

    /// Watches a file too, wherever it is. Its folder must exist.
    ///
    /// # Errors
    ///
    /// If the folder cannot be watched.
    pub(crate) fn add_file(&mut self, file: &Path) -> Result<()> {
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else { return Ok(()) };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let failed = |error| anyhow!("cannot watch {}: {error}", folder.display());
        let folder = folder.canonicalize().map_err(failed)?;
        self.files.insert(folder.join(name));
        self.watch(&folder, RecursiveMode::NonRecursive)
    }

    /// Waits for a change, and until it is complete.
    ///
    /// # Errors
    ///
    /// If the watcher fails.
    pub(crate) async fn changed(&mut self) -> Result<()> {
        loop {
            let Some(event) = self.events.recv().await else {
                return std::future::pending().await;
            };
            if self.is_change(event)? {
                break;
            }
        }
        while let Ok(Some(event)) = timeout(QUIET, self.events.recv()).await {
            self.is_change(event)?;
        }
        Ok(())
    }

    fn is_change(&mut self, event: notify::Result<Event>) -> Result<bool> {
        let event = event.map_err(|error| anyhow!("cannot watch the sources: {error}"))?;
        let is_reading = matches!(
            event.kind,
            EventKind::Access(_)
                | EventKind::Modify(ModifyKind::Metadata(MetadataKind::AccessTime))
        );
        if is_reading {
            return Ok(false);
        }
        if event.need_rescan() {
            return Ok(true);
        }
        for path in &event.paths {
            if path.parent().is_some_and(|parent| self.folders.contains(parent)) {
                self.watch_subfolder(path)?;
            }
        }
        let mut is_change = false;
        for path in &event.paths {
            if !self.counts(path) {
                continue;
            }
            let now = contents(path);
            let before = self.contents.insert(path.clone(), now);
            is_change |= before != Some(now);
        }
        Ok(is_change)
    }

    /// Whether a change of this file is one of the project.
    fn counts(&self, path: &Path) -> bool {
        if self.files.contains(path) {
            return true;
        }
        let inside = self.folders.iter().filter_map(|folder| path.strip_prefix(folder).ok());
        let mut inside = inside.filter(|inside| !inside.as_os_str().is_empty());
        inside.any(|inside| {
            let mut names = inside.components().map(|part| part.as_os_str().to_string_lossy());
            !names.any(|name| is_ignored(&name))
        })
    }

    /// Watches a folder in the project, with all folders in it, unless tools write to it.
    fn watch_subfolder(&mut self, path: &Path) -> Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !is_ignored(&name) && path.is_dir() {
            self.watch(path, RecursiveMode::Recursive)?;
        }
        Ok(())
    }

    fn watch(&mut self, path: &Path, mode: RecursiveMode) -> Result<()> {
        // A folder that was deleted and made again has to be watched again, whatever `watched` says.
        if mode == RecursiveMode::NonRecursive && !self.watched.insert(path.to_owned()) {
            return Ok(());
        }
        self.watcher
            .watch(path, mode)
            .map_err(|error| anyhow!("cannot watch {}: {error}", path.display()))
    }
}

/// A number that differs for different contents. Folders are all alike.
fn contents(path: &Path) -> Option<u64> {
    if path.is_dir() {
        return Some(0);
    }
    let mut hasher = DefaultHasher::new();
    std::fs::read(path).ok()?.hash(&mut hasher);
    Some(hasher.finish())
}

/// Whether this is the name of a folder that tools write to, of a file that an editor writes for a while, or of a log.
fn is_ignored(name: &str) -> bool {
    const FOLDERS: [&str; 3] = ["target", "node_modules", "__pycache__"];
    // A log may be that of `arenaria dev` itself.
    const ENDS: [&str; 7] = ["~", ".swp", ".swx", ".tmp", ".part", ".new", ".log"];
    let is_hidden = name.starts_with('.') && name != ".cargo";
    // vim tries whether it can write with a file of this name.
    let is_trial = name == "4913";
    FOLDERS.contains(&name)
        || is_hidden
        || is_trial
        || name.starts_with('#')
        || name.contains("___jb_")
        || ENDS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(folder: &Path, has_sources: bool, expected: bool, change: impl FnOnce(&Path)) {
        let mut watch = Watch::start().unwrap();
        if has_sources {
            watch.add_folder(folder).unwrap();
        }
        watch.add_file(&folder.join("target/a.wasm")).unwrap();
        change(folder);
        // The last change always counts: what is expected to be silent has been before it.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            std::fs::write(folder.join("target/a.wasm"), "end").unwrap();
            let mut heard = false;
            loop {
                let event = watch.events.recv().await.unwrap().unwrap();
                let is_end = event.paths.iter().any(|path| path.ends_with("a.wasm"));
                heard |= watch.is_change(Ok(event)).unwrap() && !is_end;
                if is_end {
                    break;
                }
            }
            assert_eq!(heard, expected);
        });
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["src/deep", "target", ".git", "node_modules"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("src/lib.rs"), "old").unwrap();
        folder
    }

    #[test]
    fn sources_count_and_what_tools_and_editors_write_does_not() {
        let rows = [
            ("src/lib.rs", true),
            ("src/deep/new.rs", true),
            ("Cargo.toml", true),
            ("target/other.wasm", false),
            (".git/index", false),
            ("node_modules/x", false),
            ("src/.lib.rs.swp", false),
            ("src/lib.rs~", false),
            ("dev.log", false),
            ("4913", false),
            ("#lib.rs#", false),
        ];
        for (file, expected) in rows {
            let folder = folder();
            check(folder.path(), true, expected, |folder| {
                std::fs::write(folder.join(file), "new").unwrap();
            });
            check(folder.path(), false, false, |folder| {
                std::fs::write(folder.join(file), "newer").unwrap();
            });
        }
    }

    #[test]
    fn a_file_that_is_replaced_or_removed_counts_and_one_that_is_read_does_not() {
        let folder = folder();
        check(folder.path(), true, false, |folder| {
            std::fs::read(folder.join("src/lib.rs")).unwrap();
        });
        check(folder.path(), true, true, |folder| {
            std::fs::write(folder.join("src/lib.rs~"), "new").unwrap();
            std::fs::rename(folder.join("src/lib.rs~"), folder.join("src/lib.rs")).unwrap();
        });
        check(folder.path(), true, true, |folder| {
            std::fs::remove_file(folder.join("src/lib.rs")).unwrap();
        });
    }

    #[test]
    fn a_file_that_is_written_as_it_was_counts_once() {
        let folder = folder();
        let write = |text| std::fs::write(folder.path().join("src/lib.rs"), text).unwrap();
        let mut watch = Watch::start().unwrap();
        watch.add_folder(folder.path()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            write("one");
            watch.changed().await.unwrap();
            write("one");
            std::fs::write(folder.path().join("src/end.rs"), "").unwrap();
            loop {
                let event = watch.events.recv().await.unwrap().unwrap();
                let is_end = event.paths.iter().any(|path| path.ends_with("end.rs"));
                assert_eq!(watch.is_change(Ok(event)).unwrap(), is_end);
                if is_end {
                    break;
                }
            }
            write("two");
            watch.changed().await.unwrap();
        });
    }

    #[test]
    fn a_new_folder_is_watched() {
        let folder = folder();
        let mut watch = Watch::start().unwrap();
        watch.add_folder(folder.path()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            std::fs::create_dir(folder.path().join("new")).unwrap();
            watch.changed().await.unwrap();
            std::fs::write(folder.path().join("new/a.rs"), "new").unwrap();
            watch.changed().await.unwrap();
        });
    }
}
