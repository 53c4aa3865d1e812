//! The environment of a server: variables that are empty, misspelt or set by Kubernetes, a cache
//! that cannot be written, a host name as the address.

use std::net::SocketAddr;
use std::process::Command;

use crate::harness::{Finished, Server, arenaria, component, finished};

fn serve(arguments: &[&str]) -> Command {
    let hello = component("hello").display().to_string();
    let mut all = vec!["serve", &hello, "--workers", "1", "--slots", "1"];
    all.extend(["--operator-listen", "off"]);
    if !arguments.contains(&"--listen") {
        all.extend(["--listen", "127.0.0.1:0"]);
    }
    all.extend(arguments);
    arenaria(&all)
}

fn started(command: Command) -> Server {
    Server::start_command(command, tempfile::tempdir().expect("the system has room for a folder"))
}

fn warnings(server: &Server) -> usize {
    server.log().matches(" WARN ").count()
}

#[test]
fn a_default_cache_that_cannot_be_written_is_left_out() {
    for (name, value) in
        [("XDG_CACHE_HOME", "/dev/null"), ("HOME", "/dev/null"), ("HOME", ""), ("HOME", "relative")]
    {
        let mut command = serve(&[]);
        command.env_remove("ARENARIA_CACHE").env_remove("HOME").env_remove("XDG_CACHE_HOME");
        command.env(name, value);
        let server = started(command);
        server.get("/").check(200, "hello, world\n");
        assert_eq!(warnings(&server), 1, "{name}={value}");
        assert!(server.log().contains("components are compiled at every start"), "{name}={value}");
    }
}

#[test]
fn a_named_cache_that_cannot_be_written_ends_the_start() {
    let Finished { code, stderr, .. } = finished(&mut serve(&["--cache", "/dev/null/cache"]));
    assert_eq!(code, Some(1), "{stderr}");
    for part in ["cannot use the cache directory /dev/null/cache", "choose another --cache or off"]
    {
        assert!(stderr.contains(part), "no {part:?} in {stderr}");
    }
}

#[test]
fn a_name_of_a_host_is_resolved() {
    let command = serve(&["--listen", "localhost:0"]);
    let server = started(command);
    let address: SocketAddr = server.address;
    assert!(address.ip().is_loopback() && address.port() != 0, "{address}");
    server.get("/").check(200, "hello, world\n");

    let ended = finished(&mut serve(&["--listen", "no-such-host.invalid:80"]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("listen = no-such-host.invalid:80"), "{ended:?}");
}

fn check_config(name: &str, value: &str) -> Finished {
    finished(serve(&["--check-config"]).env(name, value))
}

#[test]
fn a_misspelt_variable_is_reported_with_the_nearest_name() {
    let sentence =
        "unknown environment variable ARENARIA_GEUST_TIME; did you mean ARENARIA_GUEST_TIME?";
    let checked = check_config("ARENARIA_GEUST_TIME", "1s");
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(checked.stderr.contains(sentence), "{checked:?}");

    let mut command = serve(&[]);
    command.env("ARENARIA_GEUST_TIME", "1s");
    let server = started(command);
    assert_eq!(warnings(&server), 1);
    assert!(server.log().contains(sentence), "{}", server.log());
}

#[test]
fn an_invalid_filter_of_the_log_is_reported() {
    let mut command = serve(&[]);
    command.env("ARENARIA_LOG", "arenaria=nosuch");
    let server = started(command);
    assert_eq!(warnings(&server), 1);
    let sentence = "ARENARIA_LOG is invalid, so \"info\" is used: ";
    assert!(server.log().contains(sentence), "{}", server.log());
}

#[test]
fn variables_of_kubernetes_are_passed_over() {
    let mut command = serve(&[]);
    for (name, value) in [
        ("ARENARIA_PORT", "tcp://10.0.0.1:80"),
        ("ARENARIA_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("ARENARIA_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("ARENARIA_SERVICE_HOST", "10.0.0.1"),
        ("ARENARIA_SERVICE_PORT_HTTP", "80"),
    ] {
        assert_eq!(check_config(name, value).code, Some(0), "{name}");
        command.env(name, value);
    }
    let server = started(command);
    server.get("/").check(200, "hello, world\n");
    assert_eq!(warnings(&server), 0, "{}", server.log());
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let help = finished(&mut arenaria(&["serve", "--help"])).stdout;
    let flags = help.split_whitespace().filter_map(|word| word.strip_prefix("--"));
    let mut command = serve(&[]);
    for flag in flags {
        let flag: String =
            flag.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '-').collect();
        command.env(format!("ARENARIA_{}", flag.replace('-', "_").to_uppercase()), "");
    }
    command.env("ARENARIA_LOG", "").env("ARENARIA_ASSETS", "").env("ARENARIA_NO_SUCH", "");
    command.arg("--cache").arg("off");
    let server = started(command);
    server.get("/").check(200, "hello, world\n");
    assert!(server.log().contains(" INFO "), "the log's default filter holds: {}", server.log());
    assert_eq!(warnings(&server), 0, "{}", server.log());
}
