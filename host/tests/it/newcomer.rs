//! What a newcomer meets: completions, manual pages, the version, and tips for usual mistakes.

use std::path::Path;
use std::process::Command;

use crate::config::Config;
use crate::harness::{Finished, arenaria, component, finished};

#[path = "../../build/commit.rs"]
mod commit;

fn run(arguments: &[&str]) -> Finished {
    finished(&mut arenaria(arguments))
}

#[track_caller]
fn succeeded(arguments: &[&str]) -> String {
    let ended = run(arguments);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout
}

/// The command line is refused, with this tip.
#[track_caller]
fn check_tip(line: &str, tip: &str) {
    let ended = run(&line.split(' ').collect::<Vec<_>>());
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{line}: {ended:?}");
    assert!(ended.stderr.contains(&format!("tip: {tip}")), "{line}: {}", ended.stderr);
}

#[test]
fn a_word_in_place_of_a_command_gets_a_tip() {
    check_tip("foo.wasm", "did you mean 'arenaria serve foo.wasm'?");
    check_tip("./target/FOO.WASM --listen x", "did you mean 'arenaria serve ./target/FOO.WASM'?");
    check_tip("arenaria.toml", "did you mean 'arenaria serve --config arenaria.toml'?");
    check_tip("orders.http", "did you mean 'arenaria test orders.http'?");
    check_tip(
        "http://localhost:8080/a",
        "'curl http://localhost:8080/a' sends a request to a server",
    );
    check_tip("run", "did you mean 'arenaria serve'?");
    check_tip("UP", "did you mean 'arenaria serve'?");
    check_tip("jq .a", "did you mean 'arenaria serve --jq'?");
    check_tip("init", "did you mean 'arenaria new'?");
    check_tip("make", "did you mean 'arenaria build'?");
    check_tip("aot", "did you mean 'arenaria compile'?");
    check_tip("lib.rs", "'arenaria build' makes a component of a project");
    check_tip("curl", "did you mean 'arenaria call'?");
    check_tip("validate", "did you mean 'arenaria serve --check-config'?");
    check_tip("version", "did you mean 'arenaria --version'?");
    check_tip("man", "did you mean 'arenaria manual'?");
    check_tip("/", "name a component in it: arenaria serve /NAME.wasm");
    check_tip("serv", "some similar subcommands exist: 'dev', 'serve'");
    let unknown = run(&["zebra"]);
    assert!(!unknown.stderr.contains("tip:") && unknown.stderr.contains("'zebra'"), "{unknown:?}");
}

#[test]
fn an_argument_of_another_tool_gets_a_tip() {
    check_tip("serve a.wasm --port 80", "did you mean '--listen 127.0.0.1:8080'?");
    check_tip("serve a.wasm --port=80", "did you mean '--listen 127.0.0.1:8080'?");
    check_tip("serve a.wasm -c x.toml", "did you mean '--config arenaria.toml'?");
    check_tip("serve a.wasm --env A=1", "did you mean '--set KEY=VALUE'?");
    check_tip("serve a.wasm 8080", "did you mean '--listen 127.0.0.1:8080'?");
    check_tip("serve a.wasm b.wasm", "a configuration file serves several components");
    check_tip("serve a.wasm --verbose", "the variable ARENARIA_LOG sets what is logged");
    check_tip("serve a.wasm --dir .", "components have no file system");
    check_tip("call a.wasm /orders", "did you mean '--path /orders'?");
    check_tip("call a.wasm http://localhost/orders", "a call needs no server and no address");
    check_tip("call a.wasm {}", "did you mean --data '{}'?");
    check_tip("call a.wasm --body x", "did you mean '--data TEXT or --data @FILE'?");
    check_tip(
        "call a.wasm --listen x",
        "--listen is an option of 'arenaria dev' and 'arenaria serve'",
    );
    check_tip("--listen x", "--listen is an option of 'arenaria dev' and 'arenaria serve'");
    check_tip("test --grep x", "did you mean '--filter TEXT'?");
    check_tip("serve --memroy 1MiB", "a similar argument exists: '--memory'");
}

/// The path is refused, with these words.
#[track_caller]
fn check_path(folder: &Path, line: &str, code: i32, parts: &[&str]) {
    let arguments: Vec<_> = line.split(' ').collect();
    let ended = finished(arenaria(&arguments).current_dir(folder));
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{line}: {ended:?}");
    for part in parts {
        assert!(ended.stderr.contains(part), "{line}: no {part:?} in {}", ended.stderr);
    }
}

#[test]
fn a_path_that_names_something_else_gets_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for name in ["project", "bare", "target/components"] {
        std::fs::create_dir_all(path.join(name)).unwrap();
    }
    std::fs::write(path.join("project/arenaria.toml"), Config::of("hello").to_toml()).unwrap();
    std::fs::write(path.join("bare/Cargo.toml"), "").unwrap();
    std::fs::copy(component("hello"), path.join("target/components/shop.wasm")).unwrap();
    for command in ["serve", "inspect", "call", "bridge --output x"] {
        let check = |argument: &str, parts: &[&str]| {
            check_path(path, &format!("{command} {argument}"), 1, parts);
        };
        check(
            "http://a/b.wasm",
            &["expected a component's file, got the address http://a/b.wasm; download"],
        );
        check(
            "project",
            &["got the folder project", "arenaria serve --config project/arenaria.toml"],
        );
        check("bare", &["got the folder bare; build the project first: cd bare && arenaria build"]);
        check("target", &["arenaria serve target/NAME.wasm"]);
        check("arenaria.toml", &["serve it: arenaria serve --config arenaria.toml"]);
        check("a.http", &["send them: arenaria test a.http"]);
        check("src/lib.rs", &["got the source src/lib.rs", "arenaria build"]);
        check("a.wat", &["wasm-tools parse a.wat --output a.wasm"]);
        check("a.cwasm", &["expected a component before its compilation"]);
        check("shop", &["no such file; did you mean target/components/shop.wasm?"]);
        check("target/components/shop", &["did you mean target/components/shop.wasm?"]);
        check("none.wasm", &["cannot read the component none.wasm"]);
    }
    check_path(
        path,
        "serve --config project",
        1,
        &["did you mean --config project/arenaria.toml?"],
    );
    check_path(path, "serve --config bare", 1, &["got the folder bare; write bare/arenaria.toml"]);
    check_path(path, "serve --config a.wasm", 1, &["serve it without one: arenaria serve a.wasm"]);
    check_path(path, "test a.wasm", 2, &["got the component a.wasm", "component = \"a.wasm\""]);
    check_path(path, "test arenaria.toml", 2, &["arenaria test --config arenaria.toml"]);
    check_path(
        path,
        "test --config project/requests",
        2,
        &["expected a configuration in project/requests"],
    );
}

#[test]
fn completions_know_commands_and_options() {
    for (shell, parts) in [
        ("bash", ["complete -F", "arenaria"]),
        ("zsh", ["#compdef arenaria", "--guest-time"]),
        ("fish", ["complete -c arenaria", "guest-time"]),
        ("powershell", ["Register-ArgumentCompleter", "--guest-time"]),
        ("elvish", ["edit:completion", "--guest-time"]),
    ] {
        let script = succeeded(&["completions", shell]);
        for part in parts.into_iter().chain(["serve", "inspect", "request-body"]) {
            assert!(script.contains(part), "{shell}: no {part}");
        }
    }
    let unknown = run(&["completions", "cmd"]);
    assert!(
        unknown.code == Some(2) && unknown.stderr.contains("[possible values: bash"),
        "{unknown:?}"
    );
    if let Ok(bash) = Command::new("bash")
        .args(["-n", "/dev/stdin"])
        .stdin(pipe(&["completions", "bash"]))
        .status()
    {
        assert!(bash.success());
    }
}

/// The output of the program, as another's input.
fn pipe(arguments: &[&str]) -> std::fs::File {
    use std::io::{Seek as _, Write as _};
    let mut file = tempfile::tempfile().expect("the system has room for a file");
    file.write_all(succeeded(arguments).as_bytes()).expect("there is room");
    file.rewind().expect("it is a file");
    file
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man/man1");
    let said = succeeded(&["manual", "--out", out.to_str().unwrap()]);
    let help = succeeded(&["--help"]);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    let commands: Vec<_> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.contains(&"serve") && commands.contains(&"manual"), "{help}");
    for command in commands.iter().filter(|command| **command != "help") {
        let name = format!("arenaria-{command}.1");
        assert!(said.contains(&name), "{said}");
        let page = std::fs::read_to_string(out.join(&name)).unwrap();
        assert!(page.contains(".SH SYNOPSIS") && page.contains("Examples:"), "{page}");
        assert_eq!(succeeded(&["manual", command]), page, "{command}");
    }
    let page = std::fs::read_to_string(out.join("arenaria.1")).unwrap();
    assert_eq!(succeeded(&["manual"]), page);
    assert!(page.contains("arenaria\\-serve(1)"), "{page}");
    let unknown = run(&["manual", "zebra"]);
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    assert!(unknown.stderr.contains("expected a command, one of "), "{unknown:?}");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = run(&["manual", "--out", file.to_str().unwrap()]);
    assert!(refused.code == Some(1) && refused.stderr.contains("check --out"), "{refused:?}");
}

#[test]
fn each_help_has_examples() {
    let help = succeeded(&["--help"]);
    assert!(help.contains("\nExamples:\n  arenaria "), "{help}");
    for command in
        ["new", "build", "serve", "inspect", "call", "test", "bridge", "completions", "manual"]
    {
        let help = succeeded(&[command, "--help"]);
        assert!(help.contains(&format!("\nExamples:\n  arenaria {command}")), "{help}");
    }
}

#[test]
fn the_version_names_the_commit_and_wasmtime() {
    let lock: toml::Table = include_str!("../../../Cargo.lock").parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    let wasmtime = packages.iter().find(|package| package["name"].as_str() == Some("wasmtime"));
    let wasmtime = wasmtime.unwrap()["version"].as_str().unwrap();
    let version = succeeded(&["--version"]);
    assert_eq!(succeeded(&["-V"]), version);
    let start = concat!("arenaria ", env!("CARGO_PKG_VERSION"), " (");
    let inside = version.strip_prefix(start).and_then(|rest| rest.strip_suffix(")\n"));
    let told: Vec<_> = inside.unwrap_or_else(|| panic!("{version}")).split(", ").collect();
    assert_eq!(told.last(), Some(&format!("wasmtime {wasmtime}").as_str()), "{version}");
    // It may be another commit than now, if nothing was changed here since.
    let is_known = commit::find(Path::new(env!("CARGO_MANIFEST_DIR"))).is_some();
    assert_eq!(told.iter().any(|part| part.starts_with("commit ")), is_known, "{version}");
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=a", "-c", "user.email=a@example.org"]).args(arguments);
    let output = command.current_dir(folder).output().expect("git is there");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("git prints text").trim().to_owned()
}

#[test]
fn the_commit_is_that_of_the_checkout_or_of_the_package() {
    let checkout = tempfile::tempdir().unwrap();
    let folder = checkout.path().join("host");
    std::fs::create_dir(&folder).unwrap();
    assert_eq!(commit::find(&folder), None, "no repository");
    git(checkout.path(), &["init", "--quiet"]);
    let manifest = folder.join("Cargo.toml");
    std::fs::write(&manifest, "1").unwrap();
    assert_eq!(commit::find(&folder), None, "the package belongs to no commit");
    git(&folder, &["add", "Cargo.toml"]);
    git(&folder, &["commit", "--quiet", "--message", "first"]);
    let first = git(&folder, &["rev-parse", "HEAD"]);
    assert_eq!(commit::find(&folder).as_deref(), Some(&first[..12]));
    std::fs::write(folder.join("untracked"), "").unwrap();
    assert_eq!(commit::find(&folder).as_deref(), Some(&first[..12]));
    std::fs::write(&manifest, "2").unwrap();
    assert_eq!(commit::find(&folder), Some(format!("{}-dirty", &first[..12])));

    // A package says where it comes from, wherever it is unpacked.
    let package = |text: &str| {
        std::fs::write(folder.join(".cargo_vcs_info.json"), text).unwrap();
        commit::find(&folder)
    };
    let sha1 = "0123456789abcdef0123456789abcdef01234567";
    let clean = format!(
        "{{\n  \"git\": {{\n    \"sha1\": \"{sha1}\"\n  }},\n  \"path_in_vcs\": \"host\"\n}}"
    );
    assert_eq!(package(&clean).as_deref(), Some("0123456789ab"));
    let dirty = clean.replace(&format!("\"{sha1}\""), &format!("\"{sha1}\",\n    \"dirty\": true"));
    assert_eq!(package(&dirty).as_deref(), Some("0123456789ab-dirty"));
    assert_eq!(package("{}"), None);
    assert_eq!(package("{\"git\": {\"sha1\": \"; rm\"}}"), None);
}
