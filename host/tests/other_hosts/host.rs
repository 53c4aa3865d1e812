//! Hosts as child processes. Environment variables name their programs, they print their address,
//! and they are always stopped.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{arenaria, component, finished};

/// A host may first compile the component with an optimising compiler, beside other tests.
const PATIENCE: Duration = Duration::from_secs(180);

/// The program that a variable names.
#[track_caller]
pub(crate) fn program(variable: &str) -> OsString {
    let named = std::env::var_os(variable);
    named.unwrap_or_else(|| {
        panic!("{variable} does not name the host: run `cargo xtask other-hosts`")
    })
}

/// The flagship as a component of `wasi:http`, in a folder of its own.
#[track_caller]
pub(crate) fn bridged(world: &str, settings: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let output = folder.path().join("bridged.wasm");
    let file = component("transform");
    let mut command = arenaria(&["bridge".as_ref(), file.as_os_str(), "-o".as_ref()]);
    command.arg(&output).args(["--world", world, "--settings", settings]);
    let ended = finished(&mut command);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    (folder, output)
}

/// A running host.
pub(crate) struct Host {
    child: Child,
    pub(crate) address: SocketAddr,
    /// The component that it serves.
    _folder: TempDir,
}

impl Host {
    /// Starts a host, and waits for the line on its standard error that ends in its address.
    #[track_caller]
    pub(crate) fn start(mut command: Command, announced: &str, folder: TempDir) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // Its own process group: a host may have children, which must end with it.
        command.process_group(0);
        let mut child = command.spawn().expect("the host starts");
        let stream = BufReader::new(child.stderr.take().expect("piped"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            // Read to the end, so that the host is never blocked on its output.
            for line in stream.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut said = Vec::new();
        while let Ok(line) = lines.recv_timeout(PATIENCE) {
            if let Some(address) = line.strip_prefix(announced) {
                let address = address.trim_end_matches(['/', '.']).parse();
                let address = address.unwrap_or_else(|_| panic!("no address: {line}"));
                return Self { child, address, _folder: folder };
            }
            said.push(line);
        }
        end(&mut child);
        panic!("the host did not start: {}", said.join("\n"));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Ends a process and its children.
fn end(child: &mut Child) {
    let group = format!("-{}", child.id());
    let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
    let _ = child.wait();
}
