//! Builds the guest that is written in WebAssembly text: joins its parts into one module and embeds the
//! description of its world.

use anyhow::Context;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::workspace::Workspace;

/// The description of the guest, which has no `Cargo.toml`.
pub(crate) const DESCRIPTION: &str =
    "Counts the words of a text among objects that a garbage collector keeps";

/// The parts, in reading order. Together they are the fields of the module.
const PARTS: [&str; 3] = ["boundary", "words", "trials"];

/// The core module of the guest, with the metadata of its world for the encoder.
///
/// # Errors
///
/// If a part cannot be read, or is not WebAssembly text; its line is named.
pub(crate) fn core(workspace: &Workspace) -> anyhow::Result<Vec<u8>> {
    let folder = workspace.root().join("guest/fixtures/collector/src");
    let mut text = String::from("(module $collector\n");
    let mut lines_before = Vec::new();
    for part in PARTS {
        let file = folder.join(part).with_extension("wat");
        let fields = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        lines_before.push((part, text.lines().count()));
        text.push_str(&fields);
    }
    text.push_str(")\n");
    let module = wat::parse_str(&text);
    let mut core = module.with_context(|| {
        let parts =
            lines_before.iter().map(|(part, lines)| format!("{part}.wat after line {lines}"));
        format!("parts: {}", parts.collect::<Vec<_>>().join(", "))
    })?;

    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(workspace.root().join("wit/processor"))?;
    let world = resolve.select_world(&[package], Some("processor"))?;
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8)?;
    Ok(core)
}

#[cfg(test)]
mod tests {
    use wit_component::ComponentEncoder;

    use super::*;
    use crate::contract::examine;

    #[test]
    fn the_guest_keeps_the_contract() {
        let core = core(&Workspace::find().unwrap()).unwrap();
        let mut encoder = ComponentEncoder::default().validate(true).module(&core).unwrap();
        let findings = examine(&encoder.encode().unwrap()).unwrap();
        assert_eq!((findings.pages, findings.breaches), (32, vec![]));
    }
}
