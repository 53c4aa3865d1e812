//! What is compared.

use std::path::{Path, PathBuf};

/// A program that is built with every allocator. `guest/src/work/` has their sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// What the page says of it.
    pub(crate) about: &'static str,
}

pub(crate) const PROGRAMS: [Program; 6] = [
    Program { name: "hello", about: "answers `hello, world`" },
    Program {
        name: "probe",
        about: "hardly anything but allocation, reallocation and frees of 8 B to 1 KiB",
    },
    Program { name: "jaq", about: "a jq program by jaq: boxes and reference counts" },
    Program { name: "markdown", about: "Markdown to HTML by pulldown-cmark" },
    Program { name: "templates", about: "JSON by serde_json to HTML by minijinja" },
    Program {
        name: "engine",
        about: "the same jq program by arenaria's own engine, with values in chunks",
    },
];

impl Program {
    /// The component's file.
    pub(crate) fn file(self, components: &Path, allocator: &str) -> PathBuf {
        components.join(format!("{}-{allocator}.wasm", self.name))
    }
}

/// An allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allocator {
    /// As in the names of files.
    pub(crate) name: &'static str,
    /// As people know it.
    pub(crate) title: &'static str,
    /// Whether it can free a block.
    pub(crate) frees: bool,
}

pub(crate) const OURS: &str = "arena";
/// What the others are compared with: the allocator that a `wasm32-wasip2` component has by default.
pub(crate) const BASELINE: &str = "libc";
/// The floor under all of them.
pub(crate) const BUMP: &str = "bump";

pub(crate) const ALLOCATORS: [Allocator; 8] = [
    Allocator { name: OURS, title: "arena (ours)", frees: true },
    Allocator { name: BASELINE, title: "dlmalloc (wasi-libc)", frees: true },
    Allocator { name: "std", title: "dlmalloc (Rust)", frees: true },
    Allocator { name: "talc", title: "talc", frees: true },
    Allocator { name: "rlsf", title: "rlsf", frees: true },
    Allocator { name: "lol_alloc", title: "lol_alloc", frees: true },
    Allocator { name: "wee_alloc", title: "wee_alloc", frees: true },
    Allocator { name: BUMP, title: "plain bump with reset", frees: false },
];
