//! Builds the packages of `wit/` as others would build them, with wkg: each alone, with no network, and
//! with what `wkg.toml` says of where a dependency lies.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use wit_component::{DecodedWasm, decode};

use crate::files::read;
use crate::tools::need_wkg;
use crate::workspace::{Workspace, succeed};

/// The folders of the packages, what they are called, and what their worlds export.
const PACKAGES: [(&str, &str, &[&str]); 2] = [
    (
        "processor",
        "arenaria:processor@0.1.0",
        &[
            "arenaria:processor/handler@0.1.0",
            "arenaria:processor/lifecycle@0.1.0",
            "arenaria:processor/memory@0.1.0",
        ],
    ),
    (
        "transform",
        "arenaria:transform@0.1.0",
        &[
            "arenaria:processor/handler@0.1.0",
            "arenaria:processor/lifecycle@0.1.0",
            "arenaria:processor/memory@0.1.0",
            "arenaria:transform/jq@0.1.0",
        ],
    ),
];

/// A port where nobody listens: whoever asks a registry fails.
const NO_PROXY_THERE: &str = "http://127.0.0.1:9";

/// Builds all packages.
///
/// # Errors
///
/// If wkg cannot be installed, or a package cannot be built or is not what it should be.
pub(crate) fn build_all(workspace: &Workspace) -> anyhow::Result<()> {
    let wkg = need_wkg(workspace)?;
    // A copy: beside what it builds, wkg writes a lock file and the dependencies.
    let folder = workspace.packages().with_extension("wit");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    for (name, _, _) in PACKAGES {
        copy(&workspace.root().join("wit").join(name), &folder.join(name))?;
    }
    for (name, package, exports) in PACKAGES {
        let output = folder.join(name).with_extension("wasm");
        let mut build = Command::new(&wkg);
        build.current_dir(folder.join(name));
        // The same as `wkg wit build`, by its newer name.
        build.args(["build", "--wit-dir", ".", "--output"]).arg(&output);
        // Neither what somebody has configured nor what they once fetched.
        build.env("XDG_CONFIG_HOME", folder.join("config"));
        build.env("WKG_CACHE_DIR", folder.join("cache")).env_remove("WKG_CONFIG_FILE");
        for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            build.env(proxy, NO_PROXY_THERE).env(proxy.to_lowercase(), NO_PROXY_THERE);
        }
        build.env_remove("NO_PROXY").env_remove("no_proxy");
        succeed(&mut build)?;
        check(&read(&output)?, package, exports)
            .with_context(|| format!("{}", output.display()))?;
    }
    Ok(())
}

/// Checks a package in its binary form.
fn check(wasm: &[u8], name: &str, exports: &[&str]) -> anyhow::Result<()> {
    let DecodedWasm::WitPackage(resolve, id) = decode(wasm).context("cannot be decoded")? else {
        anyhow::bail!("is a component, must be a package of WIT");
    };
    let package = &resolve.packages[id];
    ensure!(package.name.to_string() == name, "is {}, must be {name}", package.name);
    let worlds: Vec<_> = package.worlds.values().collect();
    ensure!(worlds.len() == 1, "has {} worlds, must have 1", worlds.len());
    let world = &resolve.worlds[*worlds[0]];
    let mut has: Vec<_> = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
    has.sort();
    ensure!(has == exports, "its world exports {has:?}, must export {exports:?}");
    ensure!(world.imports.is_empty(), "its world imports something");
    Ok(())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let path = entry?.path();
        let name = path.file_name().expect("an entry of a folder has a name");
        fs::copy(&path, to.join(name))
            .with_context(|| format!("cannot copy {}", path.display()))?;
    }
    Ok(())
}
