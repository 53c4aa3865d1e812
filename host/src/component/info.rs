//! Reads what a component declares, and rewrites its memory to the size that the operator
//! configured.
//!
//! A memory of fixed size (minimum = maximum) gets exactly the configured size. So does the memory of a processor
//! without code that could grow it, whatever its linker wrote: it would use no more than the minimum. Any other
//! growable memory gets the size as its maximum. If several memories or a garbage-collected heap share the size, a fixed
//! memory keeps its declared size. A memory that cannot be limited is refused. Nothing is compiled
//! or run.

use wasm_encoder::reencode::{self, Reencode, ReencodeComponent};
use wasmparser::{
    ComponentExternalKind, CompositeInnerType, DataKind, Encoding, Operator, Parser, Payload,
};

use crate::component::refusal::Refusal;
use crate::component::shape::Shape;
use crate::component::stack::{Stack, StackSearch};
use crate::component::world::{self, World};
use crate::config::grants::Grants;
use crate::config::limits::PAGE_BYTES;
use crate::config::units::Size;

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
    /// Whether its code could grow a memory that is not of fixed size.
    pub grows: bool,
    /// Whether its modules use structs, arrays or exceptions: a garbage-collected heap.
    pub collects: bool,
    /// Where its stack in linear memory lies, if a linker of LLVM made it.
    pub stack: Option<Stack>,
}

impl ComponentInfo {
    /// Reads a component.
    ///
    /// # Errors
    ///
    /// If it is not a component, or malformed.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let (memories, imports, exports) = (Vec::new(), Vec::new(), Vec::new());
        let (data_end, grows, collects, stack) = (Size(0), false, false, None);
        let mut info = Self { memories, data_end, imports, exports, grows, collects, stack };
        let (mut shape, mut search) = (Shape::default(), StackSearch::default());
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            shape.add(&payload)?;
            search.add(&payload)?;
            match payload {
                Payload::Version { encoding: Encoding::Module, .. } if shape.is_outermost() => {
                    return Err(Refusal::CoreModule);
                }
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
                Payload::CodeSectionEntry(body) if !info.grows && info.has_growable() => {
                    info.grows = has_growth(&body)?;
                }
                Payload::ComponentImportSection(section) if shape.is_outermost() => {
                    for import in section {
                        info.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if shape.is_outermost() => {
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
        info.stack = search.stack();
        let complete = shape.is_complete().then_some(info);
        complete.ok_or_else(|| Refusal::malformed("unexpected end of file"))
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
        let bounded = self.bounded(memory)?;
        let least = bounded.iter().map(|bounded| bounded.initial).sum::<u64>();
        let least = Size((least + u64::from(self.collects)) * PAGE_BYTES);
        if least > memory { Err(Refusal::TooSmall { minimum: least, memory }) } else { Ok(world) }
    }
}

impl ComponentInfo {
    /// Its memories as the host makes them.
    ///
    /// # Errors
    ///
    /// If one cannot be limited to this size.
    pub(crate) fn bounded(&self, memory: Size) -> Result<Vec<wasmparser::MemoryType>, Refusal> {
        let size = Sizing::new(self, memory);
        self.memories.iter().map(|declared| size.bound(*declared)).collect()
    }

    fn has_growable(&self) -> bool {
        self.memories.iter().any(|memory| !is_fixed(*memory))
    }

    /// The maximum size of a garbage-collected heap, if the component needs one: the memory without
    /// the initial size of its linear memories.
    #[must_use]
    pub(crate) fn heap_room(&self, memory: Size) -> Option<Size> {
        let pages = self.memories.iter().map(|declared| declared.initial).sum::<u64>();
        let room = memory.0.saturating_sub(pages.saturating_mul(PAGE_BYTES));
        self.collects.then_some(Size(room))
    }
}

/// Whether a function could grow a memory.
fn has_growth(body: &wasmparser::FunctionBody<'_>) -> Result<bool, Refusal> {
    for operator in body.get_operators_reader()? {
        if matches!(operator?, Operator::MemoryGrow { .. }) {
            return Ok(true);
        }
    }
    Ok(false)
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
    /// Whether a growable memory is made as one of fixed size.
    is_fixed: bool,
}

impl Sizing {
    fn new(info: &ComponentInfo, memory: Size) -> Self {
        let is_processor = World::of(&info.exports) == Some(World::Processor);
        Self {
            memory,
            is_only: info.memories.len() == 1 && !info.collects,
            is_fixed: is_processor && !info.grows,
        }
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
            _ if self.is_only && (self.is_fixed || is_fixed(declared)) => (pages, pages),
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
        let (data_end, grows, collects, stack) = (Size(0), true, false, None);
        ComponentInfo { memories, data_end, imports, exports, grows, collects, stack }
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
    fn a_processor_that_never_grows_gets_the_size_whatever_it_declared() {
        let declared = memory(17, None);
        let fixed = ComponentInfo { grows: false, ..info(&[declared]) };
        let bounded = fixed.bounded(Size(256 * PAGE_BYTES)).unwrap();
        assert_eq!((bounded[0].initial, bounded[0].maximum), (256, Some(256)));
        let other = ComponentInfo { exports: vec!["wasi:http/handler@0.3.0".into()], ..fixed };
        let bounded = other.bounded(Size(256 * PAGE_BYTES)).unwrap();
        assert_eq!((bounded[0].initial, bounded[0].maximum), (17, Some(256)));
    }

    #[test]
    fn code_that_grows_a_growable_memory_is_found() {
        let grows = |memory: &str, code: &str| {
            let text = format!("(component (core module (memory {memory}) (func {code})))");
            ComponentInfo::read(&wat::parse_str(text).unwrap()).unwrap().grows
        };
        assert!(grows("1", "(drop (memory.grow (i32.const 1)))"));
        assert!(!grows("1", "(drop (memory.size))"));
        assert!(!grows("1 1", "(drop (memory.grow (i32.const 1)))"), "it cannot");
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
