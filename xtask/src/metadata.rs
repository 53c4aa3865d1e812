//! The metadata of a component: name, version, description, licence, authors and the URL of its source, if
//! there is one. It comes from the guest's `Cargo.toml` and is written into the component. Packing reads it
//! from the component again.
//!
//! Neither the time nor the revision of the build is written: the same source gives the same bytes.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use serde::Deserialize;
use wasm_metadata::{AddMetadata, AddMetadataField, Payload};

use crate::workspace::{Workspace, printed};

/// A package in the output of `cargo metadata`.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    version: String,
    description: Option<String>,
    license: Option<String>,
    repository: Option<String>,
    authors: Vec<String>,
}

#[derive(Deserialize)]
struct Packages {
    packages: Vec<Package>,
}

impl Package {
    /// A package of the workspace.
    ///
    /// # Errors
    ///
    /// If the workspace has no package of that name, or cargo cannot read it.
    pub(crate) fn find(workspace: &Workspace, name: &str) -> anyhow::Result<Self> {
        let mut cargo = workspace.cargo();
        let text = printed(cargo.args(["metadata", "--format-version", "1", "--no-deps"]))?;
        let all: Packages = serde_json::from_str(&text).context("cannot read cargo's metadata")?;
        let mut packages = all.packages.into_iter();
        packages
            .find(|package| package.name == name)
            .with_context(|| format!("the workspace has no package {name}"))
    }

    /// A component of the workspace that is not a package of cargo.
    pub(crate) fn without_manifest(name: &str, description: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            description: Some(description.to_owned()),
            license: Some(env!("CARGO_PKG_LICENSE").to_owned()),
            repository: None,
            authors: Vec::new(),
        }
    }

    /// The component with the metadata of the package.
    ///
    /// # Errors
    ///
    /// If the description or licence is missing, or something cannot be written.
    pub(crate) fn write_into(&self, component: &[u8]) -> anyhow::Result<Vec<u8>> {
        let Self { name, version, description, license, repository, authors } = self;
        for (field, present) in
            [("description", description.is_some()), ("license", license.is_some())]
        {
            ensure!(present, "the Cargo.toml of {name} has no {field}");
        }
        let mut add = AddMetadata::default();
        add.name = AddMetadataField::Set(name.clone());
        add.version = AddMetadataField::Set(wasm_metadata::Version::new(version.clone()));
        if let Some(text) = description {
            add.description = AddMetadataField::Set(wasm_metadata::Description::new(text.clone()));
        }
        if let Some(text) = license {
            let licences = wasm_metadata::Licenses::new(text)
                .with_context(|| format!("license = {text:?} is not an SPDX expression"))?;
            add.licenses = AddMetadataField::Set(licences);
        }
        if let Some(url) = repository {
            let source = wasm_metadata::Source::new(url)
                .with_context(|| format!("repository = {url:?} is not a URL"))?;
            add.source = AddMetadataField::Set(source);
        }
        if !authors.is_empty() {
            add.authors = AddMetadataField::Set(wasm_metadata::Authors::new(authors.join(", ")));
        }
        add.to_wasm(component).context("the metadata cannot be written")
    }
}

/// The metadata of a component as annotations of an OCI manifest. Missing fields are left out.
///
/// # Errors
///
/// If it cannot be parsed.
pub(crate) fn annotations(component: &[u8]) -> anyhow::Result<BTreeMap<String, String>> {
    let payload = Payload::from_binary(component).context("cannot be parsed")?;
    let said = payload.metadata();
    let fields = [
        ("title", said.name.clone()),
        ("description", said.description.as_ref().map(ToString::to_string)),
        ("version", said.version.as_ref().map(ToString::to_string)),
        ("licenses", said.licenses.as_ref().map(ToString::to_string)),
        ("source", said.source.as_ref().map(ToString::to_string)),
        ("authors", said.authors.as_ref().map(ToString::to_string)),
    ];
    let present = fields.into_iter().filter_map(|(key, value)| Some((key, value?)));
    Ok(present.map(|(key, value)| (format!("org.opencontainers.image.{key}"), value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package() -> Package {
        Package {
            name: "grain".to_owned(),
            version: "1.2.3".to_owned(),
            description: Some("One grain of sand".to_owned()),
            license: Some("MIT OR Apache-2.0".to_owned()),
            repository: None,
            authors: vec!["A".to_owned(), "B".to_owned()],
        }
    }

    fn component() -> Vec<u8> {
        wat::parse_str("(component (core module (memory 1)))").unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let written = package().write_into(&component()).unwrap();
        let read = annotations(&written).unwrap();
        let expected = [
            ("authors", "A, B"),
            ("description", "One grain of sand"),
            ("licenses", "MIT OR Apache-2.0"),
            ("title", "grain"),
            ("version", "1.2.3"),
        ];
        let expected = expected
            .map(|(key, value)| (format!("org.opencontainers.image.{key}"), value.to_owned()));
        assert_eq!(read, BTreeMap::from(expected));
        assert!(annotations(&component()).unwrap().is_empty());
    }

    #[test]
    fn the_same_source_gives_the_same_bytes() {
        let written = package().write_into(&component()).unwrap();
        assert_eq!(written, package().write_into(&component()).unwrap());
    }

    #[test]
    fn the_source_is_named_once_there_is_one() {
        let repository = Some("https://git.example/sand".to_owned());
        let package = Package { repository, ..package() };
        let read = annotations(&package.write_into(&component()).unwrap()).unwrap();
        assert_eq!(read["org.opencontainers.image.source"], "https://git.example/sand");
    }

    #[test]
    fn a_package_that_says_nothing_is_refused() {
        let silent = Package { description: None, ..package() };
        let error = silent.write_into(&component()).unwrap_err();
        assert_eq!(error.to_string(), "the Cargo.toml of grain has no description");
        let odd = Package { license: Some("mine".to_owned()), ..package() };
        let error = odd.write_into(&component()).unwrap_err();
        assert_eq!(error.to_string(), "license = \"mine\" is not an SPDX expression");
    }
}
