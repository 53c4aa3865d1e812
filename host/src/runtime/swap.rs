//! Whether memory of this process could be swapped out.
//!
//! A pool that keeps the pages of its instances asks the kernel which of them were written, to write them back to what
//! they were. A page that was swapped out is not among them: it would keep what a request left there. So pages are kept
//! only while nothing can be swapped out. A page that the kernel moves at that very moment, to make room for larger ones,
//! is not among them either, and nothing shows this. So pages are kept only where the operator wants it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where the kernel tells it.
#[derive(Clone, Debug)]
pub(crate) struct Swap {
    root: PathBuf,
    /// The size of all swap devices. A container may show another `/proc/swaps` than that of the system.
    total: fn() -> u64,
}

impl Swap {
    /// That of this system.
    pub(crate) fn of_system() -> Self {
        Self { root: "/".into(), total: || rustix::system::sysinfo().totalswap }
    }

    /// Why nothing can be swapped out now. None if something can.
    ///
    /// # Errors
    ///
    /// If the kernel does not say.
    pub(crate) fn is_impossible(&self) -> io::Result<Option<&'static str>> {
        if self.has_no_device()? {
            Ok(Some("it has no swap device"))
        } else if self.is_denied()? {
            Ok(Some("memory.swap.max of the control group is 0"))
        } else {
            Ok(None)
        }
    }

    fn has_no_device(&self) -> io::Result<bool> {
        let text = fs::read_to_string(self.root.join("proc/swaps"))?;
        // The first line has the names of the columns.
        let is_empty = text.starts_with("Filename") && text.trim_end().lines().count() == 1;
        Ok(is_empty && (self.total)() == 0)
    }

    /// Whether this process is in a control group of version 2 that may not swap, or in a part of one.
    fn is_denied(&self) -> io::Result<bool> {
        let text = fs::read_to_string(self.root.join("proc/self/cgroup"))?;
        let group = text.lines().find_map(|line| line.strip_prefix("0::/"));
        // One outside of what is visible here begins with two dots.
        let Some(group) = group.filter(|group| !group.contains("..")) else { return Ok(false) };
        Ok(Path::new(group).ancestors().any(|group| {
            let file = self.root.join("sys/fs/cgroup").join(group).join("memory.swap.max");
            fs::read_to_string(file).is_ok_and(|text| text.trim_end() == "0")
        }))
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const NONE: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
    const ONE: &str = "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 8388604 0 -2\n";

    /// A system with these files.
    fn system(files: &[(&str, &str)]) -> (TempDir, Swap) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let root = folder.path().to_owned();
        (folder, Swap { root, total: || 0 })
    }

    #[track_caller]
    fn check(files: &[(&str, &str)], expected: Option<&str>) {
        let (_folder, swap) = system(files);
        let found = swap.is_impossible().unwrap_or_default();
        assert_eq!(found.is_some(), expected.is_some(), "{files:?}");
        assert!(found.zip(expected).is_none_or(|(found, words)| found.contains(words)));
    }

    #[test]
    fn without_a_device_nothing_is_swapped_out() {
        check(&[("proc/swaps", NONE)], Some("no swap device"));
        check(&[("proc/swaps", ONE)], None);
    }

    #[test]
    fn a_control_group_may_deny_it_at_any_level() {
        let swaps = ("proc/swaps", ONE);
        let group = ("proc/self/cgroup", "1:cpu:/a\n0::/a/b\n");
        let outer = |text| ("sys/fs/cgroup/a/memory.swap.max", text);
        let inner = |text| ("sys/fs/cgroup/a/b/memory.swap.max", text);
        let root = ("sys/fs/cgroup/memory.swap.max", "0\n");
        check(&[swaps, group, inner("0\n"), outer("max\n")], Some("memory.swap.max"));
        check(&[swaps, group, inner("max\n"), outer("0\n")], Some("memory.swap.max"));
        // In a container, the root is the container's group.
        check(&[swaps, group, root], Some("memory.swap.max"));
        check(&[swaps, group, inner("4096\n"), outer("max\n")], None);
        check(&[swaps, ("proc/self/cgroup", "1:memory:/a\n"), outer("0\n")], None);
        check(&[swaps, ("proc/self/cgroup", "0::/../a\n"), root], None);
    }

    #[test]
    fn a_container_may_hide_the_devices_of_the_system() {
        let (_folder, swap) = system(&[("proc/swaps", NONE), ("proc/self/cgroup", "0::/\n")]);
        let swap = Swap { total: || 1 << 30, ..swap };
        assert_eq!(swap.is_impossible().unwrap(), None);
    }

    #[test]
    fn what_the_kernel_does_not_say_counts_as_possible() {
        assert!(system(&[]).1.is_impossible().is_err());
        check(&[("proc/swaps", "")], None);
        check(&[("proc/swaps", "what is this\n")], None);
    }
}
