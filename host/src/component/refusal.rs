//! Why a component cannot be served, with the remedy.

use std::fmt;

use crate::component::world::{PROCESSOR_EXPORTS, Ungranted};
use crate::config::units::Size;

/// Why a file cannot be served.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    /// It is not WebAssembly, or malformed.
    Malformed(String),
    /// It is a core module.
    CoreModule,
    /// It has imports that are unknown or not granted.
    Imports(Vec<Ungranted>),
    /// Its world is not supported. The names of its exports.
    OtherWorld(Vec<String>),
    /// Its memory cannot be limited.
    Unbounded(String),
    /// It needs more memory than configured.
    TooSmall {
        /// The memory that it needs.
        minimum: Size,
        /// The configured memory.
        memory: Size,
    },
}

impl From<wasmparser::BinaryReaderError> for Refusal {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => {
                // The parser may add a drawing of the position on more lines.
                let what = what.lines().next().unwrap_or_default();
                write!(f, "expected a WebAssembly component, got a malformed file ({what}); rebuild it")
            }
            Self::CoreModule => f.write_str(
                "expected a component, got a core module; encode it as a component (wasm-tools component new)",
            ),
            Self::Imports(ungranted) => {
                let each = ungranted.iter().map(|Ungranted { name, grant }| match grant {
                    Some(grant) => {
                        format!("{name} (grant it with grants = [{grant:?}] or --grant {grant})")
                    }
                    None => format!("{name} (not supported; build the component without it)"),
                });
                write!(
                    f,
                    "it has imports that are not granted: {}",
                    each.collect::<Vec<_>>().join(", ")
                )
            }
            Self::OtherWorld(exports) => {
                let exports =
                    if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
                let [handler, lifecycle, memory] = PROCESSOR_EXPORTS;
                write!(
                    f,
                    "expected a component that exports {handler}, {lifecycle} and {memory}, or wasi:http/incoming-handler@0.2, or wasi:http/handler@0.3; got one that exports {exports}"
                )
            }
            Self::Unbounded(what) => {
                write!(f, "its memory cannot be limited: {what}; build it with a 32-bit memory")
            }
            Self::TooSmall { minimum, memory } => {
                write!(f, "it needs at least {minimum} of memory, got memory = {memory}; raise memory")
            }
        }
    }
}

impl std::error::Error for Refusal {}
