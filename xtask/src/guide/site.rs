//! Builds the guide as a site, with mdBook.
//!
//! It is built from a copy, in which links out of `docs/` are replaced: the site has only the guide.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::files::read_text;
use crate::guide::links;
use crate::guide::pages::folder;
use crate::tools::need_mdbook;
use crate::workspace::{Workspace, succeed};

/// mdBook's configuration. It is copied with the pages, but does not belong to the site.
const BOOK: &str = "book.toml";

/// Builds the site and checks its links.
///
/// # Errors
///
/// If mdBook cannot be installed or fails, or a link leads nowhere.
pub(super) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    let mdbook = need_mdbook(workspace)?;
    let copy = tempfile::tempdir().context("cannot make a folder")?;
    let repository = repository(workspace)?;
    let pages = folder(workspace);
    for entry in fs::read_dir(&pages).with_context(|| format!("cannot read {}", pages.display()))? {
        let path = entry?.path();
        let to = copy.path().join(path.file_name().expect("an entry has a name"));
        if path.extension().is_some_and(|extension| extension == "md") {
            fs::write(&to, links::outward(&read_text(&path)?, repository.as_deref()))
        } else {
            fs::copy(&path, &to).map(|_| ())
        }
        .with_context(|| format!("cannot copy {}", path.display()))?;
    }
    let site = workspace.guide();
    succeed(Command::new(mdbook).arg("build").arg(copy.path()).arg("--dest-dir").arg(&site))?;
    fs::remove_file(site.join(BOOK)).with_context(|| format!("{BOOK} was not copied"))?;
    let broken = links::broken(&site)?;
    ensure!(broken.is_empty(), "expected links that lead somewhere, got {}", broken.join("; "));
    println!("built into {}", site.display());
    Ok(())
}

/// The address of the repository, if `Cargo.toml` has it.
fn repository(workspace: &Workspace) -> anyhow::Result<Option<String>> {
    let manifest: toml::Table = toml::from_str(&read_text(&workspace.root().join("Cargo.toml"))?)?;
    let address = manifest["workspace"].get("package").and_then(|table| table.get("repository"));
    Ok(address.and_then(toml::Value::as_str).map(str::to_owned))
}
