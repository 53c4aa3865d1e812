//! Why a component cannot be served, with the remedy.

use std::fmt;

use crate::component::guest_text::GuestText;
use crate::component::world::{PROCESSOR_EXPORTS, Ungranted};
use crate::config::units::Size;

/// How many imports a message names.
const IMPORTS_MAX: usize = 8;

/// Why a file cannot be served.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    /// It is not WebAssembly, or malformed.
    Malformed(GuestText),
    /// It is a core module that carries no WIT.
    CoreModule,
    /// It is a core module with imports that are of no WIT interface.
    CoreImports(Vec<CoreImport>),
    /// It is a core module that does not match the WIT that it carries.
    NotEncoded(GuestText),
    /// It has imports that are unknown or not granted.
    Imports(Vec<Ungranted>),
    /// Its world is not supported. The names of its exports.
    OtherWorld(Vec<String>),
    /// Its memory cannot be limited.
    Unbounded(String),
    /// Compiling it would need too much memory or stack.
    TooComplex {
        /// What it has too many of.
        what: &'static str,
        /// How many are allowed.
        most: u32,
    },
    /// It needs more memory than configured.
    TooSmall {
        /// The memory that it needs.
        minimum: Size,
        /// The configured memory.
        memory: Size,
    },
}

/// An import of a core module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoreImport {
    pub(crate) module: String,
    pub(crate) name: String,
}

impl CoreImport {
    /// What such an import comes from, and the remedy.
    fn remedy(&self) -> &'static str {
        match self.module.as_str() {
            "wasi_snapshot_preview1" => {
                "it was built for WASI preview 1; build it for wasm32-unknown-unknown, or for wasm32-wasip2"
            }
            "wbg" | "__wbindgen_placeholder__" | "__wbindgen_externref_xform__" => {
                "a crate was built for JavaScript; switch off its feature for browsers (often named js or wasm-bindgen)"
            }
            _ => {
                "a native library is missing; use a crate in pure Rust, or link the library for wasm32"
            }
        }
    }
}

impl Refusal {
    pub(crate) fn malformed(error: impl fmt::Display) -> Self {
        // The parser may add a drawing of the position on more lines.
        let error = error.to_string();
        Self::Malformed(GuestText::new(error.lines().next().unwrap_or_default()))
    }
}

impl From<wasmparser::BinaryReaderError> for Refusal {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::malformed(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => {
                write!(f, "expected a WebAssembly component, got a malformed file ({what}); rebuild it")
            }
            Self::CoreModule => f.write_str(
                "expected a component, or a core module that carries its WIT, got a core module without WIT; export a processor with arenaria_guest::export!, or encode it as a component (wasm-tools component new)",
            ),
            Self::CoreImports(imports) => {
                f.write_str("it imports functions that no WIT interface declares: ")?;
                for (index, import) in imports.iter().take(IMPORTS_MAX).enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    let (module, name) =
                        (GuestText::name(&import.module), GuestText::name(&import.name));
                    write!(f, "{separator}{name} of {module}")?;
                }
                match imports.len().saturating_sub(IMPORTS_MAX) {
                    0 => {}
                    more => write!(f, " and {more} more")?,
                }
                let remedy = imports.first().map_or("", CoreImport::remedy);
                write!(f, "; {remedy}")
            }
            Self::NotEncoded(what) => {
                write!(f, "the core module does not match the WIT that it carries ({what}); rebuild it")
            }
            Self::Imports(ungranted) => {
                f.write_str("it has imports that are not granted: ")?;
                for (index, Ungranted { name, grant }) in
                    ungranted.iter().take(IMPORTS_MAX).enumerate()
                {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(f, "{separator}{}", GuestText::name(name))?;
                    match grant {
                        Some(grant) => {
                            write!(f, " (grant it with grants = [{grant:?}] or --grant {grant})")?;
                        }
                        None => f.write_str(" (not supported; build the component without it)")?,
                    }
                }
                match ungranted.len().saturating_sub(IMPORTS_MAX) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::OtherWorld(exports) => {
                let exports = match &exports[..] {
                    [] => GuestText::new("nothing"),
                    exports => GuestText::names(exports.iter().map(String::as_str)),
                };
                let [handler, lifecycle, memory] = PROCESSOR_EXPORTS;
                write!(
                    f,
                    "expected a component that exports {handler}, {lifecycle} and {memory}, or wasi:http/incoming-handler@0.2, or wasi:http/handler@0.3; got one that exports {exports}"
                )
            }
            Self::Unbounded(what) => {
                write!(f, "its memory cannot be limited: {what}; build it with a 32-bit memory")
            }
            Self::TooComplex { what, most } => {
                write!(f, "expected at most {most} {what}, got more; build a smaller component")
            }
            Self::TooSmall { minimum, memory } => {
                write!(f, "it needs at least {minimum} of memory, got memory = {memory}; raise memory")
            }
        }
    }
}

impl std::error::Error for Refusal {}
