//! Checks that a binary alone does the main jobs: it serves a jq program and the playground, and bridges a processor.
//! It runs in an empty folder, as on a machine without a checkout.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use http1::client::once;

use crate::served::Served;
use crate::workspace::printed;

/// Checks it.
///
/// # Errors
///
/// If something is not inside the binary, or does not work.
pub(crate) fn check(binary: &Path) -> anyhow::Result<()> {
    let folder = binary.with_extension("alone");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("cannot empty the folder of the check")?;
    }
    // In a folder of its own, so that nothing is beside it.
    let alone = folder.join("bin/arenaria");
    std::fs::create_dir_all(folder.join("bin"))
        .and_then(|()| std::fs::copy(binary, &alone))
        .with_context(|| format!("cannot copy {}", binary.display()))?;
    let checked = serves(&alone).and_then(|()| bridges(&alone));
    checked.with_context(|| format!("{} alone", binary.display()))?;
    std::fs::remove_dir_all(&folder).context("cannot remove the folder of the check")
}

fn serves(binary: &Path) -> anyhow::Result<()> {
    let mut serve = command(binary);
    serve.args(["serve", "--jq", ".grains | add", "--playground", "--workers", "1"]);
    serve.args(["--listen", "127.0.0.1:0", "--operator-listen", "off", "--guest-time", "20s"]);
    let server = Served::start(serve)?;
    let response = once(server.address(), "POST", "/", br#"{"grains":[1,2,3]}"#)?;
    ensure!(response.body == b"6\n", "expected 6 from the jq component, got {response:?}");
    for name in ["", "transform.core.wasm"] {
        let response = once(server.address(), "GET", &format!("/playground/{name}"), b"")?;
        ensure!(response.status == 200, "/playground/{name}: got {}", response.status);
    }
    let process = server.id();
    server.end(process)
}

fn bridges(binary: &Path) -> anyhow::Result<()> {
    for world in ["p2", "p3"] {
        for settings in ["environment", "config"] {
            let mut bridge = command(binary);
            bridge.args(["bridge", "arenaria:transform", "-o", "bridged.wasm"]);
            printed(bridge.args(["--world", world, "--settings", settings]))?;
        }
    }
    Ok(())
}

/// The binary in its folder, without the variables of this process that could lead it elsewhere.
fn command(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    let folder = binary.parent().expect("a file lies in a folder");
    command.current_dir(folder).env("XDG_CACHE_HOME", folder.join("cache"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ARENARIA_") {
            command.env_remove(name);
        }
    }
    command
}
