//! `cargo xtask semver`: compares the public API of the published libraries with an earlier revision. A change that
//! breaks users needs a version that says so.

use std::process::Command;

use anyhow::ensure;

use crate::guests::GUEST_LIBRARIES;
use crate::tools::need_semver_checks;
use crate::workspace::{Workspace, printed, succeed};

/// The published libraries beside those that are compiled into guests.
const LIBRARIES: [&str; 2] = ["arenaria-jq", "arenaria"];

/// The arguments of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The revision to compare with [default: the last tag].
    #[arg(long, value_name = "REV")]
    baseline: Option<String>,
    /// Only this package.
    #[arg(long, value_name = "NAME")]
    package: Option<String>,
}

/// Compares.
///
/// # Errors
///
/// If a change breaks users although the version allows none, a revision to compare with is missing, or the tool cannot
/// be installed.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<()> {
    let baseline = match &args.baseline {
        Some(revision) => revision.clone(),
        None => last_tag(workspace)?,
    };
    let mut checks = Command::new(need_semver_checks(workspace)?);
    checks.current_dir(workspace.root()).args(["semver-checks", "--baseline-rev", &baseline]);
    match &args.package {
        Some(package) => checks.args(["--package", package]),
        None => GUEST_LIBRARIES
            .iter()
            .chain(&LIBRARIES)
            .fold(&mut checks, |checks, library| checks.args(["--package", library])),
    };
    succeed(&mut checks)
}

fn last_tag(workspace: &Workspace) -> anyhow::Result<String> {
    let mut git = Command::new("git");
    git.current_dir(workspace.root()).args(["tag", "--merged", "HEAD", "--sort=-creatordate"]);
    let tags = printed(&mut git)?;
    let last = tags.lines().next().unwrap_or_default();
    ensure!(
        !last.is_empty(),
        "expected a tag to compare with, got none; name a revision with --baseline"
    );
    Ok(last.to_owned())
}
