//! Builds the component of a project.
//!
//! The result replaces the one before it in one step, and only if it is a component that the host supports. So a build
//! that fails leaves the last good component where it is.

use std::fs;
use std::path::{Path, PathBuf};

use crate::component::guest_text::GuestText;
use crate::component::info::ComponentInfo;
use crate::component::refusal::Refusal;
use crate::component::world::World;
use crate::project::build_error::BuildError;
use crate::project::cargo;
use crate::project::facts::Facts;
use crate::project::listener::Listener;
use crate::project::scripts;
use crate::project::sources::Sources;

/// A component that was built.
#[derive(Debug)]
pub(crate) struct Built {
    /// Its file.
    pub(crate) component: PathBuf,
    /// What is known of it.
    pub(crate) facts: Facts,
}

/// Builds the project in a folder. `arguments` are passed to its tool: cargo, `componentize-js` or `componentize-py`.
///
/// # Errors
///
/// If it cannot be built, or the host does not support the result.
pub(crate) fn build(
    folder: &Path,
    arguments: &[String],
    listener: &mut Listener<'_>,
) -> Result<Built, BuildError> {
    let sources = Sources::find(folder)?;
    let (name, component) = match sources {
        Sources::Rust => cargo::component(folder, arguments, listener)?,
        Sources::JavaScript => scripts::javascript(folder, arguments, listener)?,
        Sources::Python => scripts::python(folder, arguments, listener)?,
    };
    let refused =
        |refusal: Refusal| BuildError::new(format!("the component is refused: {refusal}"));
    let info = ComponentInfo::read(&component).map_err(refused)?;
    let Some(world) = World::of(&info.exports) else {
        let exports = match &info.exports[..] {
            [] => GuestText::new("nothing"),
            names => GuestText::names(names.iter().map(String::as_str)),
        };
        return Err(BuildError::new(format!(
            "expected a component that exports a processor or wasi:http, got one that exports {exports}; in Rust, export a processor with arenaria_guest::export!"
        )));
    };
    let mut facts = Facts::read(&component, info, world).map_err(refused)?;
    if sources != Sources::Rust {
        // It is that of the language's runtime, which its author cannot link otherwise.
        facts.info.stack = None;
    }
    let file = place(folder, &name);
    write(&file, &component)
        .map_err(|error| BuildError::new(format!("cannot write {}: {error}", file.display())))?;
    Ok(Built { component: file, facts })
}

/// The folders with sources of a project outside its own, as far as they are known: those of the crates on which it
/// depends by a path.
pub(crate) fn source_folders(folder: &Path) -> Vec<PathBuf> {
    match Sources::find(folder) {
        Ok(Sources::Rust) => cargo::source_folders(folder),
        Ok(Sources::JavaScript | Sources::Python) | Err(_) => Vec::new(),
    }
}

/// Where the component of a project is put.
fn place(folder: &Path, name: &str) -> PathBuf {
    let file = Path::new("target/components").join(format!("{name}.wasm"));
    if folder == Path::new(".") { file } else { folder.join(file) }
}

/// Replaces a file in one step, so that a server never reads a part of it.
fn write(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let parent = file.parent().expect("it is in a folder");
    fs::create_dir_all(parent)?;
    let new = file.with_extension("wasm.new");
    fs::write(&new, bytes)?;
    fs::rename(new, file)
}
