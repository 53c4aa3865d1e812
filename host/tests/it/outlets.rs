//! The log and standard output: whatever happens to them, requests are served, the server drains, and the exit
//! code tells how it ended.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::client::{Connection, Request};
use crate::config::Config;
use crate::harness::{Server, arenaria, component, finished, until};

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").expect("Linux has it").into()
}

fn serve(config: &Config) -> (Command, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("arenaria.toml");
    std::fs::write(&file, config.to_toml()).expect("the folder is ours");
    (arenaria(&["serve".as_ref(), "--config".as_ref(), file.as_os_str()]), folder)
}

/// A server that logs each request: the probe traps.
fn trapping() -> Config {
    Config::probe().limit("drain-time", "60s").limit("log-lines", 1_000_000)
}

#[track_caller]
fn check_drains(mut server: Server) {
    let mut connection = server.connect();
    connection.exchange(&Request::post("/echo", "x")).check(200, "x");
    server.signal("TERM");
    assert!(connection.closed());
    assert_eq!(server.until_exit().code(), Some(0));
}

#[test]
fn a_full_disk_for_the_log_stops_nothing() {
    let (mut command, folder) = serve(&trapping());
    command.stderr(full());
    let server = Server::start_command(command, folder);
    for _ in 0..50 {
        server.get("/trap").check_problem(500, "trap");
    }
    server.check_alive();
    check_drains(server);
}

#[track_caller]
fn check_that_nobody_reads(config: &Config) {
    let (reader, writer) = std::io::pipe().expect("the system has room for a pipe");
    let (mut command, folder) = serve(config);
    command.stderr(writer);
    let server = Server::start_command(command, folder);
    // A pipe holds 64 KiB, and the lines that may wait are more. Then lines are dropped and counted.
    let dropped = "arenaria_log_lines_dropped_total";
    let mut connection = server.connect();
    until("lines are dropped", || {
        for _ in 0..200 {
            connection.exchange(&Request::get("/trap")).check_problem(500, "trap");
        }
        (server.metrics().sum(dropped, &[]) > 0.0).then_some(())
    });
    drop(connection);
    server.check_alive();
    check_drains(server);
    drop(reader);
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    check_that_nobody_reads(&trapping());
}

#[test]
fn an_access_log_that_nobody_reads_stops_nothing() {
    // Only the access log is left.
    let config = Config::probe().limit("log-lines", 0).limit("drain-time", "60s");
    check_that_nobody_reads(&config.with("log-format", "json").with("access-log", "all"));
}

#[test]
fn a_server_that_cannot_print_its_address_serves() {
    // The address is chosen by the test, because the server cannot tell it.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("it is bound");
    drop(free);
    let (mut command, _folder) = serve(&Config::probe().with("listen", address.to_string()));
    let mut child = command.stdout(full()).spawn().expect("the program starts");
    let answer = until("it serves", || {
        let mut connection = Connection::try_open(address).ok()?;
        connection.exchange_or_end(&Request::post("/echo", "x")).ok()?
    });
    answer.check(200, "x");
    child.kill().expect("it runs");
    child.wait().expect("a child can be waited for");
}

#[test]
fn a_command_that_cannot_print_says_so_and_does_not_panic() {
    let probe = component("probe").display().to_string();
    for arguments in
        [&["inspect", &probe][..], &["call", &probe], &["serve", &probe, "--print-config"]]
    {
        let mut command = arenaria(arguments);
        let child = command.stdout(full()).spawn().expect("the program starts");
        let output = child.wait_with_output().expect("the child ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(stderr.contains("cannot write to standard output"), "{arguments:?}: {stderr}");
    }
    // With nothing to print on at all.
    let mut command = arenaria(&["call", &probe]);
    let status = command.stdout(full()).stderr(full()).status().expect("the program starts");
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_reader_that_has_read_enough_is_not_an_error() {
    let probe = component("probe").display().to_string();
    let (reader, writer) = std::io::pipe().expect("the system has room for a pipe");
    drop(reader);
    let mut command = arenaria(&["inspect", &probe]);
    let child = command.stdout(writer).spawn().expect("the program starts");
    let output = child.wait_with_output().expect("the child ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn few_open_files_leave_room_for_health_checks() {
    let (command, folder) = serve(&Config::probe());
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 64; exec \"$@\"", "sh"]).arg(command.get_program());
    limited.args(command.get_args()).stdin(Stdio::null());
    limited.stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let server = Server::start_command(limited, folder);
    until("the log tells of it", || {
        server.log().contains("the limit of open files, 64, allows").then_some(())
    });
    // More than the server can have open. Those beyond wait.
    let idle: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for _ in 0..20 {
        let mut connection = Connection::open(server.operator());
        connection.exchange(&Request::get("/livez")).check(200, "alive\n");
        assert_eq!(connection.exchange(&Request::get("/metrics")).status, 200);
    }
    drop(idle);
    server.check_alive();
    check_drains(server);
}

#[test]
fn a_server_with_too_few_open_files_does_not_start() {
    let probe = component("probe").display().to_string();
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -n 20; exec \"$@\"",
        "sh",
        env!("CARGO_BIN_EXE_arenaria"),
        "serve",
        &probe,
    ]);
    command.args(["--listen", "127.0.0.1:0", "--operator-listen", "off", "--cache", "off"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = finished(&mut command);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
}
