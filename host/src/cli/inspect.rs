//! `arenaria inspect`

use anyhow::{Result, anyhow};

use crate::cli::args::InspectArgs;
use crate::cli::component_path::check_component;
use crate::cli::output::line;
use crate::component::guest_text::GuestText;
use crate::component::info::{ComponentInfo, is_fixed};
use crate::config::grants::Grants;
use crate::config::isolation::Cache;
use crate::config::limits::PAGE_BYTES;
use crate::config::units::Size;
use crate::runtime::engine::{engine, open_cache};
use crate::runtime::load::Source;

/// Prints what a component declares, and whether the host can serve it. The exit code is 1 if it
/// cannot.
///
/// # Errors
///
/// If the file is not a component.
pub fn inspect(args: &InspectArgs) -> Result<u8> {
    check_component(&args.file)?;
    let name = args.file.display();
    let bytes = std::fs::read(&args.file)
        .map_err(|error| anyhow!("cannot read the component {name}: {error}; check the path"))?;
    let info =
        ComponentInfo::read(&bytes).map_err(|refusal| anyhow!("cannot serve {name}: {refusal}"))?;
    line(format_args!("{name}: component, {}", Size(bytes.len() as u64)))?;
    print_metadata(&bytes)?;
    for memory in &info.memories {
        let pages = |pages: u64| Size(pages.saturating_mul(PAGE_BYTES));
        let (least, most) = (pages(memory.initial), memory.maximum.map(pages));
        match most {
            Some(_) if is_fixed(*memory) => {
                let has_all = info.memories.len() == 1 && !info.collects;
                let given = if has_all { args.memory } else { least };
                line(format_args!("memory: fixed at {least}; the host sets {given}"))?;
            }
            Some(most) => line(format_args!(
                "memory: {least}, growable to {most}; the host sets a maximum of {}",
                args.memory.min(most)
            ))?,
            None => line(format_args!(
                "memory: {least}, growable without limit; the host sets a maximum of {}",
                args.memory
            ))?,
        }
    }
    if let Some(room) = info.heap_room(args.memory) {
        line(format_args!("heap: uses garbage collection; the host sets a maximum of {room}"))?;
    }
    print_names("imports", &info.imports)?;
    print_names("exports", &info.exports)?;
    let grants = Grants::parse(&args.grants)?;
    let checked = info.check(args.memory, &grants).map_err(|refusal| anyhow!("{refusal}"));
    // Types are only checked when the component is compiled and linked, as it would be for serving.
    let checked = checked.and_then(|world| load(args, &grants).map(|()| world));
    match checked {
        Ok(world) => {
            line(format_args!("served: yes, as {world}"))?;
            Ok(0)
        }
        Err(error) => {
            line(format_args!("served: no, {error:#}"))?;
            Ok(1)
        }
    }
}

/// Compiles and links the component.
fn load(args: &InspectArgs, grants: &Grants) -> Result<()> {
    let source = Source::read(&args.file, args.memory, grants)?;
    let pool = source.pool(1, args.memory);
    let engine = engine(source.engine_kind(), pool, open_cache(&Cache::User)?)?;
    source.load(&engine, args.memory).map(drop)
}

/// Prints the metadata in the component. Its author wrote it, so it is only printed.
fn print_metadata(bytes: &[u8]) -> Result<()> {
    let Ok(payload) = wasm_metadata::Payload::from_binary(bytes) else { return Ok(()) };
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
            line(format_args!("{field}: {}", GuestText::new(value)))?;
        }
    }
    Ok(())
}

fn print_names(what: &str, names: &[String]) -> Result<()> {
    if names.is_empty() {
        return line(format_args!("{what}: none"));
    }
    names.iter().try_for_each(|name| line(format_args!("{what}: {}", GuestText::new(name))))
}
