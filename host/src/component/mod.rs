//! What a component is: its imports and exports, its memory, and how components are put together.

pub(crate) mod assets;
pub(crate) mod compose;
pub(crate) mod info;
pub(crate) mod world;
