//! A report as a browser shows it: Chromium runs the page's script, and the elements that it has made
//! are compared. Without Chromium the test passes and says so.

use std::path::PathBuf;
use std::process::Command;

use load_tests::figures::Spread;
use load_tests::html;
use load_tests::report::{Axis, Bar, Cell, Mark, Plot, Report, Section, Series, Table};

/// The names that systems give it.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A report with one of each verdict, cell and plot.
fn report() -> Report {
    let mut section = Section::new("steady", "Steady <b>".into(), "How it goes.");
    section.promise(false, "1 request failed");
    section.promise(true, "memory is flat");
    section.goal(false, "it is slow");
    section.note("it is a note");
    section.command("arenaria serve".into());
    let mut table = Table::new("Figures", &["server", "requests/s", "p50 ms", "note"]);
    let spread = Spread::of([1000.0, 2000.0, 4000.0]);
    table.row(vec!["bare".into(), spread.into(), 0.12345.into(), "".into()]);
    table.row(vec!["arenaria".into(), 1_234_567.0.into(), Cell::from(f64::NAN), "ok".into()]);
    section.tables.push(table);
    let lines = |title: &str, y: Axis, points: Vec<(f64, f64)>| {
        let marks = [Mark { x: 0.5, label: "killed".into() }];
        let series = vec![Series::new("p50", points)];
        Plot::lines(title, Axis::linear("time, s"), y, series).with_marks(&marks)
    };
    let throughput = Bar { name: "bare".into(), value: Spread::of([10.0, 20.0, 40.0]) };
    let nothing = Bar { name: "nothing".into(), value: Spread::of([0.0]) };
    section.plots.extend([
        lines("Linear", Axis::linear("MiB"), vec![(0.0, 1.0), (1.0, 2.5)]),
        lines("Logarithmic", Axis::log("ms"), vec![(0.0, 0.0), (1.0, 2.5), (2.0, 30.0)]),
        lines("Empty", Axis::linear("MiB"), Vec::new()),
        Plot::bars("Throughput", Axis::log("requests/s"), vec![throughput, nothing]),
    ]);
    let mut report = Report::new("load steady".into(), Vec::new());
    report.sections.push(section);
    report
}

#[test]
fn a_browser_draws_every_part_of_a_report() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let programs = BROWSERS.iter().flat_map(|name| folders.iter().map(move |it| it.join(name)));
    let Some(browser) = programs.into_iter().find(|program| program.is_file()) else {
        eprintln!("Chromium is not installed: the page's script is not tested");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    std::fs::write(&file, html::page(&report())).unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg("--virtual-time-budget=5000")
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    let drawn = String::from_utf8_lossy(&output.stdout);
    // What was embedded is not what was drawn.
    let (_, drawn) = drawn.rsplit_once("</script>").expect("a page with scripts");
    for part in [
        "Steady &lt;b&gt;",
        "✗</span> BROKEN",
        "△</span> missed",
        "<strong>1</strong> holds",
        "it is a note",
        "Commands (1)",
        "2,000<span class=\"range\"> (1,000–4,000)",
        "1,234,567",
        "0.123",
        "<td class=\"number\">–</td>",
        "Values that this axis cannot show: 1.",
        "There are no values.",
        "20 (10–40)",
        "requests/s, logarithmic",
        "id=\"machine\"",
    ] {
        assert!(drawn.contains(part), "{part} is missing in:\n{drawn}");
    }
    assert_eq!(drawn.matches("<canvas").count(), 2, "two plots have values:\n{drawn}");
}
