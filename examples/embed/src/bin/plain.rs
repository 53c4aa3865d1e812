//! `plain FILE PROGRAM < DOCUMENT`: jq in a sandbox with nothing but wasmtime. The component imports
//! nothing, so there is nothing to link.

use std::io::{Read as _, Write as _, stdin, stdout};

use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Result, Store, bail, error::Context as _};

mod bindings {
    #![allow(missing_docs, unreachable_pub, reason = "generated")]
    wasmtime::component::bindgen!({
        path: ["../../wit/processor", "../../wit/transform"],
        world: "arenaria:transform/transformer",
    });
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().context("give the component's file")?;
    let program = arguments.next().context("give a program")?;
    let mut document = Vec::new();
    stdin().read_to_end(&mut document)?;

    let engine = Engine::default();
    let component = Component::from_file(&engine, file)?;
    let mut store = Store::new(&engine, ());
    let transformer =
        bindings::Transformer::instantiate(&mut store, &component, &Linker::new(&engine))?;
    let jq = transformer.arenaria_transform_jq();
    match jq.call_transform(&mut store, &program, &document)? {
        Ok(outputs) => Ok(stdout().write_all(&outputs)?),
        Err(error) => bail!("{:?}: {} (byte {:?})", error.kind, error.message, error.offset),
    }
}
