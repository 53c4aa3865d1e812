//! The same modules in engines of JavaScript: one script, run by Node and in a page of Chromium.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;
use wasmtime::Result;
use wasmtime::error::{Context as _, ensure, format_err};

use crate::documents::{self, FIRST_BYTES, Item, KEY, SIZES};
use crate::figures::Figures;
use crate::turns::Effort;
use crate::{growing, modules, objects, pooling};

/// The parts of the script; the last one has the function `measure`.
const SCRIPT: [&str; 3] = [
    include_str!("javascript/turns.mjs"),
    include_str!("javascript/boundary.mjs"),
    include_str!("javascript/memory.mjs"),
];

/// The cell of what an engine does not know.
const LACKING: &str = "not in this version";

/// Where a page puts its figures.
const MARKS: [&str; 2] = ["<pre id=\"figures\">", "</pre>"];

/// A program that runs JavaScript.
#[derive(Debug)]
pub(crate) enum Host {
    /// Node.
    Node(PathBuf),
    /// Chromium.
    Browser(PathBuf),
}

/// What the script gets.
#[derive(Serialize)]
struct Input {
    /// By name.
    modules: BTreeMap<&'static str, Vec<u8>>,
    rounds: usize,
    milliseconds: u128,
    lacking: &'static str,
    sizes: BTreeMap<&'static str, usize>,
    items: Vec<Item>,
    total: u32,
    strings: Vec<String>,
    #[serde(rename = "firstBytes")]
    first_bytes: u32,
    key: (u32, u32),
    pages: BTreeMap<&'static str, u32>,
    steps: u32,
    touched: BTreeMap<&'static str, u32>,
    count: u32,
    kept: BTreeMap<&'static str, u32>,
}

impl Host {
    /// What it calls itself.
    pub(crate) fn version(&self) -> Result<String> {
        let (Self::Node(program) | Self::Browser(program)) = self;
        let text = printed(Command::new(program).arg("--version"))?;
        Ok(match self {
            Self::Node(_) => format!("Node {}", text.trim().trim_start_matches('v')),
            Self::Browser(_) => text.split_whitespace().take(2).collect::<Vec<_>>().join(" "),
        })
    }

    /// Runs every experiment.
    pub(crate) fn measure(&self, effort: Effort) -> Result<Figures> {
        let folder = tempfile::tempdir().context("cannot make a folder")?;
        let script = format!("{}\nconst input = {};\n", SCRIPT.concat(), input(effort)?);
        let text = match self {
            Self::Node(program) => in_node(program, &script, folder.path()),
            Self::Browser(program) => in_page(program, &script, folder.path()),
        }?;
        serde_json::from_str(&text).map_err(|error| format_err!("{error}: {text}"))
    }
}

fn in_node(program: &Path, script: &str, folder: &Path) -> Result<String> {
    let file = folder.join("measure.mjs");
    let script = format!("{script}console.log(JSON.stringify(measure(input)));\n");
    std::fs::write(&file, script).context("cannot write the script")?;
    printed(Command::new(program).arg(file))
}

/// The page is finished when its script is, so that no timer of the browser is needed.
fn in_page(program: &Path, script: &str, folder: &Path) -> Result<String> {
    let file = folder.join("measure.html");
    let [begin, end] = MARKS;
    let page = format!(
        "<!doctype html><meta charset=\"utf-8\"><body><script>\n{script}\
         let text;\ntry {{ text = JSON.stringify(measure(input)); }} catch (error) {{ text = String(error); }}\n\
         document.body.innerHTML = `{begin}${{text}}{end}`;\n</script>"
    );
    std::fs::write(&file, page).context("cannot write the page")?;
    let mut browser = Command::new(program);
    browser
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("file://{}", file.display()));
    let page = printed(&mut browser)?;
    let figures = page.split_once(begin).and_then(|(_, rest)| rest.split_once(end));
    let (figures, _) = figures.with_context(|| format!("the page has no figures: {page}"))?;
    Ok(figures.to_owned())
}

fn input(effort: Effort) -> Result<String> {
    let module = |name| Ok((name, modules::core(name)?));
    let input = Input {
        modules: modules::NAMES.into_iter().map(module).collect::<Result<_>>()?,
        rounds: effort.rounds,
        milliseconds: effort.turn.as_millis(),
        lacking: LACKING,
        sizes: SIZES.into(),
        items: documents::items(),
        total: documents::total(),
        strings: documents::strings(),
        first_bytes: FIRST_BYTES,
        key: KEY,
        pages: growing::SIZES.into(),
        steps: growing::STEPS_TIMED,
        touched: pooling::TOUCHED.into(),
        count: objects::COUNT,
        kept: objects::KEPT.into(),
    };
    Ok(serde_json::to_string(&input)?)
}

fn printed(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {}: {errors}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}
