//! `load compare` as a script uses it: by its exit code.

use std::path::Path;
use std::process::Command;

use load_tests::report::{Report, Section, Table};

/// Writes a report of three repeats.
fn write(path: &Path, answered: [f64; 3]) {
    let mut section = Section::new("steady", "Steady".into(), "");
    let mut table = Table::new("Latency", &["run", "answered/s"]);
    for (figure, number) in answered.into_iter().zip(1..) {
        table.row(vec![format!("own generator, run {number}").into(), figure.into()]);
    }
    section.tables.push(table);
    let mut report = Report::new("load steady --repeats 3".into(), Vec::new());
    report.sections.push(section);
    std::fs::write(path, report.json()).expect("the folder is ours");
}

#[test]
fn a_run_that_is_worse_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write(&path("old.json"), [1000.0, 1010.0, 1020.0]);
    write(&path("same.json"), [1000.0, 1005.0, 1030.0]);
    write(&path("slow.json"), [900.0, 910.0, 920.0]);
    let compare = |new: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_load"));
        command.arg("compare").args([path("old.json"), path(new)]).args(more);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text, String::from_utf8(output.stderr).unwrap())
    };
    let (code, text, _) = compare("same.json", &[]);
    assert!(code == Some(0) && text.contains("same"), "{text}");
    let (code, text, _) = compare("slow.json", &[]);
    assert!(
        code == Some(1) && text.contains("0.901 (0.882–0.920)") && text.contains("WORSE"),
        "{text}"
    );
    assert_eq!(compare("slow.json", &["--tolerance", "15"]).0, Some(0));
    let (code, _, error) = compare("none.json", &[]);
    assert!(code == Some(1) && error.contains("cannot read"), "{error}");
}
