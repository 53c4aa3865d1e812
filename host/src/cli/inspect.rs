//! `arenaria inspect`

use anyhow::{Result, anyhow};

use crate::cli::args::InspectArgs;
use crate::component::info::{ComponentInfo, is_fixed};
use crate::config::grants::Grants;
use crate::config::limits::PAGE_BYTES;
use crate::config::units::Size;

/// Prints what a component declares, and whether the host can serve it. The exit code is 1 if it
/// cannot.
///
/// # Errors
///
/// If the file is not a component.
pub fn inspect(args: &InspectArgs) -> Result<u8> {
    let name = args.file.display();
    let bytes = std::fs::read(&args.file)
        .map_err(|error| anyhow!("cannot read the component {name}: {error}; check the path"))?;
    let info =
        ComponentInfo::read(&bytes).map_err(|refusal| anyhow!("cannot serve {name}: {refusal}"))?;
    println!("{name}: component, {}", Size(bytes.len() as u64));
    print_metadata(&bytes);
    for memory in &info.memories {
        let pages = |pages: u64| Size(pages.saturating_mul(PAGE_BYTES));
        let (least, most) = (pages(memory.initial), memory.maximum.map(pages));
        match most {
            Some(_) if is_fixed(*memory) => {
                let has_all = info.memories.len() == 1 && !info.collects;
                let given = if has_all { args.memory } else { least };
                println!("memory: fixed at {least}; the host sets {given}")
            }
            Some(most) => println!(
                "memory: {least}, growable to {most}; the host sets a maximum of {}",
                args.memory.min(most)
            ),
            None => println!(
                "memory: {least}, growable without limit; the host sets a maximum of {}",
                args.memory
            ),
        }
    }
    if let Some(room) = info.heap_room(args.memory) {
        println!("heap: uses garbage collection; the host sets a maximum of {room}");
    }
    print_names("imports", &info.imports);
    print_names("exports", &info.exports);
    match info.check(args.memory, &Grants::parse(&args.grants)?) {
        Ok(world) => {
            println!("served: yes, as {world}");
            Ok(0)
        }
        Err(refusal) => {
            println!("served: no, {refusal}");
            Ok(1)
        }
    }
}

/// Prints the metadata in the component. Its author wrote it, so it is only printed.
fn print_metadata(bytes: &[u8]) {
    let Ok(payload) = wasm_metadata::Payload::from_binary(bytes) else { return };
    let metadata = payload.metadata();
    let fields = [
        ("name", metadata.name.clone()),
        ("version", metadata.version.as_ref().map(ToString::to_string)),
        ("description", metadata.description.as_ref().map(ToString::to_string)),
        ("licences", metadata.licenses.as_ref().map(ToString::to_string)),
        ("authors", metadata.authors.as_ref().map(ToString::to_string)),
        ("source", metadata.source.as_ref().map(ToString::to_string)),
    ];
    for (field, value) in fields {
        if let Some(value) = value {
            // Escaped, so that it cannot control the terminal.
            println!("{field}: {}", value.escape_debug());
        }
    }
}

fn print_names(what: &str, names: &[String]) {
    match names {
        [] => println!("{what}: none"),
        names => names.iter().for_each(|name| println!("{what}: {name}")),
    }
}
