//! The jq component, which arenaria brings with it: `serve --jq`, and its name in place of a file.

use std::fs;

use tempfile::TempDir;

use crate::client::Request;
use crate::harness::{Finished, Server, arenaria, component, finished};

/// A folder of assets with the jq component.
fn assets() -> TempDir {
    let assets = tempfile::tempdir().expect("the system has room for a folder");
    let folder = assets.path().join("components");
    fs::create_dir(&folder).expect("the folder is ours");
    fs::copy(component("transform"), folder.join("transform.wasm")).expect("the folder is ours");
    assets
}

/// A server with these arguments, which starts in the folder of its assets.
#[track_caller]
fn serve(assets: TempDir, arguments: &[&str]) -> Server {
    let mut all = vec!["serve", "--listen", "127.0.0.1:0", "--operator-listen", "off"];
    all.extend(["--workers", "1", "--slots", "1", "--guest-time", "20s"]);
    all.extend(arguments);
    let mut command = arenaria(&all);
    command.env("ARENARIA_ASSETS", assets.path()).current_dir(assets.path());
    Server::start_command(command, assets)
}

/// What a command with these arguments says, which fails with this exit code.
#[track_caller]
fn refused(code: i32, arguments: &[&str], assets: &TempDir) -> String {
    let mut command = arenaria(arguments);
    command.env("ARENARIA_ASSETS", assets.path()).current_dir(assets.path());
    let Finished { code: ended, stderr, .. } = finished(&mut command);
    assert_eq!(ended, Some(code), "{stderr}");
    stderr
}

#[test]
fn a_program_on_the_command_line_answers_each_request() {
    let server = serve(assets(), &["--jq", ".a, 2", "--set", "output=array"]);
    server.post("/", r#"{"a":1}"#).check(200, "[1,2]\n");
    server.post("/?program=.b", "{}").check_problem(403, "ad-hoc");
}

#[test]
fn without_a_program_requests_bring_their_own() {
    // A flag behind it is not the program.
    let server = serve(assets(), &["--jq", "--records"]);
    server.post("/?program=.a", r#"{"a":1}"#).check(200, "1\n");
    let request = Request::post("/", r#"{"b":2}"#).header("jq-program", ".b");
    server.exchange(&request).check(200, "2\n");
    let records = Request::post("/?program=.a", "{\"a\":1}\n{\"a\":2}\n");
    server.exchange(&records.header("content-type", "application/x-ndjson")).check(200, "1\n2\n");
}

#[test]
fn a_program_can_be_in_a_file() {
    let assets = assets();
    fs::write(assets.path().join("add.jq"), "# Adds.\ndef add: .a + 2;\nadd\n").expect("ours");
    serve(assets, &["--jq-file", "add.jq"]).post("/", r#"{"a":1}"#).check(200, "3\n");
}

#[test]
fn the_jq_component_has_a_name_for_every_command() {
    let assets = assets();
    let configuration = "[[route]]\npath = \"/\"\ncomponent = \"arenaria:transform\"\n\
                         [route.settings]\nprogram = \".a\"\n";
    let folder = assets.path().join("etc");
    fs::create_dir(&folder).expect("the folder is ours");
    fs::write(folder.join("arenaria.toml"), configuration).expect("the folder is ours");
    let run = |arguments: &[&str]| {
        let mut command = arenaria(arguments);
        finished(command.env("ARENARIA_ASSETS", assets.path()).current_dir(assets.path()))
    };
    let printed = run(&["serve", "--config", "etc/arenaria.toml", "--print-config"]);
    assert!(printed.stdout.contains("component = \"arenaria:transform\""), "{printed:?}");
    let called = run(&["call", "arenaria:transform", "--set", "program=.a", "-d", r#"{"a":5}"#]);
    assert_eq!(called.stdout, "5\n", "{called:?}");
    let inspected = run(&["inspect", "arenaria:transform"]);
    assert!(inspected.stdout.contains("name: transform"), "{inspected:?}");
    let server = serve(assets, &["--config", "etc/arenaria.toml"]);
    server.post("/", r#"{"a":4}"#).check(200, "4\n");
}

#[test]
fn another_name_that_begins_like_it_is_refused() {
    let assets = assets();
    let said = refused(1, &["serve", "arenaria:other"], &assets);
    let expected = "expected arenaria:transform, the only component that arenaria brings with it";
    assert!(said.contains(expected) && said.contains("got arenaria:other"), "{said}");
    fs::copy(component("hello"), assets.path().join("arenaria:other")).expect("ours");
    serve(assets, &["./arenaria:other"]).get("/").check(200, "hello, world\n");
}

#[test]
fn a_jq_program_that_cannot_be_served_ends_the_start() {
    let assets = assets();
    let both = refused(2, &["serve", "--jq", ".a", "--jq-file", "a.jq"], &assets);
    assert!(both.contains("cannot be used with"), "{both}");
    let file = refused(2, &["serve", "hello.wasm", "--jq", ".a"], &assets);
    assert!(file.contains("cannot be used with"), "{file}");
    let alone = refused(2, &["serve", "--set", "program=.a"], &assets);
    assert!(alone.contains("--jq"), "{alone}");
    let twice = refused(1, &["serve", "--jq", ".a", "--set", "program=.b"], &assets);
    assert!(twice.contains("--jq is the setting program; remove --set program=…"), "{twice}");
    let missing = refused(1, &["serve", "--jq-file", "a.jq"], &assets);
    assert!(missing.contains("cannot read the jq program a.jq: No such file"), "{missing}");
    let wrong = refused(1, &["serve", "--jq", ".a +", "--listen", "127.0.0.1:0"], &assets);
    assert!(wrong.contains("program"), "{wrong}");
    fs::remove_dir_all(assets.path().join("components")).expect("it was made above");
    let absent = refused(1, &["serve", "--jq", "--listen", "127.0.0.1:0"], &assets);
    assert!(absent.contains("cannot find ") && absent.contains("cargo xtask guests"), "{absent}");
}

#[test]
fn with_a_program_the_configuration_of_the_folder_is_not_read() {
    let assets = assets();
    fs::write(assets.path().join("arenaria.toml"), "[[route]]\npath = 1\n").expect("ours");
    let said = refused(1, &["serve"], &assets);
    assert!(said.contains("configuration arenaria.toml, line 2"), "{said}");
    serve(assets, &["--jq", ".a"]).post("/", r#"{"a":1}"#).check(200, "1\n");
}

#[test]
fn nothing_to_serve_says_what_could_be_served() {
    let said = refused(1, &["serve"], &assets());
    for part in ["nothing to serve: ", "arenaria serve FILE", "--jq '.a'", "./arenaria.toml"] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

#[test]
fn its_name_is_tested_as_a_file_is() {
    let assets = assets();
    let write = |name: &str, text: &str| fs::write(assets.path().join(name), text).unwrap();
    let route = "[[route]]\npath = \"/\"\ncomponent = \"arenaria:transform\"\n";
    write(
        "arenaria.toml",
        &format!("{route}settings = {{ program = \".a\" }}\nlimits = {{ guest-time = \"20s\" }}\n"),
    );
    write("cases.http", "POST /\n\n{\"a\":1}\n\nHTTP 200\n\n1\n");
    let mut command = arenaria(&["test", "cases.http"]);
    command.env("ARENARIA_ASSETS", assets.path()).current_dir(assets.path());
    let ended = finished(&mut command);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("1 case: 1 passed, 0 failed"), "{ended:?}");
}
