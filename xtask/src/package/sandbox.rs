//! Runs the server of the container image as in a container, but without a container engine. bubblewrap gives
//! it only the unpacked root, read-only, as user 65532, without capabilities, as process 1 of its own process
//! namespace. The network is the machine's.
//!
//! A binary of development needs libraries: it gets this machine's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use oci_spec::image::ImageConfiguration;

/// bubblewrap is installed and works.
#[derive(Debug)]
pub(crate) struct Sandbox(());

impl Sandbox {
    /// `None` if bubblewrap is missing, or may not make namespaces on this machine.
    pub(crate) fn find() -> Option<Self> {
        let mut bwrap = Command::new("bwrap");
        bwrap.args(ISOLATION).args(["--ro-bind", "/", "/", "--proc", "/proc", "true"]);
        bwrap.output().is_ok_and(|output| output.status.success()).then_some(Self(()))
    }

    /// The image's command in an unpacked root, with further arguments, and with a file mounted over one of
    /// the image's files.
    pub(crate) fn command(
        &self,
        root: &Path,
        image: &ImageConfiguration,
        args: &[&str],
        mounted: Option<(&Path, &str)>,
    ) -> anyhow::Result<Command> {
        let process = image.config().as_ref().context("the image has no configuration")?;
        let ids = process.user().as_ref().and_then(|user| user.split_once(':'));
        let (uid, gid) = ids.context("the image names no user and group")?;
        let entrypoint = process.entrypoint().as_deref().unwrap_or_default();
        let directory = process.working_dir().as_deref().unwrap_or("/");
        let mut bwrap = Command::new("bwrap");
        bwrap.args(ISOLATION).args(["--uid", uid, "--gid", gid, "--as-pid-1"]);
        let mut names: Vec<_> = fs::read_dir(root)
            .with_context(|| format!("cannot read {}", root.display()))?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<Result<_, _>>()?;
        names.sort();
        for name in names {
            bwrap.arg("--ro-bind").arg(root.join(&name)).arg(Path::new("/").join(&name));
        }
        let program = entrypoint.first().context("the image has no entry point")?;
        for library in libraries(&root.join(program.trim_start_matches('/')))? {
            bwrap.arg("--ro-bind").arg(&library).arg(&library);
        }
        if let Some((from, to)) = mounted {
            bwrap.arg("--ro-bind").arg(from).arg(to);
        }
        bwrap.args(["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/", "--clearenv"]);
        for variable in process.env().iter().flatten() {
            let (key, value) = variable.split_once('=').context("a variable without a value")?;
            bwrap.args(["--setenv", key, value]);
        }
        bwrap.args(["--chdir", directory, "--"]).args(entrypoint);
        bwrap.args(process.cmd().iter().flatten()).args(args);
        Ok(bwrap)
    }
}

/// The only child of a process. A signal to bwrap would end only bwrap: the server is its child.
///
/// # Errors
///
/// If there is none.
pub(crate) fn child(process: u32) -> anyhow::Result<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))?;
    let child = children.split_ascii_whitespace().next().context("bwrap has no child")?;
    child.parse().context("cannot read the id of bwrap's child")
}

/// What separates the process from the machine.
const ISOLATION: [&str; 9] = [
    "--unshare-user",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--cap-drop",
    "ALL",
    "--new-session",
    "--die-with-parent",
    "--unshare-cgroup-try",
];

/// The libraries that a program is linked with, as absolute paths. Empty if it is static.
fn libraries(program: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output().context("cannot start ldd")?;
    if !output.status.success() {
        // ldd fails on a static program.
        return Ok(Vec::new());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let paths = text.split_ascii_whitespace().filter(|word| word.starts_with('/'));
    Ok(paths.map(PathBuf::from).collect())
}
