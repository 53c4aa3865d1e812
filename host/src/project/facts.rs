//! What an author wants to know of a component that was built.

use wasmparser::{DataKind, Operator, Parser, Payload};

use crate::component::info::ComponentInfo;
use crate::component::refusal::Refusal;
use crate::component::world::World;

/// What is known of a component.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Its size.
    pub(crate) bytes: usize,
    /// The bytes of debugging information in it.
    pub(crate) debug_bytes: usize,
    /// Whether it has the names of its functions.
    pub(crate) has_names: bool,
    /// Where its stack lies, if a linker of LLVM made it.
    pub(crate) stack: Option<Stack>,
    /// What it declares.
    pub(crate) info: ComponentInfo,
    /// The world that it is served as.
    pub(crate) world: World,
}

/// Where the stack in linear memory lies. The linker calls it the shadow stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    /// Below all data: an overflow traps.
    First {
        /// Its size.
        bytes: u32,
    },
    /// Above data: an overflow overwrites the data and nothing notices.
    AboveData,
}

/// What the first module that has data says of its stack.
#[derive(Default)]
struct Layout {
    /// The initial value of the first mutable global: LLVM's stack pointer.
    stack_top: Option<u32>,
    /// The lowest address of any data.
    data_start: Option<u32>,
}

impl Layout {
    fn stack(&self) -> Option<Stack> {
        let (top, data) = (self.stack_top?, self.data_start?);
        Some(if top <= data { Stack::First { bytes: top } } else { Stack::AboveData })
    }
}

impl Facts {
    /// Reads a component.
    ///
    /// # Errors
    ///
    /// If it is malformed.
    pub(crate) fn read(
        component: &[u8],
        info: ComponentInfo,
        world: World,
    ) -> Result<Self, Refusal> {
        let mut facts = Self {
            bytes: component.len(),
            debug_bytes: 0,
            has_names: false,
            stack: None,
            info,
            world,
        };
        let mut layout = Layout::default();
        for payload in Parser::new(0).parse_all(component) {
            match payload? {
                Payload::Version { .. } => {
                    facts.stack = facts.stack.or(layout.stack());
                    layout = Layout::default();
                }
                Payload::CustomSection(section) => {
                    facts.has_names |= section.name() == "name";
                    if section.name().starts_with(".debug_") {
                        facts.debug_bytes += section.data().len();
                    }
                }
                Payload::GlobalSection(globals) => {
                    for global in globals {
                        let global = global?;
                        if global.ty.mutable && layout.stack_top.is_none() {
                            layout.stack_top = constant(&global.init_expr);
                        }
                    }
                }
                Payload::DataSection(data) => {
                    for data in data {
                        let DataKind::Active { offset_expr, .. } = data?.kind else { continue };
                        let start = constant(&offset_expr);
                        layout.data_start = match (layout.data_start, start) {
                            (Some(known), Some(start)) => Some(known.min(start)),
                            (known, start) => known.or(start),
                        };
                    }
                }
                _ => {}
            }
        }
        facts.stack = facts.stack.or(layout.stack());
        Ok(facts)
    }
}

/// The value of an expression that is a constant of 32 bits.
fn constant(expression: &wasmparser::ConstExpr<'_>) -> Option<u32> {
    match expression.get_operators_reader().read() {
        Ok(Operator::I32Const { value }) => Some(value as u32),
        _ => None,
    }
}
