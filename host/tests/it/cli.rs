//! The command line: the settings of `serve` from flags, environment and file, and the output of
//! `inspect` and `call`.

use std::io::Write;
use std::process::Stdio;

use toml::Table;

use crate::client::Request;
use crate::config::Config;
use crate::harness::{Finished, Server, arenaria, component, finished};

#[track_caller]
fn succeeded(ended: Finished) -> String {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout
}

fn probe() -> String {
    component("probe").display().to_string()
}

#[test]
fn a_server_needs_no_file_of_configuration() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let probe = probe();
    let mut arguments = vec!["serve", &probe, "--listen", "127.0.0.1:0"];
    arguments.extend(["--operator-listen", "off", "--workers", "1", "--slots", "1"]);
    arguments.extend(["--set", "greeting=hi=there", "--isolation", "fresh", "--memory", "4MiB"]);
    arguments.extend(["--forward-header", "x-one", "--forward-header", "X-Two"]);
    arguments.extend(["--request-body", "1KiB", "--guest-time", "300ms"]);
    let server = Server::start_command(arenaria(&arguments), folder);
    assert!(!server.has_operator());
    assert!(server.get("/greeting").text().contains("hi=there"));
    server.get("/remember").check(200, "0\n");
    server.get("/remember").check(200, "0\n");
    let request =
        Request::get("/head").header("x-one", "1").header("x-two", "2").header("accept", "3");
    let head = server.exchange(&request).text();
    assert!(head.contains("x-one: 1") && head.contains("x-two: 2"), "{head}");
    assert!(!head.contains("accept"), "{head}");
    let refused = server.post("/echo", "x".repeat(1025));
    refused.check_limit(413, "body-too-large", "request-body", "1KiB");
    server.get("/loop").check_limit(504, "guest-time", "guest-time", "300ms");
    server.check_alive();
}

#[test]
fn a_stream_of_records_needs_no_file_of_configuration() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let transform = component("transform").display().to_string();
    let mut arguments = vec!["serve", &transform, "--listen", "127.0.0.1:0", "--records"];
    arguments.extend(["--operator-listen", "127.0.0.1:0", "--workers", "1", "--slots", "1"]);
    arguments.extend(["--set", "program=.a", "--guest-time", "20s"]);
    let server = Server::start_command(arenaria(&arguments), folder);
    assert!(server.has_operator());
    let request = Request::post("/", "{\"a\":1}\n{\"a\":2}\n");
    let response = server.exchange(&request.header("content-type", "application/x-ndjson"));
    response.check(200, "1\n2\n");
    assert_eq!(response.header("transfer-encoding"), Some("chunked"));
}

#[test]
fn a_component_is_found_beside_the_configuration() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    std::fs::create_dir(folder.path().join("parts")).expect("the folder is ours");
    std::fs::copy(component("hello"), folder.path().join("parts/h.wasm")).expect("there is room");
    let file = folder.path().join("arenaria.toml");
    let here = component("hello").display().to_string();
    let config = Config::of("hello").to_toml().replace(&here, "parts/h.wasm");
    assert!(config.contains("\"parts/h.wasm\""), "{config}");
    std::fs::write(&file, config).expect("the folder is ours");
    let mut command = arenaria(&["serve".as_ref(), "--config".as_ref(), file.as_os_str()]);
    command.current_dir("/");
    Server::start_command(command, folder).get("/").check(200, "hello, world\n");
}

/// The output of `--print-config`, as TOML.
#[track_caller]
fn printed(arguments: &[&str], variables: &[(&str, &str)]) -> Table {
    let arguments = [&["serve", "--print-config"], arguments].concat();
    let ended = finished(arenaria(&arguments).envs(variables.iter().copied()));
    let text = succeeded(ended);
    text.parse().unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("arenaria.toml");
    let config = Config::probe()
        .with("listen", "127.0.0.1:1001")
        .with("operator-listen", "127.0.0.1:1002")
        .with("workers", 3)
        .limit("memory", "1MiB")
        .limit("guest-time", "1s");
    std::fs::write(&file, config.to_toml()).expect("the folder is ours");
    let name = file.display().to_string();
    let variables = [
        ("ARENARIA_LISTEN", "127.0.0.1:2001"),
        ("ARENARIA_OPERATOR_LISTEN", "off"),
        ("ARENARIA_MEMORY", "2MiB"),
        ("ARENARIA_GUEST_TIME", "2s"),
    ];
    let flags = ["--config", &name, "--listen", "127.0.0.1:3001", "--guest-time", "3s"];
    let table = printed(&flags, &variables);
    assert_eq!(table["listen"].as_str(), Some("127.0.0.1:3001"), "flag");
    assert_eq!(table["operator-listen"].as_str(), Some("off"), "variable");
    assert_eq!(table["workers"].as_integer(), Some(3), "file");
    assert_eq!(table["limits"]["memory"].as_str(), Some("2MiB"), "variable");
    assert_eq!(table["limits"]["guest-time"].as_str(), Some("3s"), "flag");
    assert_eq!(table["limits"]["connections"].as_integer(), Some(2048), "default");
}

#[test]
fn a_route_that_is_not_trusted_is_printed_as_one() {
    let table = printed(&[&probe(), "--untrusted"], &[]);
    let route = &table["route"][0];
    assert_eq!(route["trusted"].as_bool(), Some(false));
    assert_eq!(route["isolation"].as_str(), Some("fresh"));
}

#[test]
fn a_variable_that_makes_no_sense_is_named() {
    let probe = probe();
    let mut command = arenaria(&["serve", &probe, "--print-config"]);
    let ended = finished(command.env("ARENARIA_MEMORY", "12 bananas"));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("12 bananas"), "{ended:?}");
}

#[test]
fn what_is_printed_is_a_configuration() {
    let probe = probe();
    let flags = [probe.as_str(), "--set", "greeting=hi", "--workers", "2", "--memory", "4MiB"];
    let first = printed(&flags, &[]);
    for key in ["listen", "operator-listen", "workers"] {
        assert!(first.contains_key(key), "no {key}: {first}");
    }
    let limits = first["limits"].as_table().expect("a table");
    for key in [
        "request-body",
        "request-head",
        "request-headers",
        "head-time",
        "body-time",
        "response-time",
        "memory",
        "guest-time",
        "queue-time",
        "connections",
        "requests-per-instance",
        "configure-time",
        "drain-time",
        "host-memory",
    ] {
        assert!(limits.contains_key(key), "no {key}: {first}");
    }
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("printed.toml");
    std::fs::write(&file, first.to_string()).expect("the folder is ours");
    let name = file.display().to_string();
    assert_eq!(printed(&["--config", &name], &[]), first);
    succeeded(finished(&mut arenaria(&["serve", "--check-config", "--config", &name])));
}

#[test]
fn a_configuration_can_be_checked_without_serving() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("arenaria.toml");
    let name = file.display().to_string();
    let check = |config: &Config| {
        std::fs::write(&file, config.to_toml()).expect("the folder is ours");
        finished(&mut arenaria(&["serve", "--check-config", "--config", &name]))
    };
    let good = check(&Config::probe());
    assert_eq!(good.code, Some(0), "{good:?}");
    assert!(!good.stdout.contains("listening"), "{good:?}");
    let bad = check(&Config::probe().limit("memmory", "1MiB"));
    assert_eq!(bad.code, Some(1), "{bad:?}");
    assert!(bad.stderr.contains("memmory"), "{bad:?}");
    let huge = check(&Config::probe().with("slots", 1000).limit("memory", "4GiB"));
    assert_eq!(huge.code, Some(1), "{huge:?}");
    // There must be memory for a body of the maximum size.
    let narrow = Config::probe().limit("request-body", "8MiB").limit("host-memory", "8MiB");
    let narrow = check(&narrow);
    assert_eq!(narrow.code, Some(1), "{narrow:?}");
    for words in ["host-memory = 8MiB", "request-body = 8MiB", "raise host-memory"] {
        assert!(narrow.stderr.contains(words), "{narrow:?}");
    }
}

#[test]
fn some_limits_are_a_routes_and_some_the_servers() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("arenaria.toml");
    let name = file.display().to_string();
    let check = |key: &str, value: toml::Value| {
        let config = Config::probe().route_limit(key, value);
        std::fs::write(&file, config.to_toml()).expect("the folder is ours");
        finished(&mut arenaria(&["serve", "--check-config", "--config", &name])).code
    };
    for key in ["body-time", "guest-time", "queue-time", "configure-time"] {
        assert_eq!(check(key, "5s".into()), Some(0), "{key}");
    }
    for key in ["request-body", "memory"] {
        assert_eq!(check(key, "2MiB".into()), Some(0), "{key}");
    }
    for key in ["queue-length", "requests-per-instance"] {
        assert_eq!(check(key, 5.into()), Some(0), "{key}");
    }
    for key in ["head-time", "response-time", "idle-time", "drain-time"] {
        assert_eq!(check(key, "5s".into()), Some(1), "{key}");
    }
    for key in ["request-head", "host-memory"] {
        assert_eq!(check(key, "2MiB".into()), Some(1), "{key}");
    }
    for key in ["request-headers", "connections"] {
        assert_eq!(check(key, 5.into()), Some(1), "{key}");
    }
}

#[test]
fn a_component_is_inspected() {
    for name in ["hello", "probe", "transform"] {
        let file = component(name).display().to_string();
        let said = succeeded(finished(&mut arenaria(&["inspect", &file])));
        for part in ["memory", "import", "arenaria:processor/handler@0.1.0", "16MiB"] {
            assert!(said.contains(part), "{name}: no {part:?} in {said}");
        }
        for part in [format!("name: {name}"), "licences: MIT OR Apache-2.0".to_owned()] {
            assert!(said.lines().any(|line| line == part), "{name}: no {part:?} in {said}");
        }
        for part in [concat!("version: ", env!("CARGO_PKG_VERSION")), "description: "] {
            assert!(said.lines().any(|line| line.starts_with(part)), "{name}: {said}");
        }
        let jq = said.contains("arenaria:transform/jq@0.1.0");
        assert_eq!(jq, name == "transform", "{said}");
    }
}

#[test]
fn what_a_component_says_of_itself_cannot_move_the_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("loud.wasm");
    let text = r#"(component (@custom "description" "sand\1b[2J\0aserved: yes"))"#;
    std::fs::write(&file, wat::parse_str(text).unwrap()).unwrap();
    let said = finished(&mut arenaria(&["inspect", file.to_str().unwrap()])).stdout;
    let line = said.lines().find(|line| line.starts_with("description: "));
    assert_eq!(line, Some(r"description: sand\u{1b}[2J\nserved: yes"), "{said}");
}

/// The body that a call prints.
#[track_caller]
fn called(name: &str, arguments: &[&str]) -> String {
    let file = component(name).display().to_string();
    let arguments = [&["call", &file], arguments].concat();
    succeeded(finished(&mut arenaria(&arguments)))
}

#[test]
fn a_component_is_called_without_a_server() {
    assert_eq!(called("hello", &[]), "hello, world\n");
    assert_eq!(called("probe", &["--path", "/echo", "--data", "text"]), "text");
    let set = ["--set", "program=.a", "--data", "{\"a\":[1,2]}"];
    assert_eq!(called("transform", &set).trim_end(), "[1,2]");
    assert!(called("probe", &["--set", "greeting=ahoy", "--path", "/greeting"]).contains("ahoy"));
    let head = called(
        "probe",
        &["--path", "/head?x=1", "--method", "PUT", "--header", "X-One: 1", "--data", "abc"],
    );
    for part in ["PUT", "/head?x=1", "x-one: 1", "3"] {
        assert!(head.contains(part), "no {part:?} in {head}");
    }
    assert!(called("probe", &["--path", "/head"]).contains("GET"));
    assert!(called("probe", &["--path", "/head", "--data", "x"]).contains("POST"));
}

#[test]
fn a_call_takes_its_body_from_a_file_or_standard_input() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("body");
    let body = "from a file\n".repeat(10_000);
    std::fs::write(&file, &body).expect("the folder is ours");
    let from_file = format!("@{}", file.display());
    assert_eq!(called("probe", &["--path", "/echo", "--data", &from_file]), body);

    let probe = probe();
    let mut command = arenaria(&["call", &probe, "--path", "/echo", "--data", "@-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("piped");
    let sent = body.clone();
    let sending = std::thread::spawn(move || input.write_all(sent.as_bytes()));
    let output = child.wait_with_output().expect("the child ends");
    sending.join().expect("writing does not panic").expect("all is read");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stdout == body.as_bytes(), "{} bytes", output.stdout.len());
}

#[test]
fn a_call_that_fails_says_why() {
    let file = probe();
    let call =
        |arguments: &[&str]| finished(&mut arenaria(&[&["call", &file], arguments].concat()));
    for arguments in [
        &["--path", "/trap"][..],
        &["--path", "/exhaust"],
        &["--path", "/recurse"],
        &["--set", "configure=error"],
        &["--set", "nosuchsetting=1"],
        &["--data", "@no-such-file"],
        &["--memory", "64KiB"],
    ] {
        let ended = call(arguments);
        assert_eq!(ended.code, Some(1), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{arguments:?}");
        assert!(!ended.stderr.trim().is_empty() && !ended.stderr.contains("panicked"), "{ended:?}");
    }
    let missing = finished(&mut arenaria(&["call", "no-such-file.wasm"]));
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.stderr.contains("no-such-file.wasm"), "{missing:?}");
}

#[test]
fn help_and_version_are_there() {
    let help = succeeded(finished(&mut arenaria(&["--help"])));
    for command in ["serve", "inspect", "call"] {
        assert!(help.contains(command), "{help}");
    }
    let serve = succeeded(finished(&mut arenaria(&["serve", "--help"])));
    for flag in ["--listen", "--memory", "--request-body", "--drain-time", "--set", "--records"] {
        assert!(serve.contains(flag), "no {flag} in {serve}");
    }
    let version = succeeded(finished(&mut arenaria(&["--version"])));
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
}
