//! Files as the automation reads and writes them: errors name the path, and nobody ever reads half a
//! file.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;

/// Reads a file.
///
/// # Errors
///
/// If it cannot be read, with its path.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Reads a file of text.
///
/// # Errors
///
/// If it cannot be read or is not UTF-8, with its path.
pub(crate) fn read_text(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a file, unless it has this content already: so its time changes only with its content.
///
/// # Errors
///
/// If it cannot be written, with its path.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    replace(path, bytes, 0o644)
}

/// Writes a program. A copy of it that is running keeps its own file.
///
/// # Errors
///
/// If it cannot be written, with its path.
pub(crate) fn write_program(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    replace(path, bytes, 0o755)
}

/// Copies a file, readable by everyone. A program stays executable.
///
/// # Errors
///
/// If it cannot be copied, with its path.
pub(crate) fn put(from: &Path, to: &Path) -> anyhow::Result<()> {
    let folder = to.parent().expect("a file lies in a folder");
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::copy(from, to)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    let mode = if fs::metadata(from)?.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
    fs::set_permissions(to, Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the mode of {}", to.display()))
}

/// Writes beside the file, and renames into place.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let unfinished = path.with_added_extension("new");
    let write = || {
        fs::create_dir_all(path.parent().expect("a file lies in a folder"))?;
        fs::write(&unfinished, bytes)?;
        fs::set_permissions(&unfinished, Permissions::from_mode(mode))?;
        fs::rename(&unfinished, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::workspace::printed;

    #[test]
    fn a_program_that_is_written_can_be_run() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("bin/answer");
        for text in ["#!/bin/sh\necho one", "#!/bin/sh\necho two"] {
            write_program(&program, text.as_bytes()).unwrap();
        }
        assert_eq!(printed(&mut Command::new(&program)).unwrap(), "two\n");
    }
}
