//! Projects as their authors see them: `arenaria new`, `build` and `test`, from an empty folder. The packages come from
//! the registries.
//!
//! The templates that need other toolchains, or more time, are in `tests/templates`.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::harness::{arenaria, finished};
use crate::project::{Project, check_built, sdk, targets};
use crate::terminal::terminal;

/// The build failed with this sentence, and nothing was made.
#[track_caller]
fn check_failed(project: &Project, words: &[&str]) {
    let ended = project.arenaria(&["build"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let sentence = ended.stderr.lines().last().unwrap_or_default();
    for word in words {
        assert!(sentence.contains(word), "no {word:?} in {ended:?}");
    }
    assert!(!project.component().exists(), "{ended:?}");
}

#[test]
fn a_new_project_is_tested_built_and_served() {
    let project = Project::new("shop", "hello");
    check_built(&project.tool(&["cargo", "test", "--quiet"]), &["2 passed"]);
    let built = project.arenaria(&["build"]);
    let stack = "stack: 512KiB, below the data: an overflow traps";
    check_built(&built, &["target/components/shop.wasm", "memory: fixed", stack, "imports: none"]);
    assert!(!built.stderr.contains("note:"), "{built:?}");
    let inspected = project.arenaria(&["inspect", "target/components/shop.wasm"]);
    check_built(&inspected, &["name: shop", "version: 0.1.0", "served: yes"]);
    check_built(&project.arenaria(&["test"]), &["3 passed"]);
    let server = project.serve();
    server.get("/").check(200, "hello, world\n");
    server.post("/", "Ada").check(200, "hello, Ada\n");
}

#[test]
fn a_project_with_json_is_built_and_served() {
    let project = Project::new("orders", "json");
    check_built(&project.tool(&["cargo", "test", "--quiet"]), &["2 passed"]);
    check_built(&project.arenaria(&["build"]), &["target/components/orders.wasm"]);
    check_built(&project.arenaria(&["test"]), &["3 passed"]);
    let server = project.serve();
    let order = r#"{"id": 1, "items": [{"cents": 2, "count": 3}]}"#;
    server.post("/orders", order).check(201, r#"{"id":1,"total_cents":6}"#);
    assert_eq!(server.post("/orders", "{}").status, 422);
}

#[test]
fn a_module_that_plain_cargo_built_is_served_with_all_of_the_memory() {
    let project = Project::new("plain", "hello");
    let built = ["cargo", "build", "--quiet", "--release", "--target", "wasm32-unknown-unknown"];
    check_built(&project.tool(&built), &[]);
    let module = targets().join("wasm32-unknown-unknown/release/plain.wasm");
    let module = module.display().to_string();
    let called = project.arenaria(&["call", &module, "--memory", "4MiB", "--usage"]);
    check_built(&called, &["hello, world"]);
    let capacity = called.stderr.lines().find_map(|line| line.trim().strip_prefix("capacity: "));
    let capacity: u64 =
        capacity.and_then(|text| text.trim_end_matches(',').parse().ok()).expect("a number");
    assert!(capacity > 2 << 20, "it has 4 MiB, less the stack of plain cargo: {called:?}");
}

#[test]
fn nothing_is_written_over() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let new =
        |name: &str| finished(arenaria(&["new", name, "--sdk", &sdk()]).current_dir(folder.path()));
    std::fs::create_dir(folder.path().join("empty")).expect("the folder is ours");
    assert_eq!(new("empty").code, Some(0), "an empty folder is filled");
    let again = new("empty");
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("exists and is not empty; nothing was written"), "{again:?}");
    for name in ["Shop", "1st", "a b", "a/../..", "test", "fn"] {
        let refused = new(name);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains("expected a name"), "{name}: {refused:?}");
    }
    let entries = std::fs::read_dir(folder.path()).expect("the folder is ours").count();
    assert_eq!(entries, 1, "only the first was made");
}

#[test]
fn what_is_missing_is_not_asked_of_a_script() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let ended = finished(arenaria(&["new"]).current_dir(folder.path()));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("arenaria new NAME"), "{ended:?}");
    let ended = finished(arenaria(&["new", "x", "--sdk", "nowhere"]).current_dir(folder.path()));
    assert!(ended.stderr.contains("check --sdk"), "{ended:?}");
    assert!(!folder.path().join("x").exists(), "nothing is made before all is known");
    let ended = finished(arenaria(&["build"]).current_dir(folder.path()));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("make one with arenaria new"), "{ended:?}");
}

#[test]
fn a_terminal_is_asked_for_what_is_missing() {
    for (replies, file) in [("shop\njavascript\n", "package.json"), ("shop\n\n", "Cargo.toml")] {
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let (mut person, program) = terminal();
        person.write_all(replies.as_bytes()).expect("it is open");
        let stderr = program.try_clone().expect("there are files left");
        let mut new = arenaria(&["new", "--sdk", &sdk()]);
        new.current_dir(folder.path()).stdin(program).stderr(stderr).stdout(Stdio::piped());
        let ended = new.output().expect("the program starts");
        assert!(ended.status.success(), "{ended:?}");
        assert!(folder.path().join("shop").join(file).is_file(), "{replies:?}");
    }
}

/// A folder with a program of that name, to be found before others.
fn program(folder: &std::path::Path, name: &str, script: &str) {
    let file = folder.join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("the folder is ours");
    std::fs::set_permissions(file, Permissions::from_mode(0o755)).expect("it is ours");
}

#[test]
fn a_target_that_is_missing_is_installed_after_saying_so() {
    let project = Project::new("far", "hello");
    let tools = project.path("tools");
    std::fs::create_dir(&tools).expect("the folder is ours");
    // A toolchain without the target, until rustup has added it.
    let installed = tools.join("installed").display().to_string();
    let real = "PATH=\"${PATH#*:}\" exec rustc \"$@\"";
    let rustc = format!(
        "if [ -e {installed} ] || [ \"$2\" != target-libdir ]; then {real}; fi; echo /nowhere"
    );
    program(&tools, "rustc", &rustc);
    program(&tools, "rustup", &format!("echo \"$@\" > {installed}"));
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").expect("there is a path"));
    let built = project.run(arenaria(&["build"]).env("PATH", &path));
    check_built(&built, &["target/components/far.wasm"]);
    let says = "installing the target wasm32-unknown-unknown: rustup target add";
    assert!(built.stderr.contains(says), "{built:?}");
    let asked = std::fs::read_to_string(&installed).expect("rustup was called");
    assert_eq!(asked, "target add wasm32-unknown-unknown\n");

    std::fs::remove_file(&installed).expect("it is there");
    program(&tools, "rustup", "echo 'no network' >&2; exit 1");
    let failed = project.run(arenaria(&["build"]).env("PATH", &path));
    assert_eq!(failed.code, Some(1), "{failed:?}");
    let sentence = "install it with rustup target add wasm32-unknown-unknown";
    assert!(failed.stderr.contains(sentence), "{failed:?}");
    assert!(failed.stderr.contains("no network"), "{failed:?}");
}

#[test]
fn the_flags_are_those_of_this_repository() {
    let read = |file: &str| {
        let file = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"))
    };
    let config: toml::Table = read("../.cargo/config.toml").parse().expect("it is TOML");
    let flags = config["target"]["wasm32-unknown-unknown"]["rustflags"].as_array();
    let source = read("src/project/cargo.rs");
    let (_, ours) = source.split_once("rustflags = [").expect("the flags are there");
    let (ours, _) = ours.split_once(']').expect("the list ends");
    let ours: toml::Table = format!("flags = [{ours}]").parse().expect("it is TOML");
    assert_eq!(flags, ours["flags"].as_array());
}

#[test]
fn a_crate_that_does_not_compile_for_the_target_is_named() {
    let project = Project::new("random", "hello");
    let dependency = "getrandom = \"0.2\"\n\n# What runs";
    project.replace("Cargo.toml", "\n# What runs", dependency);
    let chain = "getrandom does not compile for wasm32-unknown-unknown (random → getrandom 0.2.";
    check_failed(&project, &[chain, "a processor has no source of randomness"]);
}

#[test]
fn a_native_library_is_named_with_the_crate_that_uses_it() {
    let project = Project::new("native", "hello");
    let code = "unsafe extern \"C\" {\n    fn deflate(level: i32) -> i32;\n}\n\n\
        #[unsafe(no_mangle)]\npub extern \"C\" fn pack() -> i32 {\n    unsafe { deflate(9) }\n}\n\n#[cfg(test)]";
    project.replace("src/lib.rs", "#[cfg(test)]", code);
    check_failed(
        &project,
        &["a native library is missing: nothing defines deflate, used by native"],
    );
}

#[test]
fn a_mistake_of_the_author_is_left_to_the_compiler() {
    let project = Project::new("broken", "hello");
    project.replace("src/lib.rs", "Response::new(404)", "Reponse::new(404)");
    check_failed(&project, &["broken does not compile; see the compiler's messages"]);
    project.replace("Cargo.toml", "[dependencies]", "[dependencies");
    check_failed(&project, &["cargo cannot read the project; correct Cargo.toml"]);
}

#[test]
fn a_build_that_fails_keeps_the_last_component() {
    let project = Project::new("kept", "hello");
    check_built(&project.arenaria(&["build"]), &[]);
    let good = std::fs::read(project.component()).expect("it was built");
    project.replace("src/lib.rs", "arenaria_guest::export!(Greeter);", "");
    let ended = project.arenaria(&["build"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("export a processor with arenaria_guest::export!"), "{ended:?}");
    assert!(good == std::fs::read(project.component()).expect("it is kept"), "it is unchanged");
}
