//! Checks the manifests in `examples/deploy`: Kubernetes' against Kubernetes' own schemas, and all
//! against one another (the tests below) and against the server (its configuration in the manifest is
//! read by the server in the image).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::package::{Packages, Sandbox, checked_by_the_image};
use crate::steps::Steps;
use crate::workspace::{Workspace, succeed};

/// The oldest version that has everything the manifests use (the pause before a pod ends), and the
/// newest with schemas.
const KUBERNETES: [&str; 2] = ["1.30", "1.37"];

/// Checks the manifests as steps.
///
/// # Errors
///
/// The first that is not right.
pub(crate) fn steps(
    workspace: &Workspace,
    packages: &Packages,
    steps: &mut Steps,
) -> anyhow::Result<()> {
    if Command::new("python3").args(["-m", "venv", "--help"]).output().is_ok_and(succeeded) {
        steps.step("manifests, schemas", || schemas(workspace))?;
    } else {
        steps.leave_out("manifests, schemas", "there is no Python with venv");
    }
    match Sandbox::find() {
        Some(sandbox) => steps.step("manifests, configuration", || {
            let text = configuration(&folder(workspace))?;
            checked_by_the_image(packages, &sandbox, &text)
        }),
        None => {
            steps.leave_out(
                "manifests, configuration",
                "there is no bwrap (Debian: bubblewrap) that may make namespaces",
            );
            Ok(())
        }
    }
}

/// Kubernetes' manifests against its schemas, where a key that they do not have is an error.
fn schemas(workspace: &Workspace) -> anyhow::Result<()> {
    let validate = need_validator(workspace)?;
    let files = manifests(&folder(workspace).join("kubernetes"))?;
    ensure!(!files.is_empty(), "there are no manifests");
    for version in KUBERNETES {
        succeed(Command::new(&validate).args(["--strict", "-k", version]).args(&files))?;
    }
    Ok(())
}

/// The validator with its schemas, installed as `requirements.txt` says, and again when that changes.
fn need_validator(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let requirements = folder(workspace).join("requirements.txt");
    let wanted = crate::guests::read(&requirements)?;
    let venv = workspace.tools().join("kubernetes-validate");
    let installed = venv.join("requirements.txt");
    let program = venv.join("bin/kubernetes-validate");
    if !fs::read(&installed).is_ok_and(|present| present == wanted) {
        println!("installing kubernetes-validate into {}", venv.display());
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        let mut pip = Command::new(venv.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        // The list is complete: what is not in it is not installed.
        succeed(pip.args(["--no-deps", "-r"]).arg(&requirements))?;
        fs::write(&installed, &wanted).context("cannot note what was installed")?;
    }
    Ok(program)
}

fn succeeded(output: std::process::Output) -> bool {
    output.status.success()
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
    serde_saphyr::from_str(&text).with_context(|| format!("{} is no YAML", path.display()))
}

#[cfg(test)]
#[path = "deploy/tests.rs"]
mod tests;
