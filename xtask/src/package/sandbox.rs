//! Runs the server of the container image as in a container, but without a container engine. bubblewrap gives
//! it only the unpacked root, read-only, as user 65532, without capabilities, as process 1 of its own process
//! namespace. The network is the machine's.
//!
//! A binary of development needs libraries: it gets this machine's.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use oci_spec::image::ImageConfiguration;

use crate::workspace::succeed;

/// Time limit of one response.
const RESPONSE_TIME_MAX: Duration = Duration::from_secs(60);

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

/// The server in a sandbox.
#[derive(Debug)]
pub(crate) struct Server {
    bwrap: Child,
    /// Kept open: the server could not print to a closed pipe.
    _output: BufReader<ChildStdout>,
    address: String,
    operator: String,
}

impl Server {
    /// Starts the server and waits until it prints its addresses.
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        let mut bwrap = command.stdout(Stdio::piped()).spawn().context("cannot start bwrap")?;
        let mut output = BufReader::new(bwrap.stdout.take().expect("standard output is piped"));
        let mut next = |what: &str| -> anyhow::Result<String> {
            let mut line = String::new();
            output.read_line(&mut line)?;
            let address = line.trim_end().strip_prefix(what);
            address
                .map(str::to_owned)
                .with_context(|| format!("expected a line with {what:?}, got {line:?}"))
        };
        let address = next("listening on http://")?;
        let operator = next("operator on http://")?;
        Ok(Self { bwrap, _output: output, address, operator })
    }

    /// Sends one request, and returns the whole response.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> anyhow::Result<String> {
        ask(&self.address, method, path, body)
    }

    /// Sends one request to the operator's address, and returns the whole response.
    pub(crate) fn ask_operator(&self, method: &str, path: &str) -> anyhow::Result<String> {
        ask(&self.operator, method, path, "")
    }

    /// Sends SIGTERM, as a container engine does, and waits until the server has ended with exit code 0.
    pub(crate) fn end(&mut self) -> anyhow::Result<()> {
        // A signal to bwrap would end only bwrap. The server is its child.
        let pid = self.bwrap.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        let server = children.split_ascii_whitespace().next();
        let server = server.context("the server ended before SIGTERM")?;
        succeed(Command::new("kill").args(["-TERM", server]))?;
        let status = self.bwrap.wait()?;
        ensure!(status.success(), "expected exit code 0 after SIGTERM, got {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails if it has ended already. bwrap's child ends with it.
        let _ = self.bwrap.kill();
        let _ = self.bwrap.wait();
    }
}

fn ask(address: &str, method: &str, path: &str, body: &str) -> anyhow::Result<String> {
    let mut stream =
        TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    stream.set_read_timeout(Some(RESPONSE_TIME_MAX))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .with_context(|| format!("cannot read a response from {address}"))?;
    Ok(answer.trim_end().to_owned())
}
