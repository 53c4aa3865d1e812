//! The guide: the pages in `docs/`. Built as a site, and tested: the commands in the pages are run, and what they print
//! is compared with what the pages show.

mod blocks;
mod expected;
mod links;
mod pages;
mod run;
mod shell;
mod site;

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs::{self, File};
use std::hash::{Hash as _, Hasher as _};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};

use self::pages::{Page, SUMMARY, read_pages};
use self::run::{Counts, Run};
use crate::guests;
use crate::steps::Steps;
use crate::workspace::{Workspace, succeed};

/// The pages that are run with each check of a change. They are short.
const QUICK: [&str; 4] = ["quick-start.md", "phases.md", "test-a-processor.md", "operate.md"];

/// `cargo xtask guide`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run the commands of the pages instead of building the site.
    #[arg(long)]
    run: bool,
    /// The pages to run, such as quick-start.md; all if none is named.
    #[arg(requires = "run")]
    pages: Vec<String>,
}

/// Builds the site, or runs pages with the server of this checkout.
///
/// # Errors
///
/// If the site cannot be built or has a link that leads nowhere, or a page shows something else than its commands print.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<()> {
    if !args.run {
        return site::build(workspace);
    }
    guests::build_all(workspace)?;
    succeed(workspace.cargo().args(["build", "-p", "arenaria"]))?;
    run_pages(workspace, &args.pages.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Runs the short pages as a step, or all pages, and then also builds the site. The server of the development profile
/// and the components must have been built.
///
/// # Errors
///
/// As `run`.
pub(crate) fn steps(workspace: &Workspace, all: bool, steps: &mut Steps) -> anyhow::Result<()> {
    let pages: &[&str] = if all { &[] } else { &QUICK };
    steps.step("guide", || run_pages(workspace, pages))?;
    if all {
        steps.step("guide, site", || site::build(workspace))?;
    }
    Ok(())
}

/// Runs the pages with these names, or all.
fn run_pages(workspace: &Workspace, names: &[&str]) -> anyhow::Result<()> {
    let pages = read_pages(workspace)?;
    for name in names {
        let is_known = pages.iter().any(|page| page.name == *name);
        ensure!(is_known, "expected a page that docs/{SUMMARY} lists, got {name:?}");
    }
    let kept = workspace.guide_runs();
    fs::create_dir_all(&kept).with_context(|| format!("cannot make {}", kept.display()))?;
    let lock = File::create(kept.join("lock")).context("cannot make the lock of the guide")?;
    lock.lock().context("cannot lock the guide")?;
    let mut failed = Vec::new();
    for page in pages.iter().filter(|page| names.is_empty() || names.contains(&&*page.name)) {
        let begun = Instant::now();
        let counts = match run_page(workspace, page) {
            Ok(counts) => counts,
            Err(error) => {
                println!("docs/{}: {error:#}", page.name);
                failed.push(page.name.as_str());
                continue;
            }
        };
        let (name, time) = (&page.name, begun.elapsed().as_secs_f64());
        println!("docs/{name}: {} commands ran in {time:.1} s", counts.ran);
        for (line, reason) in counts.left_out {
            println!("docs/{name}:{line}: not run: {reason}");
        }
    }
    if !failed.is_empty() {
        bail!("expected pages that show what their commands print, got other output: {failed:?}");
    }
    Ok(())
}

/// Runs a page in a folder that is always the same, so that cargo finds what it has compiled. It is not inside the
/// checkout, because cargo would take it for a part of our workspace.
fn run_page(workspace: &Workspace, page: &Page) -> anyhow::Result<Counts> {
    if page.blocks.is_empty() {
        return Ok(Counts::default());
    }
    let mut hasher = DefaultHasher::new();
    workspace.guide_runs().hash(&mut hasher);
    let folder = env::temp_dir().join(format!("arenaria-guide-{:016x}", hasher.finish()));
    let made = remove(&folder).and_then(|()| fs::create_dir(&folder));
    made.with_context(|| format!("cannot make {}", folder.display()))?;
    let counts = Run::start(workspace, &folder)?.blocks(&page.blocks)?;
    remove(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    Ok(counts)
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide::pages::folder;

    #[test]
    fn every_page_can_be_read_and_is_in_the_summary() {
        let workspace = Workspace::find().unwrap();
        let pages = read_pages(&workspace).unwrap();
        for quick in QUICK {
            assert!(pages.iter().any(|page| page.name == quick), "{quick}");
        }
        for entry in fs::read_dir(folder(&workspace)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let is_page = name.ends_with(".md") && name != SUMMARY;
            assert!(!is_page || pages.iter().any(|page| page.name == name), "{name}");
        }
    }
}
