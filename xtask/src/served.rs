//! Starts a server, reads the addresses that it prints, and ends it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, ensure};
use http1::client::Connection;

use crate::workspace::{shown, succeed};

/// What a server prints before its address.
const LISTENING: &str = "listening on http://";

/// A running server. Dropping the value kills it.
#[derive(Debug)]
pub(crate) struct Served {
    child: Child,
    /// Kept open: the server could not print to a closed pipe.
    output: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Served {
    /// Starts a command and waits until it prints its address.
    ///
    /// # Errors
    ///
    /// If it cannot be started, or ends before it listens.
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child =
            command.spawn().with_context(|| format!("cannot start {}", shown(command)))?;
        let output = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let unknown = SocketAddr::from(([0; 4], 0));
        let mut served = Self { child, output, address: unknown };
        served.address = served.next_address(LISTENING)?;
        Ok(served)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address in the next line that the server prints.
    ///
    /// # Errors
    ///
    /// If the line does not begin with `before`, or has no address.
    pub(crate) fn next_address(&mut self, before: &str) -> anyhow::Result<SocketAddr> {
        let mut line = String::new();
        self.output.read_line(&mut line).context("cannot read what the server prints")?;
        let address = line.trim_end().strip_prefix(before).and_then(|text| text.parse().ok());
        address.with_context(|| format!("expected a line `{before}…`, got {line:?}"))
    }

    /// The process that was started.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM to a process, which is the server, and waits until the command has ended.
    ///
    /// # Errors
    ///
    /// If its exit code is not zero.
    pub(crate) fn end(mut self, server: u32) -> anyhow::Result<()> {
        succeed(Command::new("kill").args(["-TERM", &server.to_string()]))?;
        let status = self.child.wait().context("cannot wait for the server")?;
        ensure!(status.success(), "expected exit code 0 after SIGTERM, got {status}");
        Ok(())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Fails if it has ended already.
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
