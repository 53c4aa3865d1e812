//! The pages of the guide, in `docs/`.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::files::read_text;
use crate::guide::blocks::{self, Block};
use crate::guide::links;
use crate::workspace::Workspace;

/// The file that lists the pages.
pub(super) const SUMMARY: &str = "SUMMARY.md";

/// A page.
pub(super) struct Page {
    /// Its file in `docs/`.
    pub(super) name: String,
    pub(super) blocks: Vec<Block>,
}

/// The pages that the summary lists, in its order.
///
/// # Errors
///
/// If one cannot be read, or a block in it has no clear meaning. The error has the page and the line.
pub(super) fn read_pages(workspace: &Workspace) -> anyhow::Result<Vec<Page>> {
    let summary = read_text(&folder(workspace).join(SUMMARY))?;
    let names = links::targets(&summary).map(|(_, target)| target.to_owned());
    names
        .map(|name| {
            let text = read_text(&folder(workspace).join(&name))?;
            let blocks = blocks::read(&text).with_context(|| format!("docs/{name}"))?;
            Ok(Page { name, blocks })
        })
        .collect()
}

/// The folder of the pages.
pub(super) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root().join("docs")
}
