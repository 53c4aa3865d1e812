//! The memory contract: what a component declares, and the sizes that the operator gives it.
//!
//! A memory of fixed size (minimum = maximum) gets exactly the operator's size; a growable one gets
//! the operator's size as its maximum. What cannot be bounded is refused. This reads and rewrites
//! bytes: it compiles nothing and runs nothing.

use std::fmt;

use wasm_encoder::reencode::{self, Reencode, ReencodeComponent};
use wasmparser::{ComponentExternalKind, DataKind, Encoding, Operator, Parser, Payload};

use crate::limits::PAGE_BYTES;
use crate::units::Size;

/// What a component says of itself.
#[derive(Debug)]
pub struct Outline {
    /// The memories that its modules define.
    pub memories: Vec<wasmparser::MemoryType>,
    /// Where the data that it brings along ends.
    pub data_end: Size,
    /// What it imports, by name.
    pub imports: Vec<String>,
    /// What it exports, by name.
    pub exports: Vec<String>,
}

/// Why a file cannot be served.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    /// Not WebAssembly, or broken.
    Malformed(String),
    /// A core module.
    CoreModule,
    /// It imports something; a processor imports nothing.
    Imports(Vec<String>),
    /// It lacks exports of the world `processor`. What it has instead.
    OtherWorld {
        /// The exports that are missing.
        missing: Vec<&'static str>,
        /// The exports that are there.
        exports: Vec<String>,
    },
    /// Its memory cannot be bounded.
    Unbounded(String),
    /// It needs more than the operator gives.
    TooSmall {
        /// The bytes that it declares as its least.
        minimum: Size,
        /// The operator's setting.
        memory: Size,
    },
}

/// The exports of the world `arenaria:processor/processor@0.1.0`.
pub const PROCESSOR_EXPORTS: [&str; 3] = [
    "arenaria:processor/handler@0.1.0",
    "arenaria:processor/lifecycle@0.1.0",
    "arenaria:processor/memory@0.1.0",
];

impl Outline {
    /// Reads a component.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let (memories, imports, exports) = (Vec::new(), Vec::new(), Vec::new());
        let mut outline = Self { memories, data_end: Size(0), imports, exports };
        // How deep the reader is in nested components and modules; the component itself is 1.
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                    return Err(Refusal::CoreModule);
                }
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::MemorySection(section) => {
                    for memory in section {
                        outline.memories.push(memory?);
                    }
                }
                Payload::DataSection(section) => {
                    for data in section {
                        outline.data_end = outline.data_end.max(end_of(&data?));
                    }
                }
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        outline.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        let export = export?;
                        if export.kind == ComponentExternalKind::Instance {
                            outline.exports.push(export.name.name.to_owned());
                        }
                    }
                }
                _ => {}
            }
        }
        if depth == 0 { Ok(outline) } else { Err(Refusal::Malformed("it ends too early".into())) }
    }

    /// Checks that it is a processor whose memory can be bounded by `memory`.
    ///
    /// # Errors
    ///
    /// What stands against it.
    pub fn check(&self, memory: Size) -> Result<(), Refusal> {
        if !self.imports.is_empty() {
            return Err(Refusal::Imports(self.imports.clone()));
        }
        let lacks = |name: &&str| !self.exports.iter().any(|export| export == name);
        let missing: Vec<_> = PROCESSOR_EXPORTS.into_iter().filter(|name| lacks(name)).collect();
        if !missing.is_empty() {
            return Err(Refusal::OtherWorld { missing, exports: self.exports.clone() });
        }
        let [declared] = self.memories.as_slice() else {
            let count = self.memories.len();
            return Err(Refusal::Unbounded(format!(
                "it has {count} memories where one is expected"
            )));
        };
        if self.data_end > memory {
            return Err(Refusal::TooSmall { minimum: self.data_end, memory });
        }
        bound(*declared, memory).map(|_| ())
    }
}

/// Where a piece of data ends, if it is placed by a constant as compilers do.
fn end_of(data: &wasmparser::Data<'_>) -> Size {
    let DataKind::Active { offset_expr, .. } = &data.kind else { return Size(0) };
    match offset_expr.get_operators_reader().read() {
        Ok(Operator::I32Const { value }) => Size(u64::from(value as u32) + data.data.len() as u64),
        _ => Size(0),
    }
}

/// Gives the memory of a component the operator's size.
///
/// # Errors
///
/// If the memory cannot be bounded or the component is malformed.
pub fn apply(component: &[u8], memory: Size) -> Result<Vec<u8>, Refusal> {
    let mut rewritten = wasm_encoder::Component::new();
    Rewriter { memory }.parse_component(&mut rewritten, Parser::new(0), component).map_err(
        |error| match error {
            reencode::Error::UserError(refusal) => refusal,
            other => Refusal::Malformed(other.to_string()),
        },
    )?;
    Ok(rewritten.finish())
}

struct Rewriter {
    memory: Size,
}

impl Reencode for Rewriter {
    type Error = Refusal;

    // `memory_type` would be reached for imported memories too, which are somebody else's to size.
    fn parse_memory_section(
        &mut self,
        memories: &mut wasm_encoder::MemorySection,
        section: wasmparser::MemorySectionReader<'_>,
    ) -> Result<(), reencode::Error<Refusal>> {
        for declared in section {
            let bounded = bound(declared?, self.memory).map_err(reencode::Error::UserError)?;
            memories.memory(self.memory_type(bounded)?);
        }
        Ok(())
    }
}

impl ReencodeComponent for Rewriter {}

/// The type that a declared memory is given.
fn bound(
    declared: wasmparser::MemoryType,
    memory: Size,
) -> Result<wasmparser::MemoryType, Refusal> {
    let odd = [
        (declared.memory64, "it has a 64-bit memory"),
        (declared.shared, "it has a shared memory"),
        (declared.page_size_log2.is_some(), "it has a memory with pages of another size"),
    ];
    if let Some((_, sentence)) = odd.iter().find(|(is, _)| *is) {
        return Err(Refusal::Unbounded((*sentence).to_owned()));
    }
    let pages = memory.0 / PAGE_BYTES;
    if declared.initial > pages && !is_fixed(declared) {
        return Err(Refusal::TooSmall { minimum: Size(declared.initial * PAGE_BYTES), memory });
    }
    let initial = if is_fixed(declared) { pages } else { declared.initial };
    let maximum =
        if is_fixed(declared) { pages } else { declared.maximum.unwrap_or(pages).min(pages) };
    Ok(wasmparser::MemoryType { initial, maximum: Some(maximum), ..declared })
}

/// Whether a memory is declared with minimum = maximum.
#[must_use]
pub fn is_fixed(declared: wasmparser::MemoryType) -> bool {
    declared.maximum == Some(declared.initial)
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
                // The parser may add drawings of where it stood.
                let what = what.lines().next().unwrap_or_default();
                write!(f, "it is no WebAssembly component ({what}); rebuild it")
            }
            Self::CoreModule => f.write_str(
                "it is a core module; encode it as a component (cargo xtask guests does)",
            ),
            Self::Imports(names) => {
                write!(
                    f,
                    "it imports {}, and a processor is given nothing; build it for a target without WASI",
                    names.join(", ")
                )
            }
            Self::OtherWorld { missing, exports } => {
                let exports =
                    if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
                write!(
                    f,
                    "it exports {exports} but not {}; serve a component of the world arenaria:processor/processor@0.1.0",
                    missing.join(", ")
                )
            }
            Self::Unbounded(what) => {
                write!(f, "its memory cannot be bounded: {what}; build it with one 32-bit memory")
            }
            Self::TooSmall { minimum, memory } => {
                write!(f, "it needs a memory of {minimum} but memory = {memory}; raise memory")
            }
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(initial: u64, maximum: Option<u64>) -> wasmparser::MemoryType {
        wasmparser::MemoryType {
            memory64: false,
            shared: false,
            initial,
            maximum,
            page_size_log2: None,
        }
    }

    #[track_caller]
    fn check(declared: wasmparser::MemoryType, pages: u64, expected: Result<(u64, u64), &str>) {
        let bounded = bound(declared, Size(pages * PAGE_BYTES));
        let found = bounded.map(|memory| (memory.initial, memory.maximum.unwrap()));
        assert_eq!(found.map_err(|refusal| refusal.to_string()), expected.map_err(str::to_owned));
    }

    #[test]
    fn a_fixed_memory_gets_the_size_and_a_growable_one_the_maximum() {
        check(memory(256, Some(256)), 16, Ok((16, 16)));
        check(memory(2, Some(2)), 256, Ok((256, 256)));
        check(memory(2, None), 16, Ok((2, 16)));
        check(memory(2, Some(8)), 16, Ok((2, 8)));
        check(memory(2, Some(80)), 16, Ok((2, 16)));
        let sentence = "it needs a memory of 2MiB but memory = 1MiB; raise memory";
        check(memory(32, None), 16, Err(sentence));
    }

    #[test]
    fn what_cannot_be_bounded_is_refused() {
        let huge = wasmparser::MemoryType { memory64: true, ..memory(1, Some(1)) };
        assert!(matches!(bound(huge, Size(PAGE_BYTES)), Err(Refusal::Unbounded(_))));
        let shared = wasmparser::MemoryType { shared: true, ..memory(1, Some(1)) };
        assert!(matches!(bound(shared, Size(PAGE_BYTES)), Err(Refusal::Unbounded(_))));
    }

    #[test]
    fn what_is_no_component_is_told_apart() {
        assert!(matches!(Outline::read(b""), Err(Refusal::Malformed(_))));
        assert!(matches!(Outline::read(b"hello, world"), Err(Refusal::Malformed(_))));
        assert_eq!(Outline::read(b"\0asm\x01\0\0\0").unwrap_err(), Refusal::CoreModule);
        let empty = Outline::read(b"\0asm\x0d\0\x01\0").unwrap();
        let refusal = empty.check(Size(PAGE_BYTES)).unwrap_err();
        assert!(
            refusal
                .to_string()
                .starts_with("it exports nothing but not arenaria:processor/handler")
        );
    }
}
