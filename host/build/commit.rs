//! The commit of a checkout, or of the checkout that a package was made from.

use std::path::{Path, PathBuf};
use std::process::Command;

/// How many digits of a commit are told.
const DIGITS: usize = 12;

/// The commit that this folder of a package belongs to, with `-dirty` if files differ from it. None if it is
/// unknown.
pub(crate) fn find(folder: &Path) -> Option<String> {
    // Cargo writes it into each package that it makes.
    if let Ok(text) = std::fs::read_to_string(folder.join(".cargo_vcs_info.json")) {
        return of_package(&text);
    }
    // A package may have been unpacked inside the checkout of something else.
    git(folder, &["ls-files", "--error-unmatch", "Cargo.toml"])?;
    let commit = git(folder, &["rev-parse", "HEAD"])?;
    let changes = git(folder, &["status", "--porcelain", "--untracked-files=no"])?;
    told(commit.trim(), !changes.is_empty())
}

/// The files of git that change with each commit and each checkout.
#[cfg_attr(test, expect(dead_code, reason = "only the build script asks cargo to watch them"))]
pub(crate) fn watched(folder: &Path) -> Vec<PathBuf> {
    let path = |name| git(folder, &["rev-parse", "--git-path", name]);
    let paths = ["HEAD", "logs/HEAD"].into_iter().filter_map(path);
    // Cargo would run the script each time for a file that does not exist.
    paths.map(|path| folder.join(path.trim())).filter(|path| path.exists()).collect()
}

/// From the form `{"git": {"sha1": "…", "dirty": true}, …}`. The second key is there only if it is true.
fn of_package(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("\"sha1\"")?;
    let commit = rest.split('"').nth(1)?;
    told(commit, text.contains("\"dirty\": true"))
}

fn told(commit: &str, is_dirty: bool) -> Option<String> {
    let is_commit = commit.len() >= DIGITS && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit.then(|| format!("{}{}", &commit[..DIGITS], if is_dirty { "-dirty" } else { "" }))
}

/// What git prints. None without git, or if it fails.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    // A hook of git names the repository of its own.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    command.arg("--no-optional-locks").args(arguments).current_dir(folder);
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}
