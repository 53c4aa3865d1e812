//! Every scenario once, as short as it can be: promises are judged, speed is not.
//!
//! It loads the server that this build has made, and the components that `cargo xtask guests` has.

use std::path::{Path, PathBuf};
use std::process::Command;

use load_tests::report::{Report, Verdict};

/// The scenarios that need nothing but this workspace.
const ALWAYS: [&str; 9] =
    ["steady", "sweep", "saturate", "overload", "soak", "faults", "records", "peers", "neighbours"];

/// Runs the program on the server that was built beside it.
fn load(report: &Path, args: &[&str]) -> std::process::Output {
    let load = Path::new(env!("CARGO_BIN_EXE_load"));
    let arenaria = load.with_file_name("arenaria");
    assert!(arenaria.is_file(), "{} is not built: `cargo build -p arenaria`", arenaria.display());
    let mut command = Command::new(load);
    command.args(args).arg("--arenaria").arg(arenaria).arg("--report").arg(report);
    // A workspace of its own; tools that are installed elsewhere in the real one take no part.
    command.arg("--target").arg(report.with_file_name("target"));
    // What else runs here may be a build: nobody is given a core of its own.
    command.arg("--unpinned");
    let built = load.with_file_name("../components");
    let components = std::env::var_os("ARENARIA_COMPONENTS").map_or(built, PathBuf::from);
    command.arg("--components").arg(components);
    command.output().expect("the program was built for this test")
}

#[test]
fn every_scenario_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let output = load(&page, &["smoke"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));

    let report = Report::read(&page.with_extension("json")).unwrap();
    for scenario in ALWAYS {
        let mut sections = report.sections.iter().filter(|section| section.scenario == scenario);
        let section = sections.next().unwrap_or_else(|| panic!("{scenario} is missing:\n{said}"));
        assert!(!section.interrupted && !section.tables.is_empty(), "{scenario}");
    }
    let holds = |text: &str| {
        let findings = report.sections.iter().flat_map(|section| &section.findings);
        let mut found = findings.filter(|finding| finding.text.contains(text)).peekable();
        found.peek().is_some() && found.all(|finding| finding.verdict == Verdict::Holds)
    };
    assert!(holds("linear memories grew 0 times") && holds("0 bytes in use"), "{said}");
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains("at the end all of") && html.ends_with("</html>\n"));
}

#[test]
fn two_runs_do_not_share_a_workspace() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = folder.path().join("target/load-tests");
    std::fs::create_dir_all(&workspace).unwrap();
    let lock = std::fs::File::create(workspace.join("lock")).unwrap();
    lock.lock().unwrap();
    let output = load(&folder.path().join("report.html"), &["steady"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("another load test runs in"), "{said}");
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let refused = |args: &[&str], words: &str| {
        let output = load(&page, args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(words), "{args:?}: {said}");
    };
    refused(&["steady", "--rate", "0"], "from 0.01 to");
    refused(&["steady", "--rate", "NaN"], "from 0.01 to");
    refused(&["sweep", "--rates", "10,1e20"], "from 0.01 to");
    refused(&["saturate", "--duration", "1ms"], "at least 100ms");
    refused(&["faults", "--faults-per-second", "-1"], "");
    refused(&["steady", "--generator-core", "100000"], "at most");
    refused(&["steady", "--url", "https://127.0.0.1"], "TLS is not spoken here");
    refused(&["steady", "--url", "http://127.0.0.1:1"], "cannot connect");
}

#[test]
fn a_broken_promise_ends_it_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    // A server that answers the question whether it is there, and nothing after it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for (index, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            // The first is asked for a good answer; those after it end without one.
            if index == 0 && stream.read(&mut [0; 4096]).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            }
        }
    });
    let args = ["steady", "--url", &url, "--rate", "20", "--duration", "500ms"];
    let output = load(&page, &args);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("BROKEN:"), "{said}");
}
