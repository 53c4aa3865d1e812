//! The language of a project, by the files in its folder.

use std::path::Path;

use crate::project::build_error::BuildError;

/// What a component is built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sources {
    /// A package of cargo.
    Rust,
    /// A package of npm with a script.
    JavaScript,
    /// A program and a file of requirements.
    Python,
}

/// The file that tells each language.
const FILES: [(&str, Sources); 3] = [
    ("Cargo.toml", Sources::Rust),
    ("package.json", Sources::JavaScript),
    ("requirements.txt", Sources::Python),
];

impl Sources {
    /// The language of the project in a folder.
    ///
    /// # Errors
    ///
    /// If it has none of these files.
    pub(crate) fn find(folder: &Path) -> Result<Self, BuildError> {
        let found = FILES.iter().find(|(file, _)| folder.join(file).is_file());
        found.map(|(_, sources)| *sources).ok_or_else(|| {
            BuildError::new(format!(
                "expected a project in {}, got a folder without Cargo.toml, package.json and requirements.txt; make one with arenaria new",
                folder.display()
            ))
        })
    }
}
