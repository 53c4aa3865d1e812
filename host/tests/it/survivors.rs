//! The jq component leaves nothing alive, whatever a program does: each builtin once, and all programs of jq's own tests
//! if the machine has them, in one instance.
//!
//! `cargo xtask survivors` sends more requests.

use std::path::Path;

use crate::client::Connection;
use crate::config::Config;
use crate::harness::Server;
use crate::payloads::ad_hoc;
use crate::transform::run;

/// Documents that each builtin gets.
const DOCUMENTS: [&str; 7] = [
    "null",
    "1",
    "\"2015-03-05T23:51:47Z\"",
    "[3,1,[2]]",
    "{\"a\":[1]}",
    "[\"a,b\",\",\"]",
    "true",
];

/// Builtins that go on for ever with any argument, and how they are called instead.
const ENDLESS: [(&str, &str); 4] = [
    ("until/2", "until(true; .)"),
    ("while/2", "while(false; .)"),
    ("repeat/1", "repeat(error)"),
    ("range/3", "range(0; 10; 3)"),
];

/// How many requests the test sends that repeats the programs.
fn count() -> usize {
    let text = std::env::var("ARENARIA_SURVIVORS").unwrap_or("3000".to_owned());
    text.parse().expect("it is a number")
}

/// One instance, which is not replaced.
fn server() -> Server {
    Server::start(&Config::ad_hoc().limit("requests-per-instance", 1_000_000_000))
}

/// Checks that nothing survived the last request, and that no instance was replaced.
#[track_caller]
fn check_clean(server: &Server, what: &str) {
    let metrics = server.until_settled();
    for name in ["arenaria_arena_sealed_bytes", "arenaria_arena_request_survivors_bytes"] {
        assert_eq!(metrics.values(name, &[]), [0.0], "{what}: {name}");
    }
    assert_eq!(metrics.sum("arenaria_retirements_total", &[]), 0.0, "{what}: {metrics:?}");
}

/// A call of each builtin.
#[track_caller]
fn builtins(server: &Server) -> Vec<String> {
    let names = run(server, "builtins", "null").json();
    let names = names.as_array().expect("a list").iter().map(|name| name.as_str().expect("a name"));
    let programs: Vec<String> = names.map(call).collect();
    assert!(programs.len() > 150, "only {} builtins", programs.len());
    programs
}

fn call(name: &str) -> String {
    if let Some((_, program)) = ENDLESS.iter().find(|(endless, _)| *endless == name) {
        return (*program).to_owned();
    }
    let (function, arity) = name.split_once('/').expect("a name and an arity");
    match arity.parse().expect("a number") {
        0 => format!("[limit(100; {function})]"),
        arity => format!("[limit(100; {function}({}))]", vec!["."; arity].join("; ")),
    }
}

/// The programs of jq's tests, each with its document. Empty if the machine has none.
fn programs_of_jq() -> Vec<(String, String)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/jq/jq.test");
    let Ok(text) = std::fs::read_to_string(file) else { return Vec::new() };
    let text: Vec<_> =
        text.lines().map(|line| if line.starts_with('#') { "" } else { line }).collect();
    let blocks = text.split(|line| line.is_empty());
    let program = |block: &[&str]| match block {
        ["%%FAIL" | "%%FAIL IGNORE MSG", program, ..] => {
            Some(((*program).to_owned(), "null".to_owned()))
        }
        [program, document, ..] => Some(((*program).to_owned(), (*document).to_owned())),
        _ => None,
    };
    blocks.filter_map(program).collect()
}

#[test]
fn no_builtin_leaves_anything_alive() {
    let server = server();
    for program in builtins(&server) {
        for document in DOCUMENTS {
            let status = run(&server, &program, document).status;
            assert!(matches!(status, 200 | 204 | 422), "{program} on {document}: {status}");
        }
        check_clean(&server, &program);
    }
}

#[test]
fn many_requests_with_all_programs_leave_nothing_alive() {
    let server = server();
    let mut programs: Vec<_> = builtins(&server)
        .into_iter()
        .zip(DOCUMENTS.iter().cycle())
        .map(|(program, document)| (program, (*document).to_owned()))
        .collect();
    programs.extend(programs_of_jq());
    let requests: Vec<_> =
        programs.iter().map(|(program, document)| ad_hoc(program, document.as_bytes())).collect();
    let mut connection: Connection = server.connect();
    for (index, request) in requests.iter().cycle().take(count()).enumerate() {
        let status = connection.exchange(request).status;
        let (program, document) = &programs[index % programs.len()];
        assert!(matches!(status, 200 | 204 | 400 | 422), "{program} on {document}: {status}");
    }
    drop(connection);
    check_clean(&server, "all programs");
}
