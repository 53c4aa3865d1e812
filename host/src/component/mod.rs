//! Components as files: their imports and exports, their memory, and how they are composed.

pub(crate) mod assets;
pub(crate) mod compiled_file;
pub(crate) mod compose;
pub(crate) mod core_module;
mod embedded;
pub(crate) mod encode;
pub(crate) mod file;
pub(crate) mod guest_text;
pub(crate) mod info;
pub(crate) mod refusal;
mod shape;
pub(crate) mod stack;
pub(crate) mod world;
