//! Whether new instances take over the pages of those before them: only while the system cannot swap. The tests run the
//! server where `/proc/swaps` is a file of theirs.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::client::Request;
use crate::config::Config;
use crate::harness::{Server, arenaria, until};

const NO_DEVICE: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
const DEVICE: &str = "/dev/sda2\tpartition\t8388604\t0\t-2\n";
const TAKES_OVER: &str = "new instances take over the pages of those before: the system cannot swap: it has no swap device";
const FROM_SYSTEM: &str = "new instances get pages from the system";

/// Makes a name space of its own, in which the first argument is `/proc/swaps` and no control group denies swapping, and
/// runs the others there.
const INSIDE: &str =
    "mount --bind \"$0\" /proc/swaps && mount -t tmpfs none /sys/fs/cgroup && exec \"$@\"";

/// Whether this user may make name spaces, which some containers do not allow, and this system has no swap, which no file
/// can hide.
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn may_isolate(swaps: &Path) -> bool {
    let mut unshare = Command::new("unshare");
    unshare.args(["-rm", "sh", "-c", INSIDE]).arg(swaps).arg("true");
    let may = unshare.output().is_ok_and(|output| output.status.success());
    let may = may && rustix::system::sysinfo().totalswap == 0;
    if !may {
        eprintln!("left out: this user may not make name spaces, or the system has swap");
    }
    may
}

/// A server that believes this file.
fn server(folder: TempDir, swaps: &Path, config: &Config) -> Server {
    let file = folder.path().join("arenaria.toml");
    fs::write(&file, config.to_toml()).expect("the folder is ours");
    let served = arenaria(&["serve".as_ref(), "--config".as_ref(), file.as_os_str()]);
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", INSIDE]).arg(swaps);
    command.arg(served.get_program()).args(served.get_args());
    for (name, value) in served.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    Server::start_command(command, folder)
}

fn fresh() -> Config {
    let config = Config::probe().route_key("isolation", "fresh").route_key("keep-pages", true);
    config.with("workers", 1)
}

/// A folder with a file like `/proc/swaps`.
fn swaps(text: &str) -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("swaps");
    fs::write(&file, text).expect("the folder is ours");
    (folder, file)
}

#[test]
fn a_swap_device_that_appears_ends_the_taking_over() {
    let (folder, file) = swaps(NO_DEVICE);
    if !may_isolate(&file) {
        return;
    }
    let server = server(folder, &file, &fresh());
    until("pages are taken over", || server.log().contains(TAKES_OVER).then_some(()));
    let mut connection = server.connect();
    let mut remembers_nothing = || {
        connection.exchange(&Request::get("/remember")).check(200, "0\n");
    };
    (0..100).for_each(|_| remembers_nothing());
    // A reload is watched as the start is.
    let reloaded = fresh().route_limit("queue-length", 9).to_toml();
    fs::write(file.with_file_name("arenaria.toml"), reloaded).expect("the folder is ours");
    server.signal("HUP");
    until("it is reloaded", || server.log().contains("configuration: changed /\n").then_some(()));
    assert_eq!(server.log().matches(TAKES_OVER).count(), 2, "{}", server.log());
    (0..100).for_each(|_| remembers_nothing());
    let mut device = File::options().append(true).open(&file).expect("it is ours");
    device.write_all(DEVICE.as_bytes()).expect("it is ours");
    until("no pages are taken over", || {
        remembers_nothing();
        server.log().contains(FROM_SYSTEM).then_some(())
    });
    (0..100).for_each(|_| remembers_nothing());
    assert!(server.log().contains("could swap out pages of instances from now on"));
}

#[test]
fn with_a_swap_device_no_pages_are_taken_over() {
    let (folder, file) = swaps(&format!("{NO_DEVICE}{DEVICE}"));
    if !may_isolate(&file) {
        return;
    }
    let server = server(folder, &file, &fresh());
    until("the log says so", || server.log().contains(FROM_SYSTEM).then_some(()));
    server.get("/remember").check(200, "0\n");
    assert!(!server.log().contains(TAKES_OVER));
}

#[test]
fn no_pages_are_taken_over_unasked() {
    for isolation in ["reuse", "fresh"] {
        let server = Server::start(&Config::probe().route_key("isolation", isolation));
        server.get("/remember").check(200, "0\n");
        let log = server.log();
        assert!(!log.contains(TAKES_OVER) && !log.contains(FROM_SYSTEM), "{log}");
    }
}
