//! Mutated components and configurations: whatever they are, the server starts or says why not, serves, drains, and
//! ends with 0 or 1. It does not panic, hang, or write a long log.
//!
//! `cargo xtask mutations` runs more of them. A failure names the seed and the number, and leaves the file.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::client::{Connection, Request};
use crate::harness::{arenaria, component, processor};

/// The most that a server may write to its log in one of these runs.
const LOG_BYTES_MAX: usize = 256 << 10;
/// How long one run may take. A component may be compiled, and each guest may use up its time.
const TIME_MAX: Duration = Duration::from_secs(120);

/// A number from the environment, which `cargo xtask mutations` sets.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("it is a number"))
}

/// Checks each number from 0, on as many threads as the machine has cores. `check` says whether a server started: a
/// tenth of them must, or nothing is tested.
fn each(name: &str, check: impl Fn(&mut Rng, &Path) -> bool + Sync) {
    let (seed, count) = (number("ARENARIA_MUTATIONS_SEED", 1), number("ARENARIA_MUTATIONS", 120));
    let folder = tempfile::tempdir().expect("the system has room for a folder").keep();
    let (next, started) = (AtomicU64::new(0), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let item = next.fetch_add(1, Relaxed);
                    if item >= count {
                        return;
                    }
                    let mut random =
                        Rng::with_seed(seed ^ item.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                    let file = folder.join(format!("{name}-{seed}-{item}"));
                    started.fetch_add(check(&mut random, &file).into(), Relaxed);
                    let _ = std::fs::remove_file(&file);
                }
            });
        }
    });
    let _ = std::fs::remove_dir_all(folder);
    let started = started.into_inner();
    assert!(started * 10 > count, "{started} of {count} started");
}

/// Changes a few bytes, or moves, repeats and removes parts.
pub(crate) fn mutate(bytes: &mut Vec<u8>, random: &mut Rng) {
    // Most of those with many changes are malformed, and most of those with a changed byte are not.
    let (changes, kinds) = if random.bool() { (1, 2) } else { (random.usize(1..=6), 6) };
    for _ in 0..changes {
        let at = random.usize(..bytes.len());
        let length = random.usize(1..=8).min(bytes.len() - at);
        match random.u8(..kinds) {
            0 => bytes[at] = random.u8(..),
            1 => bytes[at] ^= 1 << random.u8(..8),
            2 => bytes[at] = *random.choice([0x00, 0x01, 0x7f, 0x80, 0xff].iter()).expect("some"),
            3 => drop(bytes.drain(at..at + length)),
            4 => {
                let part = bytes[at..at + length].to_vec();
                let to = random.usize(..bytes.len());
                bytes.splice(to..to, part);
            }
            _ => {
                let to = random.usize(..=bytes.len() - length);
                bytes.copy_within(at..at + length, to);
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
}

/// A server under test. It is killed if the test panics.
struct Run {
    child: Child,
    deadline: Instant,
    log: std::thread::JoinHandle<String>,
}

impl Run {
    /// Starts a server. None of the addresses if it ends by itself.
    fn start(arguments: &[&str]) -> (Self, Option<Addresses>) {
        let mut command = arenaria(arguments);
        let mut child = command.stdin(Stdio::null()).spawn().expect("the program starts");
        let mut stderr = child.stderr.take().expect("piped");
        let log = std::thread::spawn(move || {
            let mut log = Vec::new();
            let _ = stderr.read_to_end(&mut log);
            String::from_utf8_lossy(&log).into_owned()
        });
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (sender, received) = mpsc::channel();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let address = |prefix: &str| {
            let line = received.recv_timeout(TIME_MAX).ok()?;
            line.strip_prefix(prefix)?.parse().ok()
        };
        let (data, operator) = (address("listening on http://"), address("operator on http://"));
        let run = Self { child, deadline: Instant::now() + TIME_MAX, log };
        (run, data.zip(operator))
    }

    /// Waits for its end. The exit code, and the log.
    #[track_caller]
    fn end(mut self) -> (Option<i32>, String) {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            if Instant::now() > self.deadline {
                self.child.kill().expect("a child can be killed");
                panic!("it did not end: {}", self.log.join().expect("it only reads"));
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        (status.code(), self.log.join().expect("it only reads"))
    }
}

type Addresses = (std::net::SocketAddr, std::net::SocketAddr);

/// Serves with these arguments. If it starts: some requests, a scrape, and a drain.
#[track_caller]
fn check(what: &Path, arguments: &[&str]) -> bool {
    let (run, addresses) = Run::start(arguments);
    if let Some((data, operator)) = addresses {
        for target in ["/", "/echo", "/respond?bytes=10", "/trap"] {
            // Any response will do, and none if the connection is closed.
            if let Ok(mut connection) = Connection::try_open(data) {
                let _ = connection.exchange_or_end(&Request::post(target, "some body"));
            }
        }
        let metrics = Connection::open(operator).exchange(&Request::get("/metrics"));
        assert_eq!(metrics.status, 200, "{}: {metrics:?}", what.display());
        let mut kill = std::process::Command::new("kill");
        kill.arg("-TERM").arg(run.child.id().to_string());
        assert!(
            kill.status().expect("`kill` is there").success(),
            "{}: it has ended",
            what.display()
        );
    }
    let (code, log) = run.end();
    let expected = if addresses.is_some() { [0, 0] } else { [1, 2] };
    let shown = &log[..log.floor_char_boundary(4000)];
    assert!(
        code.is_some_and(|code| expected.contains(&code)),
        "{}: {code:?} {shown}",
        what.display()
    );
    assert!(!log.contains("panicked"), "{}: {shown}", what.display());
    assert!(log.len() < LOG_BYTES_MAX, "{}: a log of {} bytes: {shown}", what.display(), log.len());
    addresses.is_some()
}

const LIMITS: [&str; 16] = [
    "--listen",
    "127.0.0.1:0",
    "--operator-listen",
    "127.0.0.1:0",
    "--workers",
    "1",
    "--memory",
    "4MiB",
    "--guest-time",
    "100ms",
    "--configure-time",
    "200ms",
    "--request-time",
    "300ms",
    "--drain-time",
    "1s",
];

#[test]
fn mutated_components() {
    let small = |name: &str| std::fs::read(component(name)).expect("it exists");
    let originals: Vec<Vec<u8>> = vec![
        small("hello"),
        small("probe"),
        small("collector"),
        small("words"),
        processor(include_str!("growing.wat")),
    ];
    each("component", |random, file| {
        let mut bytes = random.choice(&originals).expect("some").clone();
        mutate(&mut bytes, random);
        std::fs::write(file, bytes).expect("the folder is ours");
        let name = file.display().to_string();
        let isolation = random.choice(["reuse", "fresh"]).expect("some");
        let own = ["serve", &name, "--slots", "1", "--cache", "off", "--isolation", isolation];
        check(file, &[&own[..], &LIMITS].concat())
    });
}

/// Values of all kinds, right and wrong.
const VALUES: [&str; 24] = [
    "0",
    "1",
    "-1",
    "2",
    "64",
    "1000000",
    "99999999999999999999",
    "1.5",
    "true",
    "\"\"",
    "\"off\"",
    "\"0\"",
    "\"1ms\"",
    "\"1ns\"",
    "\"1s\"",
    "\"365days\"",
    "\"64KiB\"",
    "\"1MiB\"",
    "\"4GiB\"",
    "\"1B\"",
    "\"/\"",
    "\"/ü\"",
    "[]",
    "{}",
];

/// Replaces values, repeats and removes lines, or changes bytes of a configuration.
fn mutate_configuration(text: &str, random: &mut Rng) -> Vec<u8> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..random.usize(1..=2) {
        let at = random.usize(..lines.len());
        match random.u8(..8) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[random.usize(..lines.len())].clone()),
            _ => {
                if let Some((key, _)) = lines[at].split_once(" = ") {
                    lines[at] = format!("{key} = {}", random.choice(VALUES.iter()).expect("some"));
                }
            }
        }
        if lines.is_empty() {
            lines.push(String::new());
        }
    }
    let mut bytes = lines.join("\n").into_bytes();
    if random.u8(..8) == 0 && !bytes.is_empty() {
        mutate(&mut bytes, random);
    }
    bytes
}

/// All keys, as `--print-config` prints them.
fn all_keys(folder: &Path) -> String {
    let probe = component("probe");
    let arguments = [
        &[
            "serve".as_ref(),
            probe.as_os_str(),
            "--slots".as_ref(),
            "1".as_ref(),
            "--print-config".as_ref(),
        ][..],
        &LIMITS.map(AsRef::as_ref),
    ];
    let output =
        arenaria(&arguments.concat()).current_dir(folder).output().expect("the program starts");
    String::from_utf8(output.stdout).expect("it is a text")
}

#[test]
fn mutated_configurations() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let text = all_keys(folder.path());
    assert!(text.contains("request-body"), "{text}");
    each("configuration", |random, file| {
        // Beside the file, nothing may be written: `cache` could name a folder.
        let file: PathBuf = file.with_extension("toml");
        std::fs::write(&file, mutate_configuration(&text, random)).expect("the folder is ours");
        let name = file.display().to_string();
        let listeners = &["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"];
        let started = check(&file, &[&["serve", "--config", &name][..], listeners].concat());
        let _ = std::fs::remove_file(&file);
        started
    });
}
