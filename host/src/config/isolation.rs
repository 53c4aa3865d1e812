//! Choices that the runtime and the pool need from the configuration.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

/// How the requests of a route share instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// A warm instance serves many requests, one at a time. Its arena is reset after each.
    Reuse,
    /// Every request has a new instance.
    Fresh,
}

impl Isolation {
    /// That of a route with this key, and with a component that is trusted or not.
    ///
    /// # Errors
    ///
    /// If they contradict each other.
    pub(crate) fn of(key: Option<Self>, is_trusted: bool, path: &str) -> Result<Option<Self>> {
        match (key, is_trusted) {
            (key, true) => Ok(key),
            (None | Some(Self::Fresh), false) => Ok(Some(Self::Fresh)),
            (Some(Self::Reuse), false) => bail!(
                "route {path:?}: trusted = false gives each request a new instance; remove isolation = \"reuse\", or trusted"
            ),
        }
    }
}

/// Where compiled components are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cache {
    /// In the user's cache directory.
    User,
    /// In this directory.
    Directory(PathBuf),
    /// Nowhere: every start compiles the components.
    Off,
}
