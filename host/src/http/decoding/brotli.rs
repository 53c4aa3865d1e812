//! Decodes brotli (RFC 7932). Its memory is charged to the budget before it is allocated.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use brotli_decompressor::{
    Allocator, BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc,
};
use brotli_decompressor::{BrotliDecoderErrorCode as Code, SliceWrapper as _};

use crate::http::body_budget::{BodyBudget, Reserved};
use crate::http::decoding::coding::{Coding, Flaw, Step, Undecodable};
use crate::http::problem::Problem;

/// How many encoded bytes are decoded in one step. The library decodes up to a whole window before it
/// returns, if its input is enough for that.
const STEP_BYTES: usize = 1 << 10;

/// The maps beside a window, which a body of any size may need. A larger allocation of bytes is a window.
const MAP_BYTES: usize = 64 << 10;

pub(super) struct Brotli {
    state: Box<State>,
    memory: Rc<Memory>,
    has_begun: bool,
    has_ended: bool,
}

type State = BrotliState<Charged, Charged, Charged>;

/// The memory of one decoder.
struct Memory {
    held: RefCell<Reserved>,
    is_body_too_large: Cell<bool>,
}

/// An allocator that charges the budget. If that is not possible, it returns nothing, which the library
/// reports.
struct Charged {
    memory: Rc<Memory>,
    /// The most bytes of one allocation.
    bytes_max: usize,
}

impl Brotli {
    pub(super) fn new(body_bytes_max: usize, budget: &Arc<BodyBudget>) -> Self {
        let memory = Rc::new(Memory {
            held: RefCell::new(budget.part()),
            is_body_too_large: Cell::new(false),
        });
        let charged = |bytes_max| Charged { memory: Rc::clone(&memory), bytes_max };
        // A window is at most twice as large as what is decoded into it. So a larger one means that the
        // body will be too large, and it is refused before anything is decoded into it.
        let bytes = charged(body_bytes_max.saturating_mul(2).saturating_add(MAP_BYTES));
        // Strict: without the windows over 16 MiB, which RFC 7932 does not have.
        let state = State::new_strict(bytes, charged(usize::MAX), charged(usize::MAX));
        let state = Box::new(state);
        Self { state, memory, has_begun: false, has_ended: false }
    }

    /// What is not allocated by the library.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + size_of::<Memory>() + size_of::<State>()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.has_ended || !self.has_begun
    }

    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Problem> {
        if self.has_ended {
            return match input {
                [] => Ok(Step { consumed: 0, produced: 0 }),
                _ => Err(flawed(Flaw::Trailing)),
            };
        }
        let input = &input[..input.len().min(STEP_BYTES)];
        self.has_begun |= !input.is_empty();
        let (mut left, mut consumed) = (input.len(), 0);
        let (mut room, mut produced, mut total) = (output.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut consumed,
            input,
            &mut room,
            &mut produced,
            output,
            &mut total,
            &mut self.state,
        );
        match result {
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultSuccess => self.has_ended = true,
            BrotliResult::ResultFailure => return Err(self.problem()),
        }
        Ok(Step { consumed, produced })
    }

    fn problem(&self) -> Problem {
        match self.state.error_code {
            _ if self.memory.is_body_too_large.get() => Problem::BodyTooLarge,
            Code::BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES
            | Code::BROTLI_DECODER_ERROR_ALLOC_TREE_GROUPS
            | Code::BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MAP
            | Code::BROTLI_DECODER_ERROR_ALLOC_RING_BUFFER_1
            | Code::BROTLI_DECODER_ERROR_ALLOC_RING_BUFFER_2
            | Code::BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES => Problem::BodiesSaturated,
            Code::BROTLI_DECODER_ERROR_FORMAT_WINDOW_BITS => flawed(Flaw::Window),
            _ => flawed(Flaw::Invalid),
        }
    }
}

impl Charged {
    /// Whether so many bytes may be allocated. They are charged then.
    fn admits(&self, bytes: usize) -> bool {
        if bytes > self.bytes_max {
            self.memory.is_body_too_large.set(true);
            return false;
        }
        let mut held = self.memory.held.borrow_mut();
        let total = held.bytes() + bytes as u64;
        held.resize(total)
    }
}

impl<T: Clone + Default> Allocator<T> for Charged {
    type AllocatedMemory = <StandardAlloc as Allocator<T>>::AllocatedMemory;

    fn alloc_cell(&mut self, len: usize) -> Self::AllocatedMemory {
        if self.admits(len.saturating_mul(size_of::<T>())) {
            StandardAlloc::default().alloc_cell(len)
        } else {
            Self::AllocatedMemory::default()
        }
    }

    fn free_cell(&mut self, data: Self::AllocatedMemory) {
        let mut held = self.memory.held.borrow_mut();
        let left = held.bytes() - size_of_val(data.slice()) as u64;
        assert!(held.resize(left), "less always fits");
    }
}

fn flawed(flaw: Flaw) -> Problem {
    Problem::Undecodable(Undecodable::Flawed(Coding::Brotli, flaw))
}
