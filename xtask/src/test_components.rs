//! Builds the components that `host/tests/test_components` tests the host with: in several languages, and
//! for `wasi:http`.
//!
//! Making a component from JavaScript or Python takes a minute, so one is made again only if an input has
//! changed. The key file beside it is a hash of the inputs. The tools come from npm and PyPI in the
//! versions that the examples name, and are installed into the target directory.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::files::{read, write_if_changed};
use crate::guests::PROFILE;
use crate::registries::{lack_of_node, lack_of_python, need_npm, need_pip};
use crate::tools::{need_target, output};
use crate::workspace::{WASI, Workspace, succeed};

/// The packages in Rust.
pub(crate) const PACKAGES: [&str; 3] =
    ["test-component-p2", "test-component-p3", "test-component-processor"];

/// What is built from them: package, features, file in cargo's output, component.
const IN_RUST: [(&str, &[&str], &str, &str); 4] = [
    ("test-component-p2", &[], "test-component-p2.wasm", "rust-p2"),
    ("test-component-p2", &["--features", "config"], "test-component-p2.wasm", "rust-p2-config"),
    ("test-component-p3", &[], "test_component_p3.wasm", "rust-p3"),
    ("test-component-processor", &[], "test_component_processor.wasm", "rust-processor"),
];

/// A component that is built with tools that a machine may not have.
struct Script {
    component: &'static str,
    language: Language,
    /// Its source.
    file: &'static str,
    /// The folder of the world's WIT. None means `examples/test-components/wit`.
    wit: Option<&'static str>,
    world: &'static str,
}

const IN_SCRIPTS: [Script; 4] = [
    Script {
        component: "javascript",
        language: Language::JavaScript,
        file: "examples/test-components/javascript/component.js",
        wit: None,
        world: "component",
    },
    Script {
        component: "processor-javascript",
        language: Language::JavaScript,
        file: "examples/processors/javascript/processor.js",
        wit: Some("wit/processor"),
        world: "processor",
    },
    Script {
        component: "python",
        language: Language::Python,
        file: "examples/test-components/python/component.py",
        wit: None,
        world: "component",
    },
    Script {
        component: "processor-python",
        language: Language::Python,
        file: "examples/processors/python/processor.py",
        wit: Some("wit/processor"),
        world: "processor",
    },
];

/// The only version of WASI that the engine of `componentize-js` supports, so all of these components are
/// built for it; and the version in the crate `wasip2`, where the WIT is taken from. The interfaces in use
/// have not changed since 0.2.0.
const WASI_VERSION: &str = "0.2.10";
const WASI_VERSION_DESCRIBED: &str = "0.2.12";

/// A language that needs tools from outside Rust's toolchain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    JavaScript,
    Python,
}

impl Language {
    pub(crate) const ALL: [Self; 2] = [Self::JavaScript, Self::Python];

    /// Its name in the names of tests.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::JavaScript => "javascript",
            Self::Python => "python",
        }
    }

    /// The reason why this machine cannot build with it, if any.
    pub(crate) fn lack(self) -> Option<&'static str> {
        match self {
            Self::JavaScript => lack_of_node(),
            Self::Python => lack_of_python(),
        }
    }

    /// The files in the workspace that name the versions of its tools.
    fn versions(self) -> &'static [&'static str] {
        match self {
            Self::JavaScript => &[
                "examples/processors/javascript/package.json",
                "examples/processors/javascript/package-lock.json",
            ],
            Self::Python => &["examples/processors/python/requirements.txt"],
        }
    }
}

/// Builds the components in Rust and in these languages.
///
/// # Errors
///
/// If one cannot be built, or its tools cannot be installed.
pub(crate) fn build_all(workspace: &Workspace, languages: &[Language]) -> anyhow::Result<()> {
    need_target(workspace, WASI)?;
    println!("{:<28} {:>12}", "test component", "");
    for (package, features, file, component) in IN_RUST {
        build(workspace, package, features, file, component)
            .with_context(|| format!("component {component}"))?;
        show(workspace, component)?;
    }
    let wit = describe_wasi(workspace)?;
    for script in IN_SCRIPTS.iter().filter(|script| languages.contains(&script.language)) {
        componentize(workspace, script, &wit)
            .with_context(|| format!("component {}", script.component))?;
        show(workspace, script.component)?;
    }
    Ok(())
}

fn build(
    workspace: &Workspace,
    package: &str,
    features: &[&str],
    file: &str,
    component: &str,
) -> anyhow::Result<()> {
    let mut cargo = workspace.cargo_for_guests();
    cargo.args(["build", "--quiet", "--profile", PROFILE, "--target", WASI, "-p", package]);
    succeed(cargo.args(features))?;
    let built = workspace.guests().join(WASI).join(PROFILE).join(file);
    write_if_changed(&place(workspace, component), &read(&built)?)
}

fn componentize(workspace: &Workspace, script: &Script, wasi: &Path) -> anyhow::Result<()> {
    let root = workspace.root();
    let source = root.join(script.file);
    let wit = script.wit.map_or_else(|| wasi.to_owned(), |folder| root.join(folder));
    let mut inputs = files(&wit)?;
    inputs.push(source.clone());
    inputs.extend(script.language.versions().iter().map(|file| root.join(file)));
    let key = key(&inputs, script.world)?;
    let component = place(workspace, script.component);
    let key_file = component.with_extension("key");
    if component.exists() && fs::read_to_string(&key_file).is_ok_and(|known| known == key) {
        return Ok(());
    }
    // While it is made, no key says that it is complete.
    let _ = fs::remove_file(&key_file);
    let tools = need_tools(workspace, script.language)?;
    let made = component.with_extension("wasm.new");
    // A copy, because the tools leave files beside a source.
    let sources = component.with_extension("sources");
    fs::create_dir_all(&sources)?;
    let copy = sources.join(source.file_name().expect("a source is a file"));
    fs::copy(&source, &copy)?;
    let mut command = match script.language {
        Language::JavaScript => {
            let mut node = Command::new(tools.join("node_modules/.bin/componentize-js"));
            node.arg("--wit").arg(&wit).args(["--world-name", script.world]).arg(&copy);
            node
        }
        Language::Python => {
            let mut python = Command::new(tools.join("bin/componentize-py"));
            python.arg("--quiet").arg("-d").arg(&wit).args(["-w", script.world, "componentize"]);
            python.arg("-p").arg(&sources);
            python.arg(source.file_stem().expect("a module has a name"));
            python
        }
    };
    println!("making {} from {}: this takes a minute", script.component, script.file);
    succeed(command.current_dir(&sources).arg("-o").arg(&made))?;
    fs::rename(&made, &component)?;
    fs::write(&key_file, key).context("cannot write the component's key")
}

/// The folder of a language's tools, which are installed if they are missing or of another version.
fn need_tools(workspace: &Workspace, language: Language) -> anyhow::Result<PathBuf> {
    let folder = workspace.tools().join(language.name());
    let source = workspace.root().join("examples/processors").join(language.name());
    match language {
        Language::JavaScript => need_npm(&source, &folder)?,
        Language::Python => need_pip(&source.join("requirements.txt"), &folder)?,
    }
    Ok(folder)
}

/// Makes a folder with the world of `examples/test-components/wit` and the packages of WASI that it names.
/// They are those in the crate `wasip2`, in the version of `Cargo.lock`.
fn describe_wasi(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let mut cargo = workspace.cargo();
    let metadata = output(cargo.args(["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().context("cargo names no package")?;
    let manifest = packages.iter().find_map(|package| {
        let version = package["version"].as_str()?;
        let right = package["name"] == "wasip2"
            && version.ends_with(&format!("+wasi-{WASI_VERSION_DESCRIBED}"));
        package["manifest_path"].as_str().filter(|_| right)
    });
    let manifest = manifest
        .with_context(|| format!("Cargo.lock has no wasip2 for WASI {WASI_VERSION_DESCRIBED}"))?;
    let described = Path::new(manifest).with_file_name("wit").join("deps");

    let folder = workspace.components().join("test-components").join("wit");
    for (from, to) in [
        (workspace.root().join("examples/test-components/wit"), folder.clone()),
        (described, folder.join("deps")),
    ] {
        for file in files(&from)? {
            let text = fs::read_to_string(&file)?.replace(WASI_VERSION_DESCRIBED, WASI_VERSION);
            let name = file.file_name().expect("it is a file");
            write_if_changed(&to.join(name), text.as_bytes())?;
        }
    }
    Ok(folder)
}

fn place(workspace: &Workspace, component: &str) -> PathBuf {
    workspace.components().join("test-components").join(component).with_extension("wasm")
}

fn show(workspace: &Workspace, component: &str) -> anyhow::Result<()> {
    let bytes = fs::metadata(place(workspace, component))?.len();
    println!("{component:<28} {bytes:>10} B");
    Ok(())
}

/// The files of a folder and those below it, in order.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A hash of the inputs. A newer Rust may hash differently: then everything is made again.
fn key(inputs: &[PathBuf], world: &str) -> anyhow::Result<String> {
    ensure!(!inputs.is_empty(), "expected at least one input, got none");
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    for input in inputs {
        input.file_name().hash(&mut hasher);
        read(input)?.hash(&mut hasher);
    }
    Ok(format!("{:016x}\n", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_names_contents_and_world() {
        let folder = std::env::temp_dir().join(format!("arenaria-xtask-{}", std::process::id()));
        fs::create_dir_all(folder.join("deps")).unwrap();
        let (a, b) = (folder.join("a"), folder.join("deps/b"));
        fs::write(&a, "1").unwrap();
        fs::write(&b, "2").unwrap();
        let found = files(&folder).unwrap();
        assert_eq!(found, [a.clone(), b]);
        let first = key(&found, "w").unwrap();
        assert_eq!(key(&found, "w").unwrap(), first);
        assert_ne!(key(&found, "x").unwrap(), first);
        assert_ne!(key(&found[..1], "w").unwrap(), first);
        fs::write(&a, "3").unwrap();
        assert_ne!(key(&found, "w").unwrap(), first);
        fs::remove_dir_all(&folder).unwrap();
    }
}
