//! Builds the packages of `wit/` with wkg, as another project would: each one alone, without a network, with
//! the dependencies that `wkg.toml` names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use wit_component::{DecodedWasm, decode};

use crate::files::read;
use crate::tools::need_wkg;
use crate::workspace::{Workspace, succeed};

/// The folder of each package, its name, and the exports of its world.
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

/// A proxy that does not exist, so that a request to a registry fails.
const NO_PROXY_THERE: &str = "http://127.0.0.1:9";

/// Builds all packages, and gives their files in the binary form.
///
/// # Errors
///
/// If wkg cannot be installed, or a package cannot be built or has another name or other exports.
pub(crate) fn build_all(workspace: &Workspace) -> anyhow::Result<Vec<PathBuf>> {
    let wkg = need_wkg(workspace)?;
    // A copy, because wkg writes a lock file and dependencies beside its input.
    let folder = workspace.packages().with_extension("wit");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    for (name, _, _) in PACKAGES {
        copy(&workspace.root().join("wit").join(name), &folder.join(name))?;
    }
    let mut files = Vec::new();
    for (name, package, exports) in PACKAGES {
        let output = folder.join(name).with_extension("wasm");
        let mut build = Command::new(&wkg);
        build.current_dir(folder.join(name));
        // The newer name of `wkg wit build`.
        build.args(["build", "--wit-dir", ".", "--output"]).arg(&output);
        // Without the user's configuration and cache.
        build.env("XDG_CONFIG_HOME", folder.join("config"));
        build.env("WKG_CACHE_DIR", folder.join("cache")).env_remove("WKG_CONFIG_FILE");
        for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            build.env(proxy, NO_PROXY_THERE).env(proxy.to_lowercase(), NO_PROXY_THERE);
        }
        build.env_remove("NO_PROXY").env_remove("no_proxy");
        succeed(&mut build)?;
        check(&read(&output)?, package, exports)
            .with_context(|| format!("{}", output.display()))?;
        files.push(output);
    }
    Ok(files)
}

/// Checks a package in its binary form.
fn check(wasm: &[u8], name: &str, exports: &[&str]) -> anyhow::Result<()> {
    let DecodedWasm::WitPackage(resolve, id) = decode(wasm).context("cannot be decoded")? else {
        anyhow::bail!("expected a package of WIT, got a component");
    };
    let package = &resolve.packages[id];
    ensure!(package.name.to_string() == name, "expected the package {name}, got {}", package.name);
    let worlds: Vec<_> = package.worlds.values().collect();
    ensure!(worlds.len() == 1, "expected 1 world, got {}", worlds.len());
    let world = &resolve.worlds[*worlds[0]];
    let mut has: Vec<_> = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
    has.sort();
    ensure!(has == exports, "expected the exports {exports:?}, got {has:?}");
    ensure!(world.imports.is_empty(), "expected no imports, got some");
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
