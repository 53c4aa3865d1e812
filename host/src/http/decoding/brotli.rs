//! Decodes brotli (RFC 7932). Its memory is charged to the budget before it is allocated, but that of a window only as
//! far as it was written to.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use brotli_decompressor::{
    Allocator, BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc,
};
use brotli_decompressor::{BrotliDecoderErrorCode as Code, SliceWrapper as _};

use crate::http::decoding::coding::{Coding, Flaw, Step, Undecodable};
use crate::http::problem::Problem;
use crate::pool::body_budget::{BodyBudget, Reserved};

/// The largest window, which encoders take by default. The library may decode a whole one in a single step, if a few bytes
/// ask for that.
const WINDOW_BYTES_MAX: usize = 4 << 20;

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
    is_window_too_large: Cell<bool>,
}

/// An allocator that charges the budget. If that is not possible, it returns nothing, which the library
/// reports.
struct Charged {
    memory: Rc<Memory>,
    /// The most bytes of one allocation.
    bytes_max: usize,
}

impl Brotli {
    pub(super) fn new(body_bytes_max: Option<usize>, budget: &Arc<BodyBudget>) -> Self {
        let memory = Rc::new(Memory {
            held: RefCell::new(budget.part()),
            is_body_too_large: Cell::new(false),
            is_window_too_large: Cell::new(false),
        });
        let charged = |bytes_max| Charged { memory: Rc::clone(&memory), bytes_max };
        // A window is at most twice as large as what is decoded into it. So a larger one means that the
        // body will be too large, and it is refused before anything is decoded into it.
        let most = body_bytes_max.map_or(WINDOW_BYTES_MAX, |most| most.saturating_mul(2));
        let bytes = charged(most.min(WINDOW_BYTES_MAX) + MAP_BYTES);
        // Strict: without the windows over 16 MiB, which RFC 7932 does not have.
        let state = State::new_strict(bytes, charged(usize::MAX), charged(usize::MAX));
        let state = Box::new(state);
        Self { state, memory, has_begun: false, has_ended: false }
    }

    /// What is not allocated by the library, and what it has written into its window.
    pub(super) fn memory(&self) -> usize {
        let State { ringbuffer_size, pos, rb_roundtrips, .. } = &*self.state;
        let written = if *rb_roundtrips > 0 { *ringbuffer_size } else { *pos };
        let written = usize::try_from(written).unwrap_or_default();
        size_of::<Self>() + size_of::<Memory>() + size_of::<State>() + written
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
            _ if self.memory.is_window_too_large.get() => flawed(Flaw::Window),
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
    /// Whether so many bytes may be allocated. They are charged then, if they are not a window.
    fn admits(&self, bytes: usize) -> bool {
        if bytes > self.bytes_max {
            let is_any = bytes > WINDOW_BYTES_MAX + MAP_BYTES;
            let too_large = match is_any {
                true => &self.memory.is_window_too_large,
                false => &self.memory.is_body_too_large,
            };
            too_large.set(true);
            return false;
        }
        if self.is_window(bytes) {
            return true;
        }
        let mut held = self.memory.held.borrow_mut();
        let total = held.bytes() + bytes as u64;
        held.resize(total)
    }
}

impl Charged {
    /// Of the three allocators, only that of bytes has a limit.
    fn is_window(&self, bytes: usize) -> bool {
        self.bytes_max < usize::MAX && bytes > MAP_BYTES
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
        let bytes = size_of_val(data.slice());
        if self.is_window(bytes) {
            return;
        }
        let mut held = self.memory.held.borrow_mut();
        let left = held.bytes() - bytes as u64;
        assert!(held.resize(left), "less always fits");
    }
}

fn flawed(flaw: Flaw) -> Problem {
    Problem::Undecodable(Undecodable::Flawed(Coding::Brotli, flaw))
}
