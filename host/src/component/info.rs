//! Reads what a component declares, and rewrites its memory to the size that the operator
//! configured.
//!
//! A memory of fixed size (minimum = maximum) gets exactly the configured size. A growable memory
//! gets it as its maximum. If several memories or a garbage-collected heap share the size, a fixed
//! memory keeps its declared size. A memory that cannot be limited is refused. Nothing is compiled
//! or run.

use wasm_encoder::reencode::{self, Reencode, ReencodeComponent};
use wasmparser::{
    ComponentExternalKind, CompositeInnerType, DataKind, Encoding, Operator, Parser, Payload,
};

use crate::component::refusal::Refusal;
use crate::component::world::{self, World};
use crate::config::grants::Grants;
use crate::config::limits::PAGE_BYTES;
use crate::config::units::Size;

// Limits on the shape of a component. They are checked in a pass that needs no stack, before anything that does:
// parsers and compilers recurse, and need memory for each function.

/// How deep modules and components may be nested.
const DEPTH_MAX: u32 = 16;
/// How many modules and components it may have. An interpreter with libraries has dozens.
const PARTS_MAX: u32 = 1000;
/// How many functions it may have. Compiling one needs about 7 KB of memory.
const FUNCTIONS_MAX: u32 = 100_000;

fn at_most(count: u32, most: u32, what: &'static str) -> Result<(), Refusal> {
    if count <= most { Ok(()) } else { Err(Refusal::TooComplex { what, most }) }
}

/// What a component declares.
#[derive(Debug)]
pub(crate) struct ComponentInfo {
    /// The memories that its modules define.
    pub memories: Vec<wasmparser::MemoryType>,
    /// The end of its initial data.
    pub data_end: Size,
    /// The names of its imports.
    pub imports: Vec<String>,
    /// The names of its exports.
    pub exports: Vec<String>,
    /// Whether its modules use structs, arrays or exceptions, which are in a garbage-collected
    /// heap.
    pub collects: bool,
}

impl ComponentInfo {
    /// Reads a component.
    ///
    /// # Errors
    ///
    /// If it is not a component, or malformed.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let (memories, imports, exports) = (Vec::new(), Vec::new(), Vec::new());
        let mut info = Self { memories, data_end: Size(0), imports, exports, collects: false };
        // The nesting depth of components and modules. The component itself is at depth 1.
        let mut depth = 0;
        let (mut parts, mut functions) = (0, 0);
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                    return Err(Refusal::CoreModule);
                }
                Payload::Version { .. } => {
                    depth += 1;
                    parts += 1;
                    at_most(depth, DEPTH_MAX, "levels of nesting")?;
                    at_most(parts, PARTS_MAX, "modules and components")?;
                }
                Payload::CodeSectionStart { count, .. } => {
                    functions = u32::saturating_add(functions, count);
                    at_most(functions, FUNCTIONS_MAX, "functions")?;
                }
                Payload::End(_) => depth -= 1,
                Payload::MemorySection(section) => {
                    for memory in section {
                        info.memories.push(memory?);
                    }
                }
                Payload::TypeSection(section) => {
                    for group in section {
                        info.collects |= group?.types().any(is_object);
                    }
                }
                Payload::TagSection(_) => info.collects = true,
                Payload::DataSection(section) => {
                    for data in section {
                        info.data_end = info.data_end.max(end_of(&data?));
                    }
                }
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        info.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        let export = export?;
                        if export.kind == ComponentExternalKind::Instance {
                            info.exports.push(export.name.name.to_owned());
                        }
                    }
                }
                _ => {}
            }
        }
        if depth == 0 { Ok(info) } else { Err(Refusal::malformed("unexpected end of file")) }
    }

    /// Checks that its world is supported, its imports are granted, and its memories can be limited
    /// to `memory`.
    ///
    /// # Errors
    ///
    /// Why it cannot be served.
    pub(crate) fn check(&self, memory: Size, grants: &Grants) -> Result<World, Refusal> {
        let ungranted = world::ungranted(&self.imports, grants);
        if !ungranted.is_empty() {
            return Err(Refusal::Imports(ungranted));
        }
        let Some(world) = World::of(&self.exports) else {
            return Err(Refusal::OtherWorld(self.exports.clone()));
        };
        if self.memories.is_empty() {
            return Err(Refusal::Unbounded("it has no memory".into()));
        }
        if self.data_end > memory {
            return Err(Refusal::TooSmall { minimum: self.data_end, memory });
        }
        let size = Sizing::new(self, memory);
        let bounded = self.memories.iter().map(|declared| size.bound(*declared));
        let least = bounded.map(|bounded| Ok(bounded?.initial)).sum::<Result<u64, Refusal>>()?;
        let least = Size((least + u64::from(self.collects)) * PAGE_BYTES);
        if least > memory { Err(Refusal::TooSmall { minimum: least, memory }) } else { Ok(world) }
    }
}

impl ComponentInfo {
    /// The maximum size of a garbage-collected heap, if the component needs one: the memory without
    /// the initial size of its linear memories.
    #[must_use]
    pub(crate) fn heap_room(&self, memory: Size) -> Option<Size> {
        let pages = self.memories.iter().map(|declared| declared.initial).sum::<u64>();
        let room = memory.0.saturating_sub(pages.saturating_mul(PAGE_BYTES));
        self.collects.then_some(Size(room))
    }
}

/// Whether a type is a struct or an array.
fn is_object(declared: &wasmparser::SubType) -> bool {
    let inner = &declared.composite_type.inner;
    matches!(inner, CompositeInnerType::Struct(_) | CompositeInnerType::Array(_))
}

/// The end of a data segment, if its address is a constant, as in the output of compilers.
fn end_of(data: &wasmparser::Data<'_>) -> Size {
    let DataKind::Active { offset_expr, .. } = &data.kind else { return Size(0) };
    match offset_expr.get_operators_reader().read() {
        Ok(Operator::I32Const { value }) => Size(u64::from(value as u32) + data.data.len() as u64),
        _ => Size(0),
    }
}

/// Rewrites the memories of a component to the configured size.
///
/// # Errors
///
/// If a memory cannot be limited or the component is malformed.
pub(crate) fn apply(
    component: &[u8],
    info: &ComponentInfo,
    memory: Size,
) -> Result<Vec<u8>, Refusal> {
    let mut rewritten = wasm_encoder::Component::new();
    let size = Sizing::new(info, memory);
    Rewriter { size }.parse_component(&mut rewritten, Parser::new(0), component).map_err(
        |error| match error {
            reencode::Error::UserError(refusal) => refusal,
            other => Refusal::malformed(other),
        },
    )?;
    Ok(rewritten.finish())
}

struct Rewriter {
    size: Sizing,
}

impl Reencode for Rewriter {
    type Error = Refusal;

    // `memory_type` is also called for imported memories, which keep their size.
    fn parse_memory_section(
        &mut self,
        memories: &mut wasm_encoder::MemorySection,
        section: wasmparser::MemorySectionReader<'_>,
    ) -> Result<(), reencode::Error<Refusal>> {
        for declared in section {
            let bounded = self.size.bound(declared?).map_err(reencode::Error::UserError)?;
            memories.memory(self.memory_type(bounded)?);
        }
        Ok(())
    }
}

impl ReencodeComponent for Rewriter {}

/// How the configured size applies to the memories of one component.
#[derive(Clone, Copy, Debug)]
struct Sizing {
    memory: Size,
    /// Whether there is exactly one memory and no heap. Otherwise they share the size: a fixed
    /// memory keeps its declared size, and the limiter of the instance limits their sum (see
    /// `runtime::memory`).
    is_only: bool,
}

impl Sizing {
    fn new(info: &ComponentInfo, memory: Size) -> Self {
        Self { memory, is_only: info.memories.len() == 1 && !info.collects }
    }

    /// The rewritten type of a declared memory.
    fn bound(self, declared: wasmparser::MemoryType) -> Result<wasmparser::MemoryType, Refusal> {
        let unsupported = [
            (declared.memory64, "it has a 64-bit memory"),
            (declared.shared, "it has a shared memory"),
            (declared.page_size_log2.is_some(), "it has a memory with a custom page size"),
        ];
        if let Some((_, sentence)) = unsupported.iter().find(|(is, _)| *is) {
            return Err(Refusal::Unbounded((*sentence).to_owned()));
        }
        let memory = self.memory;
        let pages = memory.0 / PAGE_BYTES;
        let (initial, maximum) = match declared.maximum {
            Some(_) if is_fixed(declared) && self.is_only => (pages, pages),
            Some(maximum) => (declared.initial, maximum.min(pages)),
            None => (declared.initial, pages),
        };
        if initial > maximum {
            let minimum = Size(declared.initial.saturating_mul(PAGE_BYTES));
            return Err(Refusal::TooSmall { minimum, memory });
        }
        Ok(wasmparser::MemoryType { initial, maximum: Some(maximum), ..declared })
    }
}

/// Whether a memory is declared with minimum = maximum.
#[must_use]
pub(crate) fn is_fixed(declared: wasmparser::MemoryType) -> bool {
    declared.maximum == Some(declared.initial)
}

#[cfg(test)]
mod tests {
    use crate::component::world::PROCESSOR_EXPORTS;

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

    /// A processor without imports that has these memories.
    fn info(memories: &[wasmparser::MemoryType]) -> ComponentInfo {
        let exports = PROCESSOR_EXPORTS.map(str::to_owned).to_vec();
        let (memories, imports) = (memories.to_vec(), Vec::new());
        ComponentInfo { memories, data_end: Size(0), imports, exports, collects: false }
    }

    #[track_caller]
    fn check(declared: wasmparser::MemoryType, pages: u64, expected: Result<(u64, u64), &str>) {
        let bounded = Sizing::new(&info(&[declared]), Size(pages * PAGE_BYTES)).bound(declared);
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
        let sentence = "it needs at least 2MiB of memory, got memory = 1MiB; raise memory";
        check(memory(32, None), 16, Err(sentence));
    }

    #[test]
    fn what_cannot_be_bounded_is_refused() {
        let huge = wasmparser::MemoryType { memory64: true, ..memory(1, Some(1)) };
        let shared = wasmparser::MemoryType { shared: true, ..memory(1, Some(1)) };
        for odd in [huge, shared] {
            let bounded = Sizing::new(&info(&[odd]), Size(PAGE_BYTES)).bound(odd);
            assert!(matches!(bounded, Err(Refusal::Unbounded(_))));
        }
    }

    #[test]
    fn several_memories_share_the_size() {
        let memories = [memory(256, Some(256)), memory(17, None)];
        let info = info(&memories);
        let pages = |pages: u64| Size(pages * PAGE_BYTES);
        let none = Grants::default();
        assert_eq!(info.check(pages(273), &none), Ok(World::Processor));
        let refusal = info.check(pages(272), &none).unwrap_err();
        assert_eq!(refusal, Refusal::TooSmall { minimum: pages(273), memory: pages(272) });
        let bounded = memories.map(|one| Sizing::new(&info, pages(300)).bound(one).unwrap());
        let sizes = bounded.map(|one| (one.initial, one.maximum.unwrap()));
        assert_eq!(sizes, [(256, 256), (17, 300)]);
    }

    #[test]
    fn a_heap_has_what_linear_memory_leaves() {
        let fixed = memory(32, Some(32));
        let pages = |pages: u64| Size(pages * PAGE_BYTES);
        let info = ComponentInfo { collects: true, ..info(&[fixed]) };
        let bounded = Sizing::new(&info, pages(128)).bound(fixed).unwrap();
        assert_eq!((bounded.initial, bounded.maximum), (32, Some(32)));
        assert_eq!(info.heap_room(pages(128)), Some(pages(96)));
        assert_eq!(info.check(pages(33), &Grants::default()), Ok(World::Processor));
        let refusal = info.check(pages(32), &Grants::default()).unwrap_err();
        assert_eq!(refusal, Refusal::TooSmall { minimum: pages(33), memory: pages(32) });
    }

    #[test]
    fn a_component_with_types_of_objects_needs_a_heap() {
        let collects = |fields: &str| {
            let text = format!("(component (core module {fields}))");
            ComponentInfo::read(&wat::parse_str(text).unwrap()).unwrap().collects
        };
        assert!(!collects("(type (func (param externref)))"));
        assert!(collects("(type (array (mut i8)))"));
        assert!(collects("(rec (type (func)) (type (struct)))"));
        assert!(collects("(tag (param i32))"));
    }

    #[test]
    fn other_files_than_components_are_refused() {
        assert!(matches!(ComponentInfo::read(b""), Err(Refusal::Malformed(_))));
        assert!(matches!(ComponentInfo::read(b"hello, world"), Err(Refusal::Malformed(_))));
        assert_eq!(ComponentInfo::read(b"\0asm\x01\0\0\0").unwrap_err(), Refusal::CoreModule);
        let empty = ComponentInfo::read(b"\0asm\x0d\0\x01\0").unwrap();
        let refusal = empty.check(Size(PAGE_BYTES), &Grants::default()).unwrap_err();
        let sentence = refusal.to_string();
        assert!(sentence.starts_with("expected a component that exports arenaria:"), "{sentence}");
        assert!(sentence.ends_with("got one that exports nothing"), "{sentence}");
    }
}
