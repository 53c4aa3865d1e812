//! Encodes a core module as a component. The module says which: `wit-bindgen` writes the WIT of its world into it.
//!
//! Nothing is compiled or run. A module that needs an adapter, as those of WASI preview 1 do, is refused.

use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::component::guest_text::GuestText;
use crate::component::refusal::{CoreImport, Refusal};
use crate::component::shape::Shape;

/// The beginning of the names of the custom sections in which a module carries its WIT.
const WIT_SECTION: &str = "component-type";

/// The component in a file: a core module is encoded, anything else is returned as it is.
///
/// # Errors
///
/// If a core module carries no WIT, imports what its WIT does not declare, or cannot be encoded.
pub(crate) fn as_component(file: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    if !Parser::is_core_wasm(&file) {
        return Ok(file);
    }
    let module = Module::read(&file)?;
    if !module.carries_wit {
        return Err(Refusal::CoreModule);
    }
    if !module.foreign_imports.is_empty() {
        return Err(Refusal::CoreImports(module.foreign_imports));
    }
    let encoded = ComponentEncoder::default()
        .validate(true)
        .module(&file)
        .and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| Refusal::NotEncoded(GuestText::new(format_args!("{error:#}"))))
}

/// What matters of a core module before it is encoded.
#[derive(Debug, Default)]
struct Module {
    carries_wit: bool,
    /// Imports that no WIT can declare: their module names no interface.
    foreign_imports: Vec<CoreImport>,
}

impl Module {
    fn read(file: &[u8]) -> Result<Self, Refusal> {
        let mut module = Self::default();
        let mut shape = Shape::default();
        for payload in Parser::new(0).parse_all(file) {
            let payload = payload?;
            shape.add(&payload)?;
            match payload {
                Payload::CustomSection(section) => {
                    module.carries_wit |= section.name().starts_with(WIT_SECTION);
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        if !is_of_wit(import.module) {
                            let (module_name, name) =
                                (import.module.to_owned(), import.name.to_owned());
                            module.foreign_imports.push(CoreImport { module: module_name, name });
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(module)
    }
}

/// Whether the module of an import is an interface such as `wasi:io/poll@0.2.0`, or the world itself.
fn is_of_wit(module: &str) -> bool {
    module.contains(':') || module.starts_with('$') || module.starts_with("[export]")
}
