//! The start with a component that cannot be served ends with one sentence that names the reason
//! and the remedy.

use crate::harness::{arenaria, component, finished};

/// Starts a server with a component. It must fail with one sentence that contains the first parts
/// and none of the others.
#[track_caller]
fn check(file: &str, options: &[&str], parts: &[&str], absent: &[&str]) {
    let listen = ["--listen", "127.0.0.1:0", "--operator-listen", "off"];
    let ended = finished(&mut arenaria(&[&["serve", file], &listen[..], options].concat()));
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    let lines: Vec<&str> = ended.stderr.lines().collect();
    let [sentence] = lines.as_slice() else { panic!("not one sentence: {}", ended.stderr) };
    for part in parts.iter().chain([&file]) {
        assert!(sentence.contains(part), "no {part:?} in {sentence:?}");
    }
    for part in absent {
        assert!(!sentence.contains(part), "{part:?} in {sentence:?}");
    }
}

/// Like `check`, for a component with these fields.
#[track_caller]
fn check_text(fields: &str, options: &[&str], parts: &[&str], absent: &[&str]) {
    let text = format!("(component (core module (memory 1 1)) (instance $none) {fields})");
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("subject.wasm");
    std::fs::write(&file, wat::parse_str(text).expect("it is a component")).expect("ours");
    check(&file.display().to_string(), options, parts, absent);
}

const KEY_VALUE: &str = "wasi:keyvalue/store@0.2.0-draft";
const INVENTED: &str = "sand:castle/moat@1.0.0";
const CONFIG: &str = "wasi:config/store@0.2.0-rc.1";

#[test]
fn each_import_that_is_not_granted_is_named_with_its_remedy() {
    let fields = format!(
        r#"(import "{KEY_VALUE}" (instance)) (import "{INVENTED}" (instance))
        (import "{CONFIG}" (instance)) (import "wasi:clocks/wall-clock@0.2.0" (instance))
        (export "wasi:http/incoming-handler@0.2.0" (instance $none))"#
    );
    let unknown = |name| format!("{name} (not supported");
    let (key_value, invented) = (unknown(KEY_VALUE), unknown(INVENTED));
    let config = format!("{CONFIG} (grant it with grants = [\"config\"] or --grant config)");
    check_text(&fields, &[], &[&key_value, &invented, &config], &["wall-clock"]);
    check_text(&fields, &["--grant", "config"], &[&key_value, &invented], &[CONFIG]);
}

#[test]
fn a_component_of_neither_world_hears_what_would_be_accepted() {
    let fields = r#"(export "wasi:cli/run@0.2.0" (instance $none))
        (export "sand:castle/gate@1.0.0" (instance $none))"#;
    let accepted = [
        "arenaria:processor/handler@0.1.0",
        "wasi:http/incoming-handler@0.2",
        "wasi:http/handler@0.3",
    ];
    let exported = ["wasi:cli/run@0.2.0", "sand:castle/gate@1.0.0"];
    check_text(fields, &[], &[&accepted[..], &exported].concat(), &[]);
    check_text("", &[], &[&accepted[..], &["exports nothing"]].concat(), &[]);
}

#[test]
fn a_component_that_needs_its_settings_is_refused_without_them() {
    let file = component("test-components/rust-p2-config").display().to_string();
    check(&file, &["--grant", "environment"], &[CONFIG, "--grant config"], &["wasi:io"]);
}

#[test]
fn a_grant_that_is_none_is_refused() {
    let file = component("test-components/rust-p2").display().to_string();
    let start = |grant: &str| {
        let options = ["--listen", "127.0.0.1:0", "--grant", grant];
        finished(&mut arenaria(&[&["serve", &file], &options[..]].concat()))
    };
    for grant in ["files", "outgoing-http:", "outgoing-http:a b", "Config", ""] {
        let ended = start(grant);
        assert!(ended.code.is_some_and(|code| code != 0), "{grant:?}: {ended:?}");
        assert!(ended.stderr.contains(grant) && ended.stdout.is_empty(), "{grant:?}: {ended:?}");
    }
}

/// Their initial memory is larger than this.
#[test]
fn javascript_does_not_fit_into_eight_mebibytes() {
    let file = component("test-components/javascript").display().to_string();
    check(&file, &["--memory", "8MiB"], &["8MiB", "memory"], &[]);
}

#[test]
fn python_does_not_fit_into_eight_mebibytes() {
    let file = component("test-components/python").display().to_string();
    check(&file, &["--memory", "8MiB"], &["8MiB", "memory"], &[]);
}
