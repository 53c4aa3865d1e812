//! nginx as a reverse proxy in front of the processes: one unprivileged child in the foreground, all
//! of whose files lie in one folder.
//!
//! Invariant: a [`Proxy`] that is dropped
//! leaves no process behind; it runs as a single process, so there are no workers to forget.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use load_tests::files::{Paths, tail};
use load_tests::process::Process;
use load_tests::server::{pinned, quoted};

/// How often a request is offered to a process that may be down, and how soon after a failure.
const FAIL_TIMEOUT: Duration = Duration::from_secs(1);
/// It listens at once, or says why not.
const START_TIME_MAX: Duration = Duration::from_secs(10);
const STOP_TIME_MAX: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOG_LINES_SHOWN: usize = 20;

/// A running nginx.
#[derive(Debug)]
pub(super) struct Proxy {
    process: Process,
    folder: PathBuf,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// How it was started, as one would type it.
    pub(super) command: String,
}

impl Proxy {
    /// Starts it in front of `processes`, with `connections` kept open to them.
    ///
    /// # Errors
    ///
    /// If it is not installed (the message says how to), or does not listen.
    pub(super) fn start(
        program: &Path,
        folder: &Path,
        processes: &[SocketAddr],
        connections: u16,
        core: Option<usize>,
    ) -> Result<Self> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        // What an earlier run has left would be counted as this one's.
        let _ = std::fs::remove_file(folder.join("access.log"));
        let address = free_address()?;
        let file = folder.join("nginx.conf");
        std::fs::write(&file, configuration(address, processes, connections))
            .with_context(|| format!("cannot write {}", file.display()))?;
        let errors = std::fs::File::create(folder.join("stderr.log"))
            .with_context(|| format!("cannot write into {}", folder.display()))?;
        let mut command = pinned(program, core);
        command.arg("-p").arg(folder).args(["-e", "error.log", "-c", "nginx.conf"]);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words = words.map(|word| quoted(&word.to_string_lossy()));
        let line = words.collect::<Vec<_>>().join(" ");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
        let process =
            Process::spawn(&mut command).with_context(|| format!("cannot start {line}"))?;
        let mut proxy = Self { process, folder: folder.to_owned(), address, command: line };
        proxy.wait_until_it_listens()?;
        Ok(proxy)
    }

    /// The number of its only process.
    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ends it, and gives the log of every request: nothing is written after that.
    ///
    /// # Errors
    ///
    /// If it had ended before, or does not end in time; or if there is no log.
    pub(super) fn stop(mut self) -> Result<String> {
        if let Some(status) = self.process.ended()? {
            bail!("nginx ended by itself with {status}; {}", self.log_tail());
        }
        ensure!(
            self.process.terminate(STOP_TIME_MAX)?.is_some(),
            "nginx did not end within {STOP_TIME_MAX:?} of SIGTERM; {}",
            self.log_tail()
        );
        let log = self.folder.join("access.log");
        std::fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))
    }

    fn wait_until_it_listens(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIME_MAX;
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.process.ended()? {
                bail!("{} ended with {status}; {}", self.command, self.log_tail());
            }
            ensure!(
                Instant::now() < deadline,
                "{} did not listen within {START_TIME_MAX:?}; {}",
                self.command,
                self.log_tail()
            );
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn log_tail(&self) -> String {
        // Before it has read its configuration it complains to both.
        let of = |name: &str| tail(&self.folder.join(name), LOG_LINES_SHOWN);
        format!("the end of its logs:\n{}\n{}", of("stderr.log"), of("error.log"))
    }
}

/// The program. Debian has it in a folder that is not on everybody's `PATH`.
///
/// # Errors
///
/// If it is not installed; the message says how to.
pub(crate) fn program(paths: &Paths) -> Result<PathBuf> {
    let aside = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"].map(PathBuf::from);
    let found = paths.tool("nginx").or_else(|| aside.into_iter().find(|path| path.is_file()));
    found.context("nginx is not installed: `apt-get install nginx-light`")
}

/// nginx's version, as it prints it.
pub(super) fn version(program: &Path) -> String {
    let said = Command::new(program).arg("-v").output();
    said.map(|said| String::from_utf8_lossy(&said.stderr).trim().to_owned()).unwrap_or_default()
}

/// An address that nobody listens on. Another process could take it before nginx does, which then
/// says so and ends.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("there is no free port")?;
    Ok(listener.local_addr()?)
}

/// All names in it are relative to the folder that it is started with.
///
/// The policy is nginx's default, and what is safe for POST: a request that was sent to a process may
/// have had its effect, and is never sent again; a connection that is refused was never a request.
fn configuration(address: SocketAddr, processes: &[SocketAddr], connections: u16) -> String {
    let fail_timeout = FAIL_TIMEOUT.as_secs();
    let servers: String = processes
        .iter()
        .map(|process| {
            format!("        server {process} max_fails=1 fail_timeout={fail_timeout}s;\n")
        })
        .collect();
    format!(
        "daemon off;
master_process off;
pid nginx.pid;
error_log error.log warn;
events {{
    worker_connections 4096;
}}
http {{
    log_format attempts '$msec|$request_time|$upstream_addr|$upstream_status|$status';
    access_log access.log attempts;
    client_body_temp_path temp-body;
    proxy_temp_path temp-proxy;
    fastcgi_temp_path temp-fastcgi;
    uwsgi_temp_path temp-uwsgi;
    scgi_temp_path temp-scgi;
    client_body_buffer_size 1m;
    upstream arenaria {{
{servers}        keepalive {connections};
        keepalive_requests 1000000000;
    }}
    server {{
        listen {address};
        keepalive_requests 1000000000;
        location / {{
            proxy_pass http://arenaria;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_connect_timeout 1s;
            proxy_read_timeout 30s;
            proxy_next_upstream error timeout;
        }}
    }}
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_is_in_the_configuration_and_nothing_is_sent_twice() {
        let processes = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let text = configuration(SocketAddr::from(([127, 0, 0, 1], 3)), &processes, 32);
        assert!(text.contains("server 127.0.0.1:1 max_fails=1 fail_timeout=1s;"), "{text}");
        assert!(text.contains("server 127.0.0.1:2 max_fails=1 fail_timeout=1s;"), "{text}");
        assert!(text.contains("listen 127.0.0.1:3;") && text.contains("keepalive 32;"), "{text}");
        assert!(!text.contains("non_idempotent"), "{text}");
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
