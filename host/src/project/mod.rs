//! What the author of a component does with its project: a folder with `arenaria.toml`.

pub(crate) mod requests;
