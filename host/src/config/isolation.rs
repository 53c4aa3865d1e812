//! Choices that the runtime and the pool need from the configuration.

use std::fmt;
use std::path::PathBuf;

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
    /// That of a route with these keys.
    ///
    /// # Errors
    ///
    /// If they contradict each other.
    pub(crate) fn of(
        key: Option<Self>,
        is_trusted: bool,
        keeps_pages: bool,
    ) -> Result<Option<Self>, &'static str> {
        match (key, is_trusted, keeps_pages) {
            (Some(Self::Reuse), false, _) => Err(
                "trusted = false gives each request a new instance; remove isolation = \"reuse\", or trusted",
            ),
            (_, false, true) => Err(
                "keep-pages = true may show a request what another one left; remove it, or trusted = false",
            ),
            (None | Some(Self::Reuse), _, true) => Err(
                "keep-pages = true is for new instances; set isolation = \"fresh\", or remove it",
            ),
            (_, false, false) => Ok(Some(Self::Fresh)),
            (key, ..) => Ok(key),
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reuse => "reuse",
            Self::Fresh => "fresh",
        })
    }
}

/// The CPUs that `arenaria compile` compiles for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Cpu {
    /// This machine's, with all that it can do.
    #[default]
    Native,
    /// Every one of this architecture.
    Baseline,
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
