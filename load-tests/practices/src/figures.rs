//! What was measured in one engine, by key. A key that is missing is an error: no figure of the page is ever silently
//! absent.

use std::collections::BTreeMap;

use serde::Deserialize;
use wasmtime::Result;
use wasmtime::error::Context as _;

/// A figure.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub(crate) enum Figure {
    /// Nanoseconds, or another quantity that the key names.
    Number(f64),
    /// What was found, or why a number is missing.
    Text(String),
}

/// The figures of one engine.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Figures(BTreeMap<String, Figure>);

impl Figures {
    /// Notes a time in nanoseconds, or another number.
    pub(crate) fn time(&mut self, key: impl Into<String>, number: f64) {
        self.0.insert(key.into(), Figure::Number(number));
    }

    /// Notes what was found.
    pub(crate) fn fact(&mut self, key: impl Into<String>, text: impl Into<String>) {
        self.0.insert(key.into(), Figure::Text(text.into()));
    }

    /// A figure.
    pub(crate) fn get(&self, key: &str) -> Result<&Figure> {
        self.0.get(key).with_context(|| format!("nothing was measured for \"{key}\""))
    }
}
