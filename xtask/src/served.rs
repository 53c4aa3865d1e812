//! Starts a server under valgrind, sends requests over one connection, and ends the server.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use http1::client::Connection;

/// What a server prints before its address.
const LISTENING: &str = "listening on http://";

/// A running server. Dropping the value kills it.
#[derive(Debug)]
pub(crate) struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    /// Starts a command under valgrind and waits until it prints its address. Its cache and its log are
    /// written into the folder.
    ///
    /// # Errors
    ///
    /// If it cannot be started, or ends before it listens.
    pub(crate) fn start(
        folder: &Path,
        valgrind: &[impl AsRef<OsStr>],
        command: &[OsString],
    ) -> anyhow::Result<Self> {
        let log = folder.join("log");
        let file = std::fs::File::create(&log).context("cannot write the log")?;
        let mut child = Command::new("valgrind")
            .args(valgrind)
            .args(command)
            .env("ARENARIA_CACHE", folder.join("compiled"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .context("cannot start valgrind")?;
        let mut output = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut line = String::new();
        output.read_line(&mut line).context("cannot read what the server prints")?;
        let address = line.trim_end().strip_prefix(LISTENING).map(str::parse);
        let Some(Ok(address)) = address else {
            let _ = child.kill();
            let _ = child.wait();
            anyhow::bail!("expected a server that listens, got {line:?}; see {}", log.display());
        };
        Ok(Self { child, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends SIGTERM and waits until the server has ended.
    ///
    /// # Errors
    ///
    /// If its exit code is not zero.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        let id = self.child.id().to_string();
        ensure!(
            Command::new("kill").args(["-TERM", &id]).status().is_ok_and(|kill| kill.success()),
            "cannot end the server"
        );
        let status = self.child.wait().context("cannot wait for the server")?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request several times over one connection, each after the response to the one before.
///
/// # Errors
///
/// If a response is missing, or its status is not 200.
pub(crate) fn exchange_times(
    address: SocketAddr,
    request: &[u8],
    times: u32,
) -> anyhow::Result<()> {
    let mut connection = Connection::open(address)?;
    for _ in 0..times {
        let status = connection.exchange(request)?.status;
        ensure!(status == 200, "expected a 200, got {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Answers every request in the same way, until the client leaves.
    fn server(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                if line.unwrap().is_empty() {
                    (&stream).write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        address
    }

    #[test]
    fn every_answer_is_read_and_must_be_a_200() {
        let request = b"GET / HTTP/1.1\r\n\r\n";
        let good = server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        exchange_times(good, request, 3).unwrap();
        let bad = server("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
        let error = exchange_times(bad, request, 3).unwrap_err().to_string();
        assert_eq!(error, "expected a 200, got 503");
    }
}
