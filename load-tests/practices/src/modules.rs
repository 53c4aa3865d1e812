//! The modules, in WebAssembly text beside this file. All engines run the same bytes.

use wasmtime::Result;
use wasmtime::error::Context as _;

const BOUNDS: &str = include_str!("modules/bounds.wat");
const BOUNDARY: &str = include_str!("modules/boundary.wat");
const COMPONENT: &str = include_str!("modules/component.wat");
const GROWING: &str = include_str!("modules/growing.wat");
const INSTANCE: &str = include_str!("modules/instance.wat");
const OBJECTS: &str = include_str!("modules/objects.wat");
const NODES: &str = include_str!("modules/nodes.wat");

/// Every core module, by name.
pub(crate) const NAMES: [&str; 9] = [
    "bounds",
    "bounds fixed",
    "bounds 64",
    "boundary",
    "growing",
    "growing full",
    "instance",
    "objects",
    "nodes",
];

/// A core module as bytes.
pub(crate) fn core(name: &str) -> Result<Vec<u8>> {
    let text = match name {
        "bounds" => bounds("16 32", "i32", "i32.add (i32.const 0)"),
        "bounds fixed" => bounds("16 16", "i32", "i32.add (i32.const 0)"),
        "bounds 64" => bounds("i64 16 32", "i64", "i64.extend_i32_u"),
        "boundary" => BOUNDARY.to_owned(),
        // At most 256 MiB.
        "growing" => GROWING.replace("MEMORY", "1 4096"),
        // 16 MiB from the start.
        "growing full" => GROWING.replace("MEMORY", "256 4096"),
        "instance" => INSTANCE.to_owned(),
        "objects" => OBJECTS.to_owned(),
        "nodes" => NODES.to_owned(),
        _ => wasmtime::bail!("expected one of {NAMES:?}, got {name}"),
    };
    wat::parse_str(text).with_context(|| format!("the module {name}"))
}

/// The component of the boundary.
pub(crate) fn component() -> Result<Vec<u8>> {
    let text = COMPONENT.replace("$code MODULE", &format!("$code {BOUNDARY}"));
    wat::parse_str(text).context("the component")
}

fn bounds(memory: &str, index: &str, address: &str) -> String {
    BOUNDS.replace("MEMORY", memory).replace("INDEX", index).replace("ADDRESS", address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_is_well_formed() {
        for name in NAMES {
            core(name).unwrap();
        }
        component().unwrap();
    }
}
