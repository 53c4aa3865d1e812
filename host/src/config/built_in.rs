//! The names of components that arenaria brings with it. They stand where else the file of a component stands.

use std::path::Path;

/// What these names begin with. A file of such a name is named with its folder: `./arenaria:x`.
const PREFIX: &str = "arenaria:";

/// The jq component.
pub(crate) const TRANSFORM: &str = "arenaria:transform";

/// The name behind the prefix, if this is such a name.
#[must_use]
pub(crate) fn built_in(component: &Path) -> Option<&str> {
    component.to_str()?.strip_prefix(PREFIX)
}
