//! Checks the manifests in `examples/deploy`. Kubernetes' schemas check those for Kubernetes, the tests
//! below check that all manifests agree, and the server in the image reads its configuration from the
//! ConfigMap. `promtool` checks and tests the alert rules for Prometheus; that their metrics exist is a test of the host.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::package::{Packages, Sandbox, checked_by_the_image};
use crate::registries::{lack_of_python, need_pip};
use crate::steps::Steps;
use crate::workspace::{Workspace, succeed};

/// The oldest version that has everything the manifests use (the pause before a pod ends), and the
/// newest with schemas.
const KUBERNETES: [&str; 2] = ["1.30", "1.37"];

/// Checks the manifests as steps.
///
/// # Errors
///
/// The first check that fails.
pub(crate) fn steps(
    workspace: &Workspace,
    packages: Option<&Packages>,
    steps: &mut Steps,
) -> anyhow::Result<()> {
    match lack_of_python() {
        None => steps.step("manifests, schemas", || schemas(workspace))?,
        Some(reason) => steps.leave_out("manifests, schemas", reason),
    }
    let folder_of_rules = folder(workspace).join("monitoring");
    let promtool = |args: &[&str]| {
        let mut promtool = Command::new("promtool");
        promtool.current_dir(&folder_of_rules).args(args);
        promtool
    };
    match promtool(&["--version"]).output() {
        Ok(_) => steps.step("alert rules", || {
            succeed(&mut promtool(&["check", "rules", "alerts.yaml"]))?;
            succeed(&mut promtool(&["test", "rules", "alerts_test.yaml"]))
        })?,
        Err(_) => steps.leave_out("alert rules", "promtool (Debian: prometheus) is missing"),
    }
    let name = "manifests, configuration";
    let lack = match (packages, Sandbox::find()) {
        (Some(packages), Some(sandbox)) => {
            return steps.step(name, || {
                let text = configuration(&folder(workspace))?;
                checked_by_the_image(packages, &sandbox, &text)
            });
        }
        (None, _) => "the packages were not made",
        (_, None) => "bwrap (Debian: bubblewrap) is missing or may not make namespaces",
    };
    steps.leave_out(name, lack);
    Ok(())
}

/// Checks the manifests for Kubernetes against its schemas. An unknown key is an error.
fn schemas(workspace: &Workspace) -> anyhow::Result<()> {
    let environment = workspace.tools().join("kubernetes-validate");
    need_pip(&folder(workspace).join("requirements.txt"), &environment)?;
    let validate = environment.join("bin/kubernetes-validate");
    let files = manifests(&folder(workspace).join("kubernetes"))?;
    ensure!(!files.is_empty(), "there are no manifests");
    for version in KUBERNETES {
        succeed(Command::new(&validate).args(["--strict", "-k", version]).args(&files))?;
    }
    Ok(())
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root().join("examples/deploy")
}

fn manifests(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()));
    let mut files = entries?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    Ok(files)
}

/// The configuration of the server that stands in the ConfigMap.
fn configuration(deploy: &Path) -> anyhow::Result<String> {
    let map = yaml(&deploy.join("kubernetes/config.yaml"))?;
    let text = map["data"]["arenaria.toml"].as_str();
    Ok(text.context("the ConfigMap has no arenaria.toml")?.to_owned())
}

fn yaml(path: &Path) -> anyhow::Result<Value> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_saphyr::from_str(&text)
        .with_context(|| format!("{} cannot be read as YAML", path.display()))
}

#[cfg(test)]
#[path = "deploy/tests.rs"]
mod tests;
