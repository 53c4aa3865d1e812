//! Checks the contract of a processor in its component: it imports nothing, it has one memory of a fixed
//! size, and no code that could change that size. The host does not rely on this check, because it limits
//! every component itself.
//!
//! The encoder checks that the component is valid.

pub(crate) mod with_libc;

use std::fmt;

use anyhow::Context;
use wasmparser::{Encoding, MemoryType, Operator, Parser, Payload};

/// The interfaces of the world `arenaria:processor/processor`.
const EXPORTS: [&str; 3] = [
    "arenaria:processor/handler@0.1.0",
    "arenaria:processor/lifecycle@0.1.0",
    "arenaria:processor/memory@0.1.0",
];

/// The function that the canonical ABI allocates with. A module may have further ones, for exports or
/// imports only; a processor has one.
const REALLOC: &str = "cabi_realloc";

/// A way in which a component breaks the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Breach {
    NotAComponent,
    ComponentImport(String),
    CoreImport { module: String, name: String },
    UnusualMemory,
    Memories(usize),
    GrowableMemory { pages: u64, pages_max: Option<u64> },
    MemoryGrow { function: u32 },
    MissingExport(&'static str),
    Reallocs(Vec<String>),
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAComponent => write!(f, "expected a component, got a core module"),
            Self::ComponentImport(name) => write!(f, "expected no imports, got `{name}`"),
            Self::CoreImport { module, name } => {
                write!(f, "expected no imports of the core module, got `{module}` `{name}`")
            }
            Self::UnusualMemory => {
                write!(f, "expected a 32-bit memory that is not shared, got another")
            }
            Self::Memories(count) => write!(f, "expected 1 memory, got {count}"),
            Self::GrowableMemory { pages, pages_max: Some(max) } => {
                write!(
                    f,
                    "expected a memory of fixed size, got one that grows from {pages} to {max} pages"
                )
            }
            Self::GrowableMemory { pages, pages_max: None } => {
                write!(
                    f,
                    "expected a memory of fixed size, got one that grows from {pages} pages without limit"
                )
            }
            Self::MemoryGrow { function } => {
                write!(f, "expected no `memory.grow`, got one in core function {function}")
            }
            Self::MissingExport(name) => write!(f, "expected the export `{name}`, got none"),
            Self::Reallocs(names) => {
                write!(f, "expected the core module to export only `{REALLOC}`, got {names:?}")
            }
        }
    }
}

/// The result of reading a component.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The size of its memory.
    pub(crate) pages: u64,
    /// The ways in which it breaks the contract. Empty if it keeps the contract.
    pub(crate) breaches: Vec<Breach>,
}

/// Reads a component.
///
/// # Errors
///
/// If it cannot be parsed.
pub(crate) fn examine(component: &[u8]) -> anyhow::Result<Findings> {
    let mut reader = Reader::default();
    for payload in Parser::new(0).parse_all(component) {
        reader.read(&payload.context("cannot be parsed")?)?;
    }
    Ok(reader.finish())
}

#[derive(Default)]
struct Reader {
    /// The components and modules around the payload, outermost first.
    nesting: Vec<Encoding>,
    memories: Vec<MemoryType>,
    exports: Vec<String>,
    reallocs: Vec<String>,
    /// The index of the next function body in its module. It is also the function's index, because a
    /// processor has no imported functions.
    function: u32,
    breaches: Vec<Breach>,
}

impl Reader {
    fn read(&mut self, payload: &Payload<'_>) -> anyhow::Result<()> {
        match payload {
            Payload::Version { encoding, .. } => {
                if self.nesting.is_empty() && *encoding == Encoding::Module {
                    self.breaches.push(Breach::NotAComponent);
                }
                self.nesting.push(*encoding);
                self.function = 0;
            }
            Payload::End(_) => {
                self.nesting.pop();
            }
            // A nested component imports from the one around it, not from the host.
            Payload::ComponentImportSection(section) if self.nesting.len() == 1 => {
                for import in section.clone() {
                    let name = import?.name.name.to_owned();
                    self.breaches.push(Breach::ComponentImport(name));
                }
            }
            Payload::ComponentExportSection(section) if self.nesting.len() == 1 => {
                for export in section.clone() {
                    self.exports.push(export?.name.name.to_owned());
                }
            }
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    let import = import?;
                    let (module, name) = (import.module.to_owned(), import.name.to_owned());
                    self.breaches.push(Breach::CoreImport { module, name });
                }
            }
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    self.memories.push(memory?);
                }
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    let name = export?.name;
                    if name.starts_with("cabi_") && name.ends_with("realloc") {
                        self.reallocs.push(name.to_owned());
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                for operator in body.get_operators_reader()? {
                    if matches!(operator?, Operator::MemoryGrow { .. }) {
                        self.breaches.push(Breach::MemoryGrow { function: self.function });
                        break;
                    }
                }
                self.function += 1;
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Findings {
        let mut breaches = self.breaches;
        if self.memories.len() != 1 {
            breaches.push(Breach::Memories(self.memories.len()));
        }
        for memory in &self.memories {
            if memory.shared || memory.memory64 {
                breaches.push(Breach::UnusualMemory);
            }
            if memory.maximum != Some(memory.initial) {
                let (pages, pages_max) = (memory.initial, memory.maximum);
                breaches.push(Breach::GrowableMemory { pages, pages_max });
            }
        }
        for name in EXPORTS {
            if !self.exports.iter().any(|export| export == name) {
                breaches.push(Breach::MissingExport(name));
            }
        }
        if self.reallocs != [REALLOC] {
            breaches.push(Breach::Reallocs(self.reallocs));
        }
        let pages = self.memories.first().map_or(0, |memory| memory.initial);
        Findings { pages, breaches }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component around a core module with these fields, with the exports of the world.
    fn component(core: &str, rest: &str) -> Vec<u8> {
        let exports: String =
            EXPORTS.iter().map(|name| format!(r#"(export "{name}" (instance $empty))"#)).collect();
        let text = format!("(component (core module {core}) (instance $empty) {exports} {rest})");
        wat::parse_str(text).unwrap()
    }

    const REALLOC_ONLY: &str = r#"(func (export "cabi_realloc"))"#;

    #[track_caller]
    fn check(component: &[u8], expected: &[Breach]) {
        assert_eq!(examine(component).unwrap().breaches, expected);
    }

    #[track_caller]
    fn check_core(core: &str, expected: &[Breach]) {
        check(&component(&format!("{core} {REALLOC_ONLY}"), ""), expected);
    }

    #[test]
    fn a_processor_keeps_the_contract() {
        let kept = component(&format!("(memory 3 3) {REALLOC_ONLY}"), "");
        let findings = examine(&kept).unwrap();
        assert_eq!((findings.pages, findings.breaches), (3, vec![]));
    }

    #[test]
    fn a_memory_has_a_fixed_size() {
        let grows = |pages_max| Breach::GrowableMemory { pages: 1, pages_max };
        check_core("(memory 1 2)", &[grows(Some(2))]);
        check_core("(memory 1)", &[grows(None)]);
        check_core("(memory 1 1 shared)", &[Breach::UnusualMemory]);
        check_core("(memory i64 1 1)", &[Breach::UnusualMemory]);
    }

    #[test]
    fn there_is_one_memory() {
        check_core("", &[Breach::Memories(0)]);
        check_core("(memory 1 1) (memory 1 1)", &[Breach::Memories(2)]);
        let two_modules = component(
            &format!("(memory 1 1) {REALLOC_ONLY}"),
            "(component (core module (memory 1 1)))",
        );
        check(&two_modules, &[Breach::Memories(2)]);
    }

    #[test]
    fn the_function_that_could_grow_the_memory_is_found() {
        let grow = "(func) (func) (func (drop (memory.grow (i32.const 1))))";
        check_core(&format!("(memory 1 1) {grow}"), &[Breach::MemoryGrow { function: 2 }]);
    }

    #[test]
    fn nothing_is_imported() {
        let import = r#"(import "env" "now" (func))"#;
        let (module, name) = ("env".to_owned(), "now".to_owned());
        check_core(&format!("{import} (memory 1 1)"), &[Breach::CoreImport { module, name }]);

        let core = format!("(memory 1 1) {REALLOC_ONLY}");
        let imports = component(&core, r#"(import "now" (func))"#);
        check(&imports, &[Breach::ComponentImport("now".to_owned())]);
        let inner = component(&core, r#"(component (import "now" (func)))"#);
        check(&inner, &[]);
    }

    #[test]
    fn the_world_is_exported() {
        let text = format!(
            r#"(component (core module (memory 1 1) {REALLOC_ONLY}) (instance $empty)
                (export "{}" (instance $empty)))"#,
            EXPORTS[1]
        );
        let missing = [Breach::MissingExport(EXPORTS[0]), Breach::MissingExport(EXPORTS[2])];
        check(&wat::parse_str(text).unwrap(), &missing);
    }

    #[test]
    fn the_host_allocates_through_one_function() {
        let none = component("(memory 1 1)", "");
        check(&none, &[Breach::Reallocs(vec![])]);
        let two = r#"(memory 1 1) (func (export "cabi_import_realloc"))"#;
        let names = vec!["cabi_import_realloc".to_owned(), REALLOC.to_owned()];
        check_core(two, &[Breach::Reallocs(names)]);
    }

    #[test]
    fn a_core_module_is_no_component() {
        let core = wat::parse_str(format!("(module (memory 1 1) {REALLOC_ONLY})")).unwrap();
        let breaches = examine(&core).unwrap().breaches;
        assert_eq!(breaches[0], Breach::NotAComponent);
        assert!(examine(b"\0asm").is_err());
        assert!(examine(b"nothing of the kind").is_err());
    }
}
