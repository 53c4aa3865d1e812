//! Checks that a path is one of a component, before its file is read: a message for usual mistakes.

use std::path::Path;

use anyhow::{Result, bail, ensure};

use crate::cli::hints::folder_tip;

/// Checks the path of a component.
///
/// # Errors
///
/// If it is something else. A missing file is an error only if another one was meant: the command reads it later.
pub(super) fn check_component(path: &Path) -> Result<()> {
    let name = path.display();
    ensure!(
        !path.to_string_lossy().contains("://"),
        "expected a component's file, got the address {name}; download it first, or send a request to it with curl"
    );
    ensure!(
        !path.is_dir(),
        "expected a component's file, got the folder {name}; {}",
        folder_tip(path)
    );
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("toml") => bail!(
            "expected a component's file, got {name}; if it is a configuration, serve it: arenaria serve --config {name}"
        ),
        Some("http") => {
            bail!(
                "expected a component's file, got the requests {name}; send them: arenaria test {name}"
            )
        }
        Some("rs" | "js" | "ts" | "py" | "go" | "c") => bail!(
            "expected a component's file, got the source {name}; make a component of its project: arenaria build"
        ),
        Some("wat") => bail!(
            "expected a component in binary form, got the text {name}; convert it: wasm-tools parse {name} --output {}",
            path.with_extension("wasm").display()
        ),
        Some("cwasm") => bail!(
            "expected a component before its compilation, got {name}; name the file that it was compiled from, and this one as --compiled {name}"
        ),
        _ => {}
    }
    if !path.exists() {
        // What was meant by a name: where `arenaria build` writes, or a file without its ending.
        let stem = path.file_stem().unwrap_or_default();
        let built = Path::new("target/components").join(stem).with_extension("wasm");
        let meant = [path.with_extension("wasm"), built].into_iter().find(|path| path.is_file());
        if let Some(meant) = meant {
            bail!(
                "cannot read the component {name}: no such file; did you mean {}?",
                meant.display()
            );
        }
    }
    Ok(())
}

/// Checks the path of a configuration.
///
/// # Errors
///
/// If it is a folder or a component.
pub(super) fn check_config(path: &Path) -> Result<()> {
    let name = path.display();
    if path.is_dir() {
        let file = path.join("arenaria.toml");
        let tip = if file.is_file() {
            format!("did you mean --config {}?", file.display())
        } else {
            format!("write {}, or name another file", file.display())
        };
        bail!("expected a configuration file, got the folder {name}; {tip}");
    }
    ensure!(
        path.extension().is_none_or(|extension| extension != "wasm"),
        "expected a configuration file, got the component {name}; serve it without one: arenaria serve {name}"
    );
    Ok(())
}

/// Checks the path of requests.
///
/// # Errors
///
/// If it is a component or a configuration.
pub(super) fn check_requests(path: &Path) -> Result<()> {
    let name = path.display();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("wasm") => bail!(
            "expected requests, got the component {name}; components come from the configuration: \
             component = {name:?} in arenaria.toml"
        ),
        Some("toml") => bail!(
            "expected requests, got {name}; if it is the configuration: arenaria test --config {name}"
        ),
        _ => Ok(()),
    }
}
