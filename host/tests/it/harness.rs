//! Servers as child processes. They are configured by a file, print their address, and are always
//! stopped.
//!
//! This uses nothing of the host's code. A test sees the command line, the sockets, the exit code
//! and the two output streams. No server outlives its test.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::{Connection, Request, Response};
use crate::config::Config;
use crate::scrape::Metrics;

/// How long a test waits for a condition before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a command may run, and a server may take to listen. This is long, because the server
/// compiles a component with an unoptimised compiler, beside other tests. If the process dies, the
/// wait ends at once.
const COMPILING_PATIENCE: Duration = Duration::from_secs(180);

/// How long a build may take, which may wait for others.
const BUILDING_PATIENCE: Duration = Duration::from_secs(1200);

/// Servers start one after the other, so that each finds the components that an earlier one
/// compiled.
static STARTING: Mutex<()> = Mutex::new(());

/// Waits until `condition` returns a value, and returns it.
#[track_caller]
pub(crate) fn until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    until_in(PATIENCE, what, condition)
}

/// The same for what may need a build.
#[track_caller]
pub(crate) fn until_built<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    until_in(BUILDING_PATIENCE, what, condition)
}

#[track_caller]
fn until_in<T>(patience: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "timed out: {what}");
        thread::sleep(Duration::from_millis(3));
    }
}

/// The path of a built component.
#[track_caller]
pub(crate) fn component(name: &str) -> PathBuf {
    let folder = std::env::var_os("ARENARIA_COMPONENTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/components"),
        PathBuf::from,
    );
    let path = folder.join(name).with_extension("wasm");
    assert!(path.exists(), "{} is missing: run `cargo xtask guests` first", path.display());
    path.canonicalize().expect("the file exists")
}

/// A processor with this core module.
pub(crate) fn processor(module: &str) -> Vec<u8> {
    let text = format!("(component {module} {})", include_str!("processor.wat"));
    wat::parse_str(text).expect("it is sound")
}

/// The program under test, without the variables of the environment in which the tests run.
pub(crate) fn arenaria<A: AsRef<std::ffi::OsStr>>(arguments: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arenaria"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ARENARIA_") {
            command.env_remove(name);
        }
    }
    // Tests share compiled components, and leave nothing in the user's own folders.
    command.env("ARENARIA_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/compiled"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The exit code and output of a command that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command that must end by itself. If it does not, the test fails with its output.
#[track_caller]
pub(crate) fn finished(command: &mut Command) -> Finished {
    finished_within(COMPILING_PATIENCE, command)
}

/// The same for a command that may compile for minutes, and wait for others that do.
#[track_caller]
pub(crate) fn finished_building(command: &mut Command) -> Finished {
    finished_within(BUILDING_PATIENCE, command)
}

#[track_caller]
fn finished_within(patience: Duration, command: &mut Command) -> Finished {
    let mut child = command.spawn().expect("the program starts");
    let stdout = collect(child.stdout.take().expect("piped"), None);
    let stderr = collect(child.stderr.take().expect("piped"), None);
    let deadline = Instant::now() + patience;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        if Instant::now() > deadline || stdout.text().contains("listening on") {
            child.kill().expect("a child can be killed");
            child.wait().expect("a child can be waited for");
            panic!("did not end by itself: {:?} {:?}", stdout.text(), stderr.text());
        }
        thread::sleep(Duration::from_millis(3));
    };
    Finished { code: status.code(), stdout: stdout.join(), stderr: stderr.join() }
}

/// The text of a stream so far, and the thread that reads it.
struct Heard {
    text: Arc<Mutex<String>>,
    listener: thread::JoinHandle<()>,
}

impl Heard {
    /// The text so far.
    fn text(&self) -> String {
        self.text.lock().expect("the listener does not panic").clone()
    }

    /// The whole text, once the stream has ended.
    fn join(self) -> String {
        self.listener.join().expect("the listener does not panic");
        self.text.lock().expect("the listener has ended").clone()
    }
}

fn collect(stream: impl Read + Send + 'static, lines: Option<mpsc::Sender<String>>) -> Heard {
    let text = Arc::new(Mutex::new(String::new()));
    let shared = Arc::clone(&text);
    let listener = thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let said = String::from_utf8_lossy(&line).into_owned();
            shared.lock().expect("readers only clone").push_str(&said);
            if let Some(lines) = &lines {
                let _ = lines.send(said.trim_end().to_owned());
            }
            line.clear();
        }
    });
    Heard { text, listener }
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    stdout: Heard,
    /// None if the test has its own.
    stderr: Option<Heard>,
    slots: f64,
    pub(crate) address: SocketAddr,
    operator: Option<SocketAddr>,
    _folder: TempDir,
}

impl Server {
    /// Starts a server and waits until it listens.
    #[track_caller]
    pub(crate) fn start(config: &Config) -> Self {
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let file = folder.path().join("arenaria.toml");
        std::fs::write(&file, config.to_toml()).expect("the folder is ours");
        let mut server = Self::start_command(
            arenaria(&["serve".as_ref(), "--config".as_ref(), file.as_os_str()]),
            folder,
        );
        server.slots = config.slots();
        server
    }

    /// Starts a server with the test's own arguments.
    #[track_caller]
    pub(crate) fn start_command(mut command: Command, folder: TempDir) -> Self {
        let starting = STARTING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut child = command.spawn().expect("the program starts");
        let (sender, lines) = mpsc::channel();
        let stdout = collect(child.stdout.take().expect("piped"), Some(sender));
        let stderr = child.stderr.take().map(|stream| collect(stream, None));
        let address = announced(&lines, "listening on http://");
        let Some(address) = address else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the server did not start: {}", stderr.map(Heard::join).unwrap_or_default());
        };
        // All lines are printed at once. Tests of a server without that of the operator do not use the
        // listener.
        let operator = loop {
            let Ok(line) = lines.recv_timeout(Duration::from_millis(500)) else { break None };
            let operator = parse_address(&line, "operator on http://");
            if operator.is_some() || !line.starts_with("listening on ") {
                break operator;
            }
        };
        drop(starting);
        Self { child, stdout, stderr, slots: 0.0, address, operator, _folder: folder }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address of its TLS listener.
    #[track_caller]
    pub(crate) fn https(&self) -> SocketAddr {
        let printed = self.printed();
        let mut lines = printed.lines();
        let address = lines.find_map(|line| parse_address(line, "listening on https://"));
        address.expect("the server has a TLS listener")
    }

    /// What the server has printed so far.
    pub(crate) fn printed(&self) -> String {
        self.stdout.text()
    }

    /// What the server has written to its standard error so far.
    pub(crate) fn log(&self) -> String {
        self.stderr.as_ref().map(Heard::text).unwrap_or_default()
    }

    /// The operator's listener.
    #[track_caller]
    pub(crate) fn operator(&self) -> SocketAddr {
        self.operator.expect("the server has an operator's listener")
    }

    pub(crate) fn has_operator(&self) -> bool {
        self.operator.is_some()
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// Waits for `idle-time`, as the server measures it: until it closes a connection that sends nothing.
    #[track_caller]
    pub(crate) fn until_idle_is_over(&self) {
        assert!(self.connect().closed(), "something was sent to a client that asked nothing");
    }

    /// One request on a connection of its own.
    #[track_caller]
    pub(crate) fn exchange(&self, request: &Request) -> Response {
        self.connect().exchange(request)
    }

    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Response {
        self.exchange(&Request::get(target))
    }

    #[track_caller]
    pub(crate) fn post(&self, target: &str, body: impl Into<Vec<u8>>) -> Response {
        self.exchange(&Request::post(target, body))
    }

    /// Sends a request and leaves its connection open for the response.
    #[track_caller]
    pub(crate) fn begin(&self, request: &Request) -> Connection {
        let mut connection = self.connect();
        connection.send(request.bytes());
        connection
    }

    /// A good request after every fault: the probe echoes a body.
    #[track_caller]
    pub(crate) fn check_alive(&self) {
        self.post("/echo", "still here").check(200, "still here");
    }

    #[track_caller]
    pub(crate) fn metrics(&self) -> Metrics {
        let response = Connection::open(self.operator()).exchange(&Request::get("/metrics"));
        assert_eq!(response.status, 200, "{response:?}");
        Metrics::parse(&response.text())
    }

    /// Waits until the metrics satisfy a condition.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, mut shown: impl FnMut(&Metrics) -> bool) -> Metrics {
        until(what, || Some(self.metrics()).filter(&mut shown))
    }

    /// Waits until `count` instances have been replaced, all for one of these reasons. A
    /// replacement for another reason, or one too many, fails the test at once.
    #[track_caller]
    pub(crate) fn until_retired(&self, reasons: &[&str], count: u32) -> Metrics {
        self.until("the instance is replaced", |metrics| {
            let expected: f64 = reasons.iter().map(|reason| metrics.retired(reason)).sum();
            let all = metrics.sum("arenaria_retirements_total", &[]);
            assert!(
                expected == all && all <= f64::from(count),
                "expected {count} retirements for {reasons:?}, got {expected}, and {} for others",
                all - expected
            );
            all == f64::from(count)
        })
    }

    /// Waits until `count` slots run a request.
    #[track_caller]
    pub(crate) fn until_busy(&self, count: f64) {
        self.until("slots are busy", |m| m.sum("arenaria_slots", &[("state", "busy")]) >= count);
    }

    /// Waits until every slot is idle, no connection is open and all arenas are empty.
    #[track_caller]
    pub(crate) fn until_settled(&self) -> Metrics {
        self.until("the server is at rest", |m| {
            m.sum("arenaria_slots", &[("state", "idle")]) == self.slots
                && m.sum("arenaria_slots", &[("state", "busy")]) == 0.0
                && m.sum("arenaria_slots", &[("state", "warming")]) == 0.0
                && m.sum("arenaria_connections", &[]) == 0.0
                && m.values("arenaria_arena_in_use_bytes", &[]).len() as f64 == self.slots
                && m.sum("arenaria_arena_in_use_bytes", &[]) == 0.0
        })
    }

    /// The process's address space, mapped or reserved.
    pub(crate) fn virtual_bytes(&self) -> u64 {
        self.status("VmSize:")
    }

    /// The process's resident memory.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.status("VmRSS:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let digits = line.and_then(|rest| rest.split_whitespace().next());
        1024 * digits.and_then(|kib| kib.parse::<u64>().ok()).expect("Linux prints it in KiB")
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.arg(format!("-{name}")).arg(self.pid().to_string());
        assert!(kill.status().expect("`kill` is there").success(), "no process to signal");
    }

    /// Waits until the process has ended.
    #[track_caller]
    pub(crate) fn until_exit(&mut self) -> ExitStatus {
        let child = &mut self.child;
        until("the server ends", || child.try_wait().expect("a child can be waited for"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            #[expect(clippy::print_stderr, reason = "a failed test shows what the server said")]
            {
                eprintln!("--- the server's log ---\n{}---", self.log());
            }
        }
    }
}

fn announced(lines: &Receiver<String>, prefix: &str) -> Option<SocketAddr> {
    let line = lines.recv_timeout(COMPILING_PATIENCE).ok()?;
    Some(parse_address(&line, prefix).unwrap_or_else(|| panic!("printed {line:?}")))
}

fn parse_address(line: &str, prefix: &str) -> Option<SocketAddr> {
    line.strip_prefix(prefix)?.parse().ok()
}
