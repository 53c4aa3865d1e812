//! Builds the bridges to other hosts, which `arenaria bridge` finds beside its binary.
//!
//! They are built like the guests, for a target without WASI, so that each imports only what it calls and
//! not what std might call. Unlike a guest's memory, theirs can grow: it holds the bodies of all requests
//! that the host admits at once.

use std::collections::BTreeSet;

use anyhow::{Context, bail, ensure};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::files::{read, write_if_changed};
use crate::guests::PROFILE;
use crate::metadata::Package;
use crate::tools::need_target;
use crate::workspace::{WASM, Workspace, succeed};

/// The packages of the bridges.
pub(crate) const BRIDGE_PACKAGES: [&str; 3] = ["bridge", "bridge-p2", "bridge-p3"];

/// The name of each file, its package, and the feature that it is built with.
pub(crate) const BRIDGES: [(&str, &str, Option<&str>); 4] = [
    ("bridge-p2", "bridge-p2", None),
    ("bridge-p2-config", "bridge-p2", Some("config")),
    ("bridge-p3", "bridge-p3", None),
    ("bridge-p3-config", "bridge-p3", Some("config")),
];

/// Replace those in `.cargo/config.toml`, which are for a memory of fixed size.
const LINK_ARGUMENTS: &str = "-Clink-arg=--stack-first -Clink-arg=-zstack-size=131072";

/// What a bridge may import, without versions.
const IMPORTS: [&str; 10] = [
    "arenaria:processor/handler",
    "arenaria:processor/lifecycle",
    "wasi:cli/environment",
    "wasi:clocks/system-clock",
    "wasi:clocks/wall-clock",
    "wasi:config/store",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
];

/// Builds all bridges and prints their sizes.
///
/// # Errors
///
/// If one cannot be built, or has an import that is not allowed.
pub(crate) fn build_all(workspace: &Workspace) -> anyhow::Result<()> {
    need_target(workspace, WASM)?;
    println!("{:<18} {:>10}", "bridge", "component");
    for (name, package, feature) in BRIDGES {
        let bytes =
            build(workspace, name, package, feature).with_context(|| format!("bridge {name}"))?;
        println!("{name:<18} {bytes:>8} B");
    }
    Ok(())
}

/// Builds one, in a cargo command of its own: packages built together would share features.
fn build(
    workspace: &Workspace,
    name: &str,
    package: &str,
    feature: Option<&str>,
) -> anyhow::Result<usize> {
    let mut cargo = workspace.cargo_for_guests();
    cargo.env("RUSTFLAGS", LINK_ARGUMENTS);
    cargo.args(["build", "--quiet", "--profile", PROFILE, "--target", WASM, "-p", package]);
    cargo.args(feature.map(|feature| format!("--features={feature}")));
    succeed(&mut cargo)?;
    let file = package.replace('-', "_");
    let built = workspace.guests().join(WASM).join(PROFILE).join(file).with_extension("wasm");
    let component = ComponentEncoder::default()
        .validate(true)
        .module(&read(&built)?)
        .and_then(|mut encoder| encoder.encode())
        .with_context(|| format!("{} cannot be encoded as a component", built.display()))?;
    check_imports(&component)?;
    let component = Package::find(workspace, package)?.write_into(&component)?;
    write_if_changed(&workspace.share().join(name).with_extension("wasm"), &component)?;
    Ok(component.len())
}

fn check_imports(component: &[u8]) -> anyhow::Result<()> {
    let mut imports = BTreeSet::new();
    // Only the component's own sections: a nested component or module begins with a header of its own.
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    imports.insert(import?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    ensure!(
        imports.iter().any(|name| name.starts_with(IMPORTS[0])),
        "expected an import of {}, got {imports:?}",
        IMPORTS[0]
    );
    for import in &imports {
        let name = import.split('@').next().unwrap_or_default();
        if !IMPORTS.contains(&name) {
            bail!("expected imports among {IMPORTS:?}, got {import}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(imports: &[&str], expected: Option<&str>) {
        let imports = imports.iter().map(|name| format!("(import {name:?} (instance))"));
        let text = format!("(component {})", imports.collect::<String>());
        let refused = check_imports(&wat::parse_str(text).unwrap()).err();
        assert_eq!(refused.map(|error| error.to_string()).as_deref(), expected);
    }

    #[test]
    fn a_bridge_imports_a_processor_and_what_it_needs() {
        let processor = "arenaria:processor/handler@0.1.0";
        check(&[processor, "wasi:http/types@0.2.12", "wasi:config/store@0.2.0-rc.1"], None);
        check(
            &[processor, "wasi:cli/stderr@0.2.12"],
            Some(&format!("expected imports among {IMPORTS:?}, got wasi:cli/stderr@0.2.12")),
        );
        check(
            &["wasi:http/types@0.2.12"],
            Some(
                "expected an import of arenaria:processor/handler, got {\"wasi:http/types@0.2.12\"}",
            ),
        );
    }
}
