//! Every scenario once, as short as it can be: promises are judged, speed is not.
//!
//! It loads the server that this build has made, and the components that `cargo xtask guests` has.

use std::path::{Path, PathBuf};
use std::process::Command;

use load_tests::report::{Report, Verdict};

/// The scenarios that need nothing but this workspace.
const ALWAYS: [&str; 7] = ["steady", "sweep", "saturate", "soak", "faults", "records", "peers"];

/// Runs the program on the server that was built beside it.
fn load(report: &Path, args: &[&str]) -> std::process::Output {
    let load = Path::new(env!("CARGO_BIN_EXE_load"));
    let arenaria = load.with_file_name("arenaria");
    assert!(arenaria.is_file(), "{} is not built: `cargo build -p arenaria`", arenaria.display());
    let mut command = Command::new(load);
    command.args(args).arg("--arenaria").arg(arenaria).arg("--report").arg(report);
    // What else runs here may be a build: nobody is given a core of its own.
    command.arg("--unpinned");
    if let Some(components) = std::env::var_os("ARENARIA_COMPONENTS") {
        command.arg("--components").arg(PathBuf::from(components));
    }
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
    assert!(html.contains("<svg") && html.ends_with("</html>\n"));
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
