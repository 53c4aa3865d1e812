//! Where the stack in linear memory lies, which the linker calls the shadow stack. No section tells it. LLVM's
//! stack pointer is the first mutable global of a module, and its initial value is the end of the stack.

use std::fmt;

use wasmparser::{DataKind, Operator, Payload};

use crate::component::refusal::Refusal;
use crate::config::units::Size;

/// Where the stack lies.
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

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First { bytes } => {
                write!(f, "{}, below the data: an overflow traps", Size(u64::from(*bytes)))
            }
            Self::AboveData => f.write_str(
                "above data: an overflow overwrites it unnoticed; link with --stack-first",
            ),
        }
    }
}

/// Looks for the stack in the parts of a component.
#[derive(Debug, Default)]
pub(crate) struct StackSearch {
    /// Of the first module that has a stack and data.
    found: Option<Stack>,
    /// The initial value of the first mutable global of the current module: LLVM's stack pointer.
    stack_top: Option<u32>,
    /// The lowest address of any data of the current module.
    data_start: Option<u32>,
}

impl StackSearch {
    /// Looks at the next part of a file.
    ///
    /// # Errors
    ///
    /// If it is malformed.
    pub(crate) fn add(&mut self, payload: &Payload<'_>) -> Result<(), Refusal> {
        match payload {
            Payload::Version { .. } => {
                *self = Self { found: self.stack(), ..Self::default() };
            }
            Payload::GlobalSection(globals) => {
                for global in globals.clone() {
                    let global = global?;
                    if global.ty.mutable && self.stack_top.is_none() {
                        self.stack_top = constant(&global.init_expr);
                    }
                }
            }
            Payload::DataSection(data) => {
                for data in data.clone() {
                    let DataKind::Active { offset_expr, .. } = data?.kind else { continue };
                    let start = constant(&offset_expr);
                    self.data_start = match (self.data_start, start) {
                        (Some(known), Some(start)) => Some(known.min(start)),
                        (known, start) => known.or(start),
                    };
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Where the stack lies, if a linker of LLVM made the file.
    pub(crate) fn stack(&self) -> Option<Stack> {
        let of_current = || {
            let (top, data) = (self.stack_top?, self.data_start?);
            Some(if top <= data { Stack::First { bytes: top } } else { Stack::AboveData })
        };
        self.found.or_else(of_current)
    }
}

/// The value of an expression that is a constant of 32 bits.
fn constant(expression: &wasmparser::ConstExpr<'_>) -> Option<u32> {
    match expression.get_operators_reader().read() {
        Ok(Operator::I32Const { value }) => Some(value as u32),
        _ => None,
    }
}
