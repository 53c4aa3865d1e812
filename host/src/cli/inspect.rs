//! `arenaria inspect`

use std::path::Path;

use anyhow::{Result, anyhow};
use wasmparser::Parser;

use crate::cli::args::InspectArgs;
use crate::cli::component_path::check_component;
use crate::cli::output::line;
use crate::component::encode::as_component;
use crate::component::file;
use crate::component::guest_text::GuestText;
use crate::component::info::{ComponentInfo, is_fixed};
use crate::config::grants::Grants;
use crate::config::isolation::Cache;
use crate::config::limits::PAGE_BYTES;
use crate::config::units::Size;
use crate::runtime::clock::Driven;
use crate::runtime::compiled::{self, Compiled, Header, Origin};
use crate::runtime::engine::{engine, open_cache};
use crate::runtime::load::Source;
use crate::runtime::loaded::Loaded;

/// Prints what a component declares, and whether the host can serve it. The exit code is 1 if it
/// cannot.
///
/// # Errors
///
/// If the file is not a component.
pub fn inspect(args: &InspectArgs) -> Result<u8> {
    let name = args.file.display();
    if let Some((origin, size)) = compiled::origin(&args.file)? {
        line(format_args!("{name}: compiled component, {size}"))?;
        return inspect_compiled(&args.file, &origin);
    }
    check_component(&args.file)?;
    let bytes = file::read(&args.file)?;
    let refused = |refusal| anyhow!("cannot serve {name}: {refusal}");
    let kind = if Parser::is_core_wasm(&bytes) { "core module" } else { "component" };
    line(format_args!("{name}: {kind}, {}", Size(bytes.len() as u64)))?;
    let bytes = as_component(bytes).map_err(refused)?;
    let info = ComponentInfo::read(&bytes).map_err(refused)?;
    print_metadata(&bytes)?;
    print_memories(&info, args.memory)?;
    if let Some(stack) = info.stack {
        line(format_args!("stack: {stack}"))?;
    }
    if let Some(room) = info.heap_room(args.memory) {
        line(format_args!("heap: uses garbage collection; the host sets a maximum of {room}"))?;
    }
    print_names("imports", &info.imports)?;
    print_names("exports", &info.exports)?;
    let grants = Grants::parse(&args.grants)?;
    let checked = info.check(args.memory, &grants).map_err(|refusal| anyhow!("{refusal}"));
    // Types are only checked when the component is compiled and linked, as it would be for serving.
    let checked = checked.and_then(|world| Ok((world, load(args, &grants)?)));
    match checked {
        Ok((world, loaded)) => {
            line(format_args!("served: yes, as {world}"))?;
            let called = if loaded.is_core() { "a core module" } else { "a component" };
            line(format_args!("called: as {called}"))?;
            Ok(0)
        }
        Err(error) => {
            line(format_args!("served: no, {error:#}"))?;
            Ok(1)
        }
    }
}

/// Prints what a compiled component is, and whether its header fits this binary and this machine. Its code is machine code,
/// so it is not loaded.
fn inspect_compiled(file: &Path, origin: &Origin) -> Result<u8> {
    let Origin { arenaria, wasmtime, target } = origin;
    let [arenaria, wasmtime, target] =
        [arenaria, wasmtime, target].map(|text| GuestText::name(text));
    line(format_args!("compiled by: arenaria {arenaria} with wasmtime {wasmtime}, for {target}"))?;
    let compiled = match Compiled::read(file) {
        Ok(compiled) => compiled,
        Err(error) => {
            line(format_args!("served: no, {error:#}"))?;
            return Ok(1);
        }
    };
    let Header { cpu, component, memory, isolation, settings, needs, .. } = &compiled.header;
    let cpu = match &cpu[..] {
        [] => GuestText::new("any of this architecture"),
        cpu => GuestText::names(cpu.iter().map(String::as_str)),
    };
    line(format_args!("cpu: {cpu}"))?;
    line(format_args!("component: SHA-256 {component}"))?;
    line(format_args!("memory: {memory}"))?;
    line(format_args!("isolation: {isolation}"))?;
    line(match settings {
        Some(settings) if settings.is_empty() => "settings: a snapshot without any".to_owned(),
        Some(settings) => {
            let keys = GuestText::names(settings.keys().map(String::as_str));
            format!("settings: inside, in a snapshot: {keys}")
        }
        None => "settings: none inside".to_owned(),
    })?;
    print_names("imports", &needs.imports)?;
    let world = &needs.world;
    line(format_args!("served: yes by its header, as {world}; its code was not loaded"))?;
    Ok(0)
}

/// Prints what each memory declares and what the host makes of it.
fn print_memories(info: &ComponentInfo, memory: Size) -> Result<()> {
    let bytes = |pages: u64| Size(pages.saturating_mul(PAGE_BYTES));
    // If one cannot be limited, the reason follows.
    let bounded = info.bounded(memory).unwrap_or_default();
    for (index, declared) in info.memories.iter().enumerate() {
        let least = bytes(declared.initial);
        let declares = match declared.maximum.map(bytes) {
            Some(most) if most == least => format!("fixed at {least}"),
            Some(most) => format!("{least}, growable to {most}"),
            None => format!("{least}, growable without limit"),
        };
        let sets = match bounded.get(index) {
            Some(set) if is_fixed(*set) => format!("; the host sets {}", bytes(set.initial)),
            Some(set) => {
                let most = bytes(set.maximum.unwrap_or(set.initial));
                format!("; the host sets a maximum of {most}")
            }
            None => String::new(),
        };
        line(format_args!("memory: {declares}{sets}"))?;
    }
    Ok(())
}

/// Compiles and links the component.
fn load(args: &InspectArgs, grants: &Grants) -> Result<Loaded> {
    let source = Source::read(&args.file, args.memory, grants)?;
    let pool = source.pool(1, args.memory);
    let engine = engine(source.engine_kind(), pool, open_cache(&Cache::User)?)?;
    source.load(&Driven::without_clock(engine), args.memory)
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
