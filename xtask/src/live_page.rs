//! Tests the live page of the operator's listener in a browser, with the packages of the playground.

use std::process::Command;

use crate::playground::{browser, need_packages};
use crate::registries::lack_of_node;
use crate::steps::Steps;
use crate::workspace::Workspace;

/// Tests the page against the server of the development build. The guests must have been built before.
///
/// # Errors
///
/// If the packages cannot be installed, or a test fails.
pub(crate) fn test(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    const NAME: &str = "live page in a browser";
    if let Some(reason) = lack_of_node() {
        steps.leave_out(NAME, reason);
        return Ok(());
    }
    let Some(browser) = browser() else {
        steps.leave_out(NAME, "Chromium is missing");
        return Ok(());
    };
    let lack = "the packages of npm are missing";
    steps.tests_with_tool(
        NAME,
        lack,
        || need_packages(workspace),
        |packages| {
            let mut node = Command::new("node");
            node.current_dir(&packages).arg(workspace.root().join("host/tests/live-page/main.mjs"));
            node.arg(workspace.binary("arenaria")).arg(workspace.component("probe"));
            node.arg(browser).arg(packages.join("screenshots"));
            Ok(vec![node])
        },
    )
}
