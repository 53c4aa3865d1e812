//! Loads compiled code from bytes: the one unsafe file of the library.
//!
//! What is loaded runs with all rights of the server, and wasmtime does not check it. Only `runtime/compiled` uses this,
//! for a file that the operator has named as compiled code (`compiled` of a route), after its head, its size and its
//! SHA-256 were checked. Nothing checks that `arenaria compile` wrote it: such a file must be as trusted as the binary.

#![allow(unsafe_code, reason = "wasmtime cannot check compiled code")]

use wasmtime::component::Component;
use wasmtime::{Engine, Module, Result};

/// Loads a module that an operator trusts as much as this program.
///
/// # Errors
///
/// If it was compiled by another wasmtime, or for another target, CPU or engine.
pub(super) fn module(engine: &Engine, trusted: &[u8]) -> Result<Module> {
    // SAFETY: the operator has named these bytes as what `Module::serialize` has made.
    unsafe { Module::deserialize(engine, trusted) }
}

/// The same for a component.
///
/// # Errors
///
/// As [`module`].
pub(super) fn component(engine: &Engine, trusted: &[u8]) -> Result<Component> {
    // SAFETY: the operator has named these bytes as what `Component::serialize` has made.
    unsafe { Component::deserialize(engine, trusted) }
}
