//! The metadata of a component, such as its name and version. It comes from the project and is written into the
//! component. Neither the time nor the revision is written: the same source gives the same bytes.

use wasm_metadata::{AddMetadata, AddMetadataField, Authors, Description, Licenses, Version};

use crate::project::build_error::BuildError;

/// What a project says of itself.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) description: Option<String>,
    pub(super) license: Option<String>,
    pub(super) repository: Option<String>,
    pub(super) authors: Vec<String>,
}

impl Metadata {
    /// The component with this metadata.
    ///
    /// # Errors
    ///
    /// If the licence or the repository is malformed.
    pub(super) fn write_into(self, component: &[u8]) -> Result<Vec<u8>, BuildError> {
        let mut add = AddMetadata::default();
        add.name = AddMetadataField::Set(self.name);
        if let Some(version) = self.version {
            add.version = AddMetadataField::Set(Version::new(version));
        }
        if let Some(description) = self.description {
            add.description = AddMetadataField::Set(Description::new(description));
        }
        if let Some(text) = self.license {
            let licenses = Licenses::new(&text).map_err(|_| {
                BuildError::new(format!(
                    "expected license as an SPDX expression such as MIT, got {text:?}"
                ))
            })?;
            add.licenses = AddMetadataField::Set(licenses);
        }
        if let Some(text) = self.repository {
            let source = wasm_metadata::Source::new(&text).map_err(|_| {
                BuildError::new(format!("expected repository as a URL, got {text:?}"))
            })?;
            add.source = AddMetadataField::Set(source);
        }
        if !self.authors.is_empty() {
            add.authors = AddMetadataField::Set(Authors::new(self.authors.join(", ")));
        }
        add.to_wasm(component)
            .map_err(|error| BuildError::new(format!("cannot write the metadata: {error:#}")))
    }
}
