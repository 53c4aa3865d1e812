//! Counts user instructions per request with valgrind's callgrind. Times scatter between runs, these counts
//! hardly do, so later work is judged by them.
//!
//! Each server has one keep-alive connection and one worker. It is counted twice, with N and with 2N
//! requests. The difference is the cost of N requests without start-up.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use crate::guests::build_all;
use crate::served::{Served, exchange_times};
use crate::tools::output;
use crate::workspace::{Workspace, succeed};

/// How many requests are counted. A multiple of 64: the usage of an instance is read every 64 requests.
const REQUESTS: u32 = 2048;

/// The program of the flagship, and the length of its document.
const PROGRAM: &str = "{action, repo: .repository.full_name}";
const DOCUMENT_BYTES: usize = 1024;

/// The rows of the table.
const BARE: &str = "bare-hyper-hello";
const SUBJECTS: [Subject; 4] = [
    Subject { name: BARE, component: None, isolation: "" },
    Subject { name: "hello-reuse", component: Some("hello"), isolation: "reuse" },
    Subject { name: "hello-fresh", component: Some("hello"), isolation: "fresh" },
    Subject { name: "transform-1KB-reuse", component: Some("transform"), isolation: "reuse" },
];

/// What is counted.
#[derive(Clone, Copy, Debug)]
struct Subject {
    name: &'static str,
    /// None means bare hyper.
    component: Option<&'static str>,
    isolation: &'static str,
}

/// `xtask/instructions.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Budgets {
    /// By how much a count may exceed its budget, in per cent.
    tolerance_percent: f64,
    /// Instructions per request, by row.
    #[serde(default)]
    instructions: BTreeMap<String, u64>,
}

/// The options of `cargo xtask instructions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Count the programs in this directory instead of building the release.
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// How many requests to count.
    #[arg(long, default_value_t = REQUESTS, value_name = "N")]
    requests: u32,
    /// Write the counts into the file of budgets.
    #[arg(long)]
    write: bool,
}

/// Counts, prints the table, and compares it with the budgets.
///
/// # Errors
///
/// If something cannot be built or counted, or a count exceeds its budget.
pub(crate) fn run(workspace: &Workspace, args: Args) -> anyhow::Result<()> {
    ensure!(args.requests > 0, "expected at least one request, got 0");
    let valgrind = output(Command::new("valgrind").arg("--version"))
        .context("valgrind is needed (Debian: valgrind)")?;
    build_all(workspace)?;
    let programs = match args.programs {
        Some(folder) => folder.canonicalize().context("cannot find the programs")?,
        None => build(workspace)?,
    };
    let file = workspace.root().join("xtask/instructions.toml");
    let budgets = read_budgets(&file)?;
    let (once, twice) = (args.requests, 2 * args.requests);
    println!("{}, the difference between {once} and {twice} requests", valgrind.trim());
    println!("{:<22} {:>12} {:>8} {:>12}", "per request", "instructions", "x bare", "budget");
    let mut counts = BTreeMap::new();
    for subject in SUBJECTS {
        let count = count(workspace, &programs, subject, args.requests)
            .with_context(|| format!("cannot count {}", subject.name))?;
        let Some(count) = count else {
            println!("{:<22} left out: the program is missing", subject.name);
            continue;
        };
        counts.insert(subject.name.to_owned(), count);
        println!("{}", row(subject.name, count, &counts, &budgets));
    }
    if args.write {
        return write_budgets(&file, &counts);
    }
    let exceeded = exceeded(&counts, &budgets);
    ensure!(exceeded.is_empty(), "not within the budgets: {}", exceeded.join("; "));
    Ok(())
}

/// Builds the release, and gives the folder of its programs.
fn build(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    // One at a time: packages built together would share features.
    for package in ["arenaria", "load-tests"] {
        succeed(workspace.cargo().args(["build", "--release", "-p", package]))?;
    }
    Ok(workspace.program("release", ""))
}

fn read_budgets(file: &Path) -> anyhow::Result<Budgets> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    toml::from_str(&text)
        .with_context(|| format!("{} cannot be read as a file of budgets", file.display()))
}

/// Replaces the table at the end of the file, and keeps the text before it.
fn write_budgets(file: &Path, counts: &BTreeMap<String, u64>) -> anyhow::Result<()> {
    let text = fs::read_to_string(file).context("cannot read the budgets")?;
    fs::write(file, with_counts(&text, counts)).context("cannot write the budgets")
}

fn with_counts(text: &str, counts: &BTreeMap<String, u64>) -> String {
    const TABLE: &str = "\n[instructions]\n";
    let before = text.split(TABLE).next().unwrap_or_default().trim_end();
    let rows: String = counts.iter().map(|(name, count)| format!("{name} = {count}\n")).collect();
    format!("{before}\n{TABLE}{rows}")
}

/// The instructions of one request, or `None` if the program is missing.
fn count(
    workspace: &Workspace,
    programs: &Path,
    subject: Subject,
    requests: u32,
) -> anyhow::Result<Option<u64>> {
    let program = programs.join(if subject.component.is_some() { "arenaria" } else { "bare" });
    if !program.is_file() {
        return Ok(None);
    }
    let folder = workspace.tools().join("instructions");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut command: Vec<OsString> = vec![program.into()];
    command.extend(arguments(workspace, subject).into_iter().map(Into::into));
    let request = request(subject);
    // The processor that valgrind simulates has other features, so components are compiled again. The
    // first start fills the cache for the later ones.
    exchanged(&folder, &["--tool=none".into()], &command, &request, 1)?;
    let counts = folder.join(subject.name).with_extension("callgrind");
    let mut totals = [0; 2];
    for (total, times) in totals.iter_mut().zip([requests, 2 * requests]) {
        let mut out = OsString::from("--callgrind-out-file=");
        out.push(&counts);
        exchanged(&folder, &["--tool=callgrind".into(), out], &command, &request, times)?;
        *total = total_of(&fs::read_to_string(&counts).context("callgrind wrote no counts")?)?;
    }
    let [once, twice] = totals;
    let difference = twice
        .checked_sub(once)
        .context("expected more instructions for more requests, got fewer")?;
    Ok(Some(difference / u64::from(requests)))
}

/// Starts a server under valgrind, sends a request several times, and ends the server. Its cache and its log
/// are written into the folder.
fn exchanged(
    folder: &Path,
    valgrind: &[OsString],
    command: &[OsString],
    request: &[u8],
    times: u32,
) -> anyhow::Result<()> {
    let log = folder.join("log");
    let mut server = Command::new("valgrind");
    server.args(valgrind).args(command).env("ARENARIA_CACHE", folder.join("compiled"));
    server.stderr(fs::File::create(&log).context("cannot write the log")?);
    let served = Served::start(server).with_context(|| format!("see {}", log.display()))?;
    exchange_times(served.address(), request, times)?;
    let server = served.id();
    served.end(server)
}

fn arguments(workspace: &Workspace, subject: Subject) -> Vec<String> {
    let listen = ["--listen", "127.0.0.1:0"];
    let mut words: Vec<String> = match subject.component {
        None => vec!["hello".into()],
        Some(component) => {
            let file = workspace.component(component).display().to_string();
            let more = ["--operator-listen", "off", "--workers", "1", "--isolation"];
            let mut words = vec!["serve".into(), file];
            words.extend(more.map(Into::into));
            words.push(subject.isolation.into());
            words
        }
    };
    words.extend(listen.map(Into::into));
    if subject.component == Some("transform") {
        words.extend(["--set".into(), format!("program={PROGRAM}")]);
    }
    words
}

fn request(subject: Subject) -> Vec<u8> {
    if subject.component != Some("transform") {
        return b"GET / HTTP/1.1\r\nhost: arenaria\r\n\r\n".to_vec();
    }
    let text = |filler: usize| {
        let filler = "x".repeat(filler);
        format!(
            r#"{{"action":"opened","repository":{{"full_name":"sand/castle"}},"body":"{filler}"}}"#
        )
    };
    let body = text(DOCUMENT_BYTES - text(0).len());
    format!("POST / HTTP/1.1\r\nhost: arenaria\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// Reads the total from callgrind's output: the last line `summary: N` or `totals: N`.
fn total_of(text: &str) -> anyhow::Result<u64> {
    let totals = text.lines().rev().find_map(|line| {
        let rest = line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: "))?;
        rest.trim().parse().ok()
    });
    let Some(total) = totals else { bail!("expected a line `totals: N`, got none") };
    Ok(total)
}

fn row(name: &str, count: u64, counts: &BTreeMap<String, u64>, budgets: &Budgets) -> String {
    let ratio = counts.get(BARE).map_or("-".into(), |&bare| format!("{:.2}", ratio(count, bare)));
    let budget = budgets.instructions.get(name).map_or("none".into(), ToString::to_string);
    format!("{name:<22} {count:>12} {ratio:>8} {budget:>12}")
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of counts far below 2^53")]
fn ratio(count: u64, other: u64) -> f64 {
    count as f64 / other as f64
}

/// The rows that exceed their budget, with the expected and the actual count, and those without a count or a
/// budget.
fn exceeded(counts: &BTreeMap<String, u64>, budgets: &Budgets) -> Vec<String> {
    let most = 1.0 + budgets.tolerance_percent / 100.0;
    let over =
        |Subject { name, .. }: Subject| match (counts.get(name), budgets.instructions.get(name)) {
            (None, _) => Some(format!("{name}: not counted")),
            (_, None) => Some(format!("{name}: no budget; `--write` sets it")),
            (Some(&count), Some(&budget)) => (ratio(count, budget) > most)
                .then(|| format!("{name}: expected at most {budget}, got {count}")),
        };
    SUBJECTS.into_iter().filter_map(over).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read() {
        let text = "events: Ir\nsummary: 41\n\nfn=(1)\n3 4\ntotals: 42\n";
        assert_eq!(total_of(text).unwrap(), 42);
        assert_eq!(total_of("events: Ir\nsummary: 41\n").unwrap(), 41);
        assert!(total_of("events: Ir\n").is_err());
    }

    #[test]
    fn a_count_over_its_budget_is_told() {
        let [bare, reuse, fresh, transform] = SUBJECTS.map(|subject| subject.name.to_owned());
        let instructions = [(&bare, 1000), (&reuse, 1000), (&fresh, 1000)]
            .map(|(name, budget)| (name.clone(), budget))
            .into();
        let budgets = Budgets { tolerance_percent: 1.0, instructions };
        let counts = [(bare, 1010), (reuse, 1011), (transform, 9)].into();
        assert_eq!(
            exceeded(&counts, &budgets),
            [
                "hello-reuse: expected at most 1000, got 1011",
                "hello-fresh: not counted",
                "transform-1KB-reuse: no budget; `--write` sets it"
            ]
        );
    }

    #[test]
    fn counts_replace_the_ones_before() {
        let counts = BTreeMap::from([("a".to_owned(), 7)]);
        let written = with_counts("# why: [instructions] below\nx = 1\n", &counts);
        assert_eq!(written, "# why: [instructions] below\nx = 1\n\n[instructions]\na = 7\n");
        assert_eq!(with_counts(&written, &counts), written);
    }

    #[test]
    fn the_document_has_the_size_that_is_said() {
        let request = String::from_utf8(request(SUBJECTS[3])).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(body.len(), DOCUMENT_BYTES);
        assert!(head.ends_with("content-length: 1024"));
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }

    #[test]
    fn the_file_of_budgets_can_be_read() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.toml");
        let budgets = read_budgets(&file).unwrap();
        let is_row = |name: &String| SUBJECTS.iter().any(|subject| subject.name == name);
        assert!(budgets.instructions.keys().all(is_row));
    }
}
