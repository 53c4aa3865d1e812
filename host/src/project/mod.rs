//! Projects of those who write components: how one is made, built, tested, and served while it is
//! written.
//!
//! A project is a folder with `arenaria.toml` and the sources of one component, in Rust, JavaScript or Python. Nothing
//! here prints: what a tool says is passed on to a [`listener::Listener`].

pub(crate) mod build;
pub(crate) mod build_error;
mod cargo;
pub(crate) mod dev;
pub(crate) mod facts;
pub(crate) mod listener;
mod metadata;
mod mistakes;
pub(crate) mod requests;
mod scripts;
pub(crate) mod sources;
pub(crate) mod template;
mod tool;
pub(crate) mod watch;
