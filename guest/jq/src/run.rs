//! Evaluates a plan.
//!
//! Results are pushed: a node that gives many values calls its sink with each of them, and what the sink does is
//! done before the next value is made. A node that gives exactly one value returns it (`one`). `paths` is a second
//! way through the same plan: with each value it gives the path that leads to it.
//!
//! Invariants:
//!
//! - A value that outlives the call of a sink is on `collected` or in `states`, never in a variable of Rust. So a
//!   loop can give up what its rounds leave behind ([`Run::relieve`]).
//! - `depth` bounds the native stack: a call adds what its body may need at most.

mod access;
mod arithmetic;
mod assign;
mod call;
mod catch;
mod construct;
mod delete;
mod each;
mod early;
mod errors;
mod fold;
mod loops;
mod one;
mod paths;
mod streams;
mod tail;
mod walk;

use alloc::vec::Vec;

use crate::error;
use crate::heap::{Bounds, Full, Heap, HeapMemory, Mark};
use crate::plan::{Plan, Slot};
use crate::value::Value;

/// Why an evaluation ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// An error: its value is in [`Run::error`].
    Error,
    /// `break`, to this label.
    Break(u32),
    /// The memory is used up.
    Full,
    /// A limit that a program cannot catch: calls nest too deep.
    Depth,
    /// The sink has had enough.
    Enough,
    /// `halt`, or `halt_error` with the value in [`Run::error`].
    Halt { is_error: bool },
    /// The taker of the outputs wanted no more.
    Output,
}

impl From<Full> for Stop {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

/// How an evaluation goes on.
pub(crate) type Flow = Result<(), Stop>;

/// What takes the values that a node gives.
pub(crate) type Sink<'s, 'r> = dyn FnMut(&mut Run<'r>, Value) -> Flow + 's;

/// A function of the host language that a program can call: with the input and the values of its arguments.
pub(crate) type NativeFunction = for<'r> fn(&mut Run<'r>, Value, &[Value]) -> Result<Value, Stop>;

/// One evaluation of a plan.
#[derive(Debug)]
pub(crate) struct Run<'r> {
    pub(crate) plan: &'r Plan,
    /// Finds the function of a builtin.
    natives: fn([u8; 2]) -> NativeFunction,
    pub(crate) heap: Heap<'r>,
    /// Values that are being collected for arrays and objects.
    pub(crate) collected: Vec<Value>,
    /// The states of `reduce` and the like.
    pub(crate) states: Vec<Value>,
    /// The frames of functions.
    pub(crate) frames: Vec<Value>,
    /// The keys that lead to the current value, where paths are evaluated.
    pub(crate) path: Vec<Value>,
    /// Where paths are evaluated: the value at the path.
    at_path: AtPath,
    /// Keys of paths that are set aside.
    hidden: Vec<Value>,
    /// Variables that are bound again while their first binding is in use, and the places they go back to.
    saved: Vec<(u32, Value)>,
    /// The value of an error.
    pub(crate) error: Value,
    /// Text that is being built.
    pub(crate) scratch: Vec<u8>,
    pub(crate) depth: u32,
    labels: u32,
    /// Seconds since 1970, if the time is known.
    pub(crate) now: Option<f64>,
    pub(crate) limits: RunLimits,
    pub(crate) regexes: crate::regex_cache::RegexCache,
}

/// What a path leads to. A value that is not this one is not a path of the input.
#[derive(Clone, Copy, Debug, Default)]
struct AtPath {
    value: Value,
    /// The value that was given last was made anew, although it may look like the one at the path.
    is_other: bool,
}

/// The bounds of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunLimits {
    /// How deep documents and values may nest.
    pub(crate) value_depth: usize,
    /// How much of the native stack calls may use, in nodes.
    pub(crate) call_depth: u32,
    /// Values that frames may hold.
    pub(crate) frames: usize,
}

/// The memory that a run leaves to the next one.
#[derive(Debug, Default)]
pub(crate) struct RunMemory {
    heap: HeapMemory,
    collected: Vec<Value>,
    states: Vec<Value>,
    frames: Vec<Value>,
    path: Vec<Value>,
    scratch: Vec<u8>,
    regexes: crate::regex_cache::RegexCache,
}

impl<'r> Run<'r> {
    pub(crate) fn new(
        plan: &'r Plan,
        natives: fn([u8; 2]) -> NativeFunction,
        document: &'r [u8],
        memory: RunMemory,
        bounds: Bounds,
        limits: RunLimits,
        now: Option<f64>,
    ) -> Self {
        let RunMemory { heap, mut collected, mut states, mut frames, mut path, scratch, regexes } =
            memory;
        for stack in [&mut collected, &mut states, &mut frames, &mut path] {
            stack.clear();
        }
        frames.resize(plan.slots as usize, Value::Null);
        Self {
            plan,
            natives,
            heap: Heap::new(heap, document, &plan.constants, bounds),
            collected,
            states,
            frames,
            path,
            at_path: AtPath::default(),
            hidden: Vec::new(),
            saved: Vec::new(),
            error: Value::Null,
            scratch,
            depth: 0,
            labels: 0,
            now,
            limits,
            regexes,
        }
    }

    pub(crate) fn into_memory(self) -> RunMemory {
        let Self { heap, collected, states, frames, path, scratch, regexes, .. } = self;
        RunMemory { heap: heap.into_memory(), collected, states, frames, path, scratch, regexes }
    }

    /// Evaluates the program.
    pub(crate) fn main(&mut self, input: Value, sink: &mut Sink<'_, 'r>) -> Flow {
        self.check_depth(self.plan.main.nesting)?;
        self.each(&self.plan.main, 0, input, sink)
    }

    /// The frame so many functions outward.
    #[inline]
    fn outer(&self, frame: u32, hops: u32) -> u32 {
        let mut frame = frame;
        for _ in 0..hops {
            let Value::Frame(outer) = self.frames[frame as usize] else {
                unreachable!("a function's frame begins with the frame around it")
            };
            frame = outer;
        }
        frame
    }

    #[inline]
    fn variable(&self, frame: u32, slot: Slot) -> Value {
        self.frames[(self.outer(frame, slot.hops) + slot.at) as usize]
    }

    /// Binds variables for as long as `inner` runs. A filter that is called while it is at work, as `recurse` does,
    /// finds its variables again.
    #[inline]
    fn with_slots<T>(
        &mut self,
        frame: u32,
        slots: &[u32],
        inner: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let saved = self.saved.len();
        for slot in slots {
            let value = self.frames[(frame + slot) as usize];
            self.saved.push((frame + slot, value));
        }
        let result = inner(self);
        self.restore(saved);
        result
    }

    /// Puts back what was saved above `len`.
    #[inline]
    fn restore(&mut self, len: usize) {
        while self.saved.len() > len {
            let (at, value) = self.saved.pop().expect("it is longer");
            self.frames[at as usize] = value;
        }
    }

    /// Binds a variable while `inner` runs. Then the variable lets go of the value, because the node that gave the
    /// value goes on, and may give up what it has left behind.
    #[inline]
    fn with_bound(
        &mut self,
        frame: u32,
        slot: u32,
        value: Value,
        inner: impl FnOnce(&mut Self) -> Flow,
    ) -> Flow {
        self.bind(frame, slot, value);
        let flow = inner(self);
        self.frames[(frame + slot) as usize] = Value::Null;
        flow
    }

    /// Binds a variable of the current function.
    #[inline]
    fn bind(&mut self, frame: u32, slot: u32, value: Value) {
        self.heap.share(value);
        self.frames[(frame + slot) as usize] = value;
    }

    pub(crate) fn collect(&mut self, value: Value) -> Flow {
        if self.collected.len() == self.collected.capacity() {
            if size_of_val(&*self.collected) > self.heap.limit() {
                return Err(Stop::Full);
            }
            let additional = self.collected.len() / 2 + 64;
            self.collected.try_reserve(additional).map_err(|_| Stop::Full)?;
        }
        self.collected.push(value);
        Ok(())
    }

    /// Makes an array of what was collected above `base`.
    pub(crate) fn collected_array(&mut self, base: usize) -> Result<Value, Stop> {
        let array = self.heap.array(&self.collected[base..]);
        self.collected.truncate(base);
        Ok(array?)
    }

    /// After a round of a loop: gives up what it has left behind, if that pays.
    #[inline]
    pub(crate) fn relieve(&mut self, mark: &mut Mark) -> Flow {
        if self.heap.is_due(mark) { self.evacuate(mark, &mut []) } else { Ok(()) }
    }

    #[cold]
    fn evacuate(&mut self, mark: &mut Mark, more: &mut [Value]) -> Flow {
        let Self { heap, collected, states, .. } = self;
        Ok(heap.evacuate(mark, &mut [collected, states, more])?)
    }

    /// The same where a value and the variables are alive too. Those of outer functions as well, because an argument
    /// binds variables in the frame that it belongs to.
    #[cold]
    fn evacuate_call(&mut self, mark: &mut Mark, input: &mut Value) -> Flow {
        let Self { heap, collected, states, frames, .. } = self;
        Ok(heap.evacuate(mark, &mut [collected, states, frames, core::slice::from_mut(input)])?)
    }

    /// Fails with this text.
    pub(crate) fn fail<T>(&mut self, message: &str) -> Result<T, Stop> {
        self.error = self.heap.string(message.as_bytes())?;
        Err(Stop::Error)
    }

    /// Fails with a text that quotes values.
    pub(crate) fn fail_with<T>(&mut self, message: error::Message<'_>) -> Result<T, Stop> {
        let text = message.text(&self.heap);
        self.fail(&text)
    }
}
