//! What the two programs print.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const DOCUMENT: &str = r#"{"action":"opened","repository":{"full_name":"sand/box"}}"#;
const PROGRAMS: [&str; 2] = [env!("CARGO_BIN_EXE_plain"), env!("CARGO_BIN_EXE_library")];

fn component() -> PathBuf {
    let folder = std::env::var_os("ARENARIA_COMPONENTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/components"),
        PathBuf::from,
    );
    let path = folder.join("transform.wasm");
    assert!(path.exists(), "{} is missing: run `cargo xtask guests` first", path.display());
    path
}

fn run(binary: &str, program: &str, document: &str) -> Output {
    let mut command = Command::new(binary);
    command.arg(component()).arg(program);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("piped");
    input.write_all(document.as_bytes()).expect("all is read");
    drop(input);
    child.wait_with_output().expect("it ends")
}

#[test]
fn both_transform_a_document() {
    for binary in PROGRAMS {
        let output = run(binary, "{action, repo: .repository.full_name}", DOCUMENT);
        let printed = String::from_utf8_lossy(&output.stdout);
        assert_eq!(printed, "{\"action\":\"opened\",\"repo\":\"sand/box\"}\n", "{binary}");
        assert!(output.status.success(), "{binary}: {output:?}");
    }
}

#[test]
fn an_error_of_jq_is_told_with_its_place() {
    let output = run(PROGRAMS[0], ".", "{\"a\": x}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("Document: expected JSON, got `x` (byte Some(6))"), "{said}");
}

#[test]
fn settings_that_are_refused_end_the_program() {
    let output = run(PROGRAMS[1], "{action", DOCUMENT);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(said.contains("found the end of the program"), "{said}");
}
