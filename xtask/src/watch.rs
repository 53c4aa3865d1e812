//! Kills the programs of a step that takes too long, so that no step hangs.

use std::collections::HashMap;
use std::fs;
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often programs that are still running are killed after the limit.
const KILL_EVERY: Duration = Duration::from_secs(1);

/// Watches one step.
#[derive(Debug)]
pub(crate) struct Watch {
    over: Sender<()>,
    watcher: JoinHandle<bool>,
}

impl Watch {
    /// Starts the time limit of a step.
    pub(crate) fn begin(limit: Duration) -> Self {
        let (over, until_over) = mpsc::channel();
        let watcher = thread::spawn(move || {
            let is_late = |time| until_over.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
            if !is_late(limit) {
                return false;
            }
            kill_descendants();
            while is_late(KILL_EVERY) {
                kill_descendants();
            }
            true
        });
        Self { over, watcher }
    }

    /// Ends the watch. Returns whether the step's programs were killed.
    pub(crate) fn end(self) -> bool {
        drop(self.over);
        self.watcher.join().expect("the watcher does not panic")
    }
}

/// Kills the processes that this one has started, and their descendants.
fn kill_descendants() {
    let parents = parents();
    for &id in parents.keys() {
        if descends(id, std::process::id(), &parents) {
            let _ = Command::new("kill").args(["-KILL", &id.to_string()]).status();
        }
    }
}

fn descends(mut id: u32, ancestor: u32, parents: &HashMap<u32, u32>) -> bool {
    while let Some(&parent) = parents.get(&id) {
        if parent == ancestor {
            return true;
        }
        id = parent;
    }
    false
}

/// The parent of each process of this machine.
fn parents() -> HashMap<u32, u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(|id| Some((id, parent(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)?)))
        .collect()
}

/// Reads the parent in `/proc/ID/stat`: `ID (name) state parent …`. The name may contain anything.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_in_time_is_left_alone() {
        let watch = Watch::begin(Duration::from_secs(60));
        assert!(Command::new("true").status().unwrap().success());
        assert!(!watch.end());
    }

    #[test]
    fn a_parent_is_read() {
        assert_eq!(parent("7 (a) b) S 3 7 7 0"), Some(3));
        assert_eq!(parent("7 (sh"), None);
    }

    #[test]
    fn descendants_are_told_from_others() {
        let parents = HashMap::from([(2, 1), (3, 2), (4, 3), (5, 1)]);
        assert!(descends(4, 2, &parents) && descends(3, 2, &parents));
        assert!(!descends(2, 2, &parents) && !descends(5, 2, &parents));
    }

    #[test]
    fn a_child_and_its_child_are_among_the_descendants() {
        let mut child = Command::new("sh").args(["-c", "sleep 60 & wait"]).spawn().unwrap();
        let own = |parents: &HashMap<u32, u32>| {
            parents.keys().filter(|&&id| descends(id, child.id(), parents)).copied().next()
        };
        let grandchild = loop {
            if let Some(id) = own(&parents()) {
                break id;
            }
            thread::yield_now();
        };
        assert!(descends(grandchild, std::process::id(), &parents()));
        let ids = [child.id(), grandchild].map(|id| id.to_string());
        assert!(Command::new("kill").arg("-KILL").args(ids).status().unwrap().success());
        child.wait().unwrap();
    }
}
