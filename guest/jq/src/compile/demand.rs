//! Finds out how much of the document a program looks at.
//!
//! The plan is gone through backwards: from how much is looked at of what a node gives, to how much the node looks at
//! of its input. All of it, where that is not known. What is read as null or empty must not make a difference: errors
//! count as looking at what their messages show.

mod calls;
mod join;

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::plan::demand::{Demand, Part};
use crate::plan::{By, Function, NativeCall, Node, Op, TextPart};
use crate::value::{Kind, Value};

/// The most steps of the search, which goes through a function once for each call.
const STEPS_MAX: u32 = 1_000;

/// How deep the search recurses.
const DEPTH_MAX: u32 = 100;

/// So deep the document is read part by part.
const LEVELS_MAX: u32 = 16;

/// The search takes too long.
struct TooMuch;

type Found = Result<Demand, TooMuch>;

/// How much of its input a program looks at.
pub(super) fn of_program(
    main: &Node,
    slots: u32,
    functions: &[Function],
    closures: &[Node],
    constants: &[u8],
) -> Demand {
    if slots > STEPS_MAX {
        return Demand::WHOLE;
    }
    let frames = alloc::vec![Frame::new(slots, 0)];
    let (calls, steps, depth) = (Vec::new(), STEPS_MAX, 0);
    let mut search = Search { functions, closures, constants, frames, calls, steps, depth };
    match search.of(main, 0, Demand::WHOLE) {
        Ok(demand) => demand.limited(LEVELS_MAX, false, &mut 0),
        Err(TooMuch) => Demand::WHOLE,
    }
}

struct Search<'p> {
    functions: &'p [Function],
    closures: &'p [Node],
    constants: &'p [u8],
    /// The functions that are called, each with its own variables.
    frames: Vec<Frame<'p>>,
    /// The functions that are being gone through.
    calls: Vec<u32>,
    steps: u32,
    depth: u32,
}

struct Frame<'p> {
    /// The frame of the function around it.
    outer: usize,
    slots: Vec<Held<'p>>,
}

/// What a variable of the plan holds.
#[derive(Clone)]
enum Held<'p> {
    /// A value, of which so much is looked at, as far as the search has come.
    Value(Demand),
    /// An argument, and the frame that it belongs to.
    Closure(&'p Node, usize),
}

impl Frame<'_> {
    fn new(slots: u32, outer: usize) -> Self {
        Self { outer, slots: alloc::vec![Held::Value(Demand::Nothing); slots as usize] }
    }
}

impl<'p> Search<'p> {
    /// How much a node looks at of its input, if `out` is looked at of what it gives.
    fn of(&mut self, node: &'p Node, frame: usize, out: Demand) -> Found {
        self.step()?;
        if self.depth == DEPTH_MAX {
            return Err(TooMuch);
        }
        self.depth += 1;
        let demand = self.of_op(&node.op, frame, out)?;
        self.depth -= 1;
        Ok(demand)
    }

    fn step(&mut self) -> Result<(), TooMuch> {
        self.steps = self.steps.checked_sub(1).ok_or(TooMuch)?;
        Ok(())
    }

    fn of_op(&mut self, op: &'p Op, frame: usize, out: Demand) -> Found {
        match op {
            Op::Identity => Ok(out),
            Op::OfKind(_) => self.join(out, Demand::KIND),
            Op::Constant(_) | Op::Empty | Op::Break(_) | Op::Input { .. } | Op::Array(None) => {
                Ok(Demand::Nothing)
            }
            Op::Variable(slot) => {
                self.look_at(*slot, frame, out)?;
                Ok(Demand::Nothing)
            }
            Op::Field { of, key } => self.of(of, frame, Demand::field(*key, out)),
            Op::Index { of, key } => match &key.op {
                Op::Constant(Value::Number(_)) => {
                    self.of(of, frame, Demand::Parts { array: out.each(), object: Part::Kind })
                }
                _ => self.whole([&**of, &**key], frame),
            },
            Op::Slice { of, from, to } => {
                let array = out.array();
                let of = self.of(of, frame, Demand::Parts { array, object: Part::Kind })?;
                let bounds =
                    self.whole([from, to].into_iter().flatten().map(|node| &**node), frame)?;
                self.join(of, bounds)
            }
            Op::Iterate(of) => {
                let (array, object) = (self.copy(&out)?.each(), out.each());
                self.of(of, frame, Demand::Parts { array, object })
            }
            Op::Pipe(parts) => {
                let mut out = out;
                for part in parts.iter().rev() {
                    out = self.of(part, frame, out)?;
                }
                Ok(out)
            }
            Op::Comma(parts) => self.of_all(parts, frame, out),
            Op::Parameter(slot) => match self.held(*slot, frame)? {
                Held::Closure(node, frame) => self.of(node, frame, out),
                Held::Value(_) => Err(TooMuch),
            },
            Op::Call(call) => self.of_call(call, frame, out),
            Op::Native { native, arguments } => self.of_native(*native, arguments, frame, out),
            _ => self.of_logic(op, frame, out),
        }
    }

    /// Nodes that choose among what their parts give, or make containers of it.
    fn of_logic(&mut self, op: &'p Op, frame: usize, out: Demand) -> Found {
        match op {
            Op::Compare(_, a, b) => {
                let a_out = compared_with(b);
                let b_out = compared_with(a);
                let a = self.of(a, frame, a_out)?;
                let b = self.of(b, frame, b_out)?;
                self.join(a, b)
            }
            Op::And(a, b) | Op::Or(a, b) => self.of_all([&**a, &**b], frame, Demand::KIND),
            Op::Alternative(a, b) => {
                let tested = self.copy(&out)?;
                let tested = self.join(tested, Demand::KIND)?;
                let a = self.of(a, frame, tested)?;
                let b = self.of(b, frame, out)?;
                self.join(a, b)
            }
            Op::Array(Some(of)) => self.of(of, frame, out.element()),
            Op::Object { entries, .. } => self.of_object(entries, frame, out),
            Op::If { condition, yes, no } => {
                let condition = self.of(condition, frame, Demand::KIND)?;
                let branches = self.of_all([&**yes, &**no], frame, out)?;
                self.join(condition, branches)
            }
            Op::Try { body, handler } => {
                if let Some(handler) = handler {
                    // Its input is an error, of which all is looked at.
                    let out = self.copy(&out)?;
                    self.of(handler, frame, out)?;
                }
                self.of(body, frame, out)
            }
            Op::Optional(of) | Op::Label { body: of, .. } | Op::First(of) | Op::Last(of) => {
                self.of(of, frame, out)
            }
            Op::Limit(count, of) | Op::Skip(count, of) => {
                let count = self.of(count, frame, Demand::WHOLE)?;
                let of = self.of(of, frame, out)?;
                self.join(count, of)
            }
            Op::IsEmpty(of) => self.of(of, frame, Demand::Nothing),
            Op::Any { source, condition, .. } => {
                let condition = self.of(condition, frame, Demand::KIND)?;
                self.of(source, frame, condition)
            }
            Op::By(by, of) => {
                let elements = by_elements(*by, out);
                let keys = self.of(of, frame, Demand::WHOLE)?;
                let array = self.join(keys, elements)?.each();
                Ok(Demand::Parts { array, object: Part::Whole })
            }
            _ => self.of_binding(op, frame, out),
        }
    }

    /// Nodes that look at all that their parts give. If they are paths, all of the input is looked at.
    fn of_rest(&mut self, op: &'p Op, frame: usize) -> Found {
        match op {
            Op::Negate(a) | Op::Format(_, a) | Op::Error(a) | Op::Add(a) => {
                self.whole([&**a], frame)
            }
            Op::Arithmetic(_, a, b) => self.whole([&**a, &**b], frame),
            Op::Range { from, to, by } => {
                let parts = [Some(from), Some(to), by.as_ref()];
                self.whole(parts.into_iter().flatten().map(|node| &**node), frame)
            }
            Op::Text { parts } => {
                let values = parts.iter().filter_map(|part| match part {
                    TextPart::Text(_) => None,
                    TextPart::Value(_, node) => Some(node),
                });
                self.whole(values, frame)
            }
            Op::Recurse(a) | Op::Path(a) | Op::GetPath(a) | Op::Delete(a) | Op::Walk(a) => {
                self.whole([&**a], frame)?;
                Ok(Demand::WHOLE)
            }
            Op::FromStream(a) => self.whole([&**a], frame),
            Op::Set { path: a, value: b, .. } | Op::Update { path: a, value: b, .. } => {
                self.whole([&**a, &**b], frame)?;
                Ok(Demand::WHOLE)
            }
            _ => Ok(Demand::WHOLE),
        }
    }

    /// All of what the nodes give is looked at.
    fn whole(&mut self, nodes: impl IntoIterator<Item = &'p Node>, frame: usize) -> Found {
        self.of_all(nodes, frame, Demand::WHOLE)
    }

    fn of_all(
        &mut self,
        nodes: impl IntoIterator<Item = &'p Node>,
        frame: usize,
        out: Demand,
    ) -> Found {
        let mut all = Demand::Nothing;
        for node in nodes {
            let out = self.copy(&out)?;
            let demand = self.of(node, frame, out)?;
            all = self.join(all, demand)?;
        }
        Ok(all)
    }

    fn of_object(
        &mut self,
        entries: &'p [(Node, Option<Node>)],
        frame: usize,
        out: Demand,
    ) -> Found {
        let mut all = Demand::Nothing;
        for (key, value) in entries {
            let demand = self.of(key, frame, Demand::WHOLE)?;
            all = self.join(all, demand)?;
            let Some(value) = value else {
                all = Demand::WHOLE;
                continue;
            };
            let wanted = match (&out, &key.op) {
                (Demand::Parts { object: Part::Fields(fields), .. }, Op::Constant(key)) => {
                    match fields.entries.iter().find(|(other, _)| self.is_same_key(key, other)) {
                        Some((_, demand)) => self.copy(demand)?,
                        None => Demand::Nothing,
                    }
                }
                (Demand::Parts { object: Part::Each(each), .. }, _) => self.copy(each)?,
                (Demand::Parts { object: Part::Kind, .. } | Demand::Nothing, _) => Demand::Nothing,
                _ => Demand::WHOLE,
            };
            let demand = self.of(value, frame, wanted)?;
            all = self.join(all, demand)?;
        }
        Ok(all)
    }

    fn of_native(
        &mut self,
        native: NativeCall,
        arguments: &'p [Node],
        frame: usize,
        out: Demand,
    ) -> Found {
        let each = || Part::Each(Box::new(Demand::Nothing));
        let input = match (native.name, arguments) {
            _ if native.ignores_input => Demand::Nothing,
            ("not" | "type", _) => Demand::KIND,
            ("length" | "keys" | "keys_unsorted", _) => {
                Demand::Parts { array: each(), object: each() }
            }
            ("has", [Node { op: Op::Constant(key), .. }]) if key.is_string() => {
                Demand::field(*key, Demand::Nothing)
            }
            ("has", _) => Demand::Parts { array: each(), object: each() },
            ("debug" | "stderr", []) => self.join(out, Demand::KIND)?,
            ("reverse", _) => Demand::Parts { array: out.element().each(), object: Part::Whole },
            _ => Demand::WHOLE,
        };
        let arguments = self.whole(arguments, frame)?;
        self.join(input, arguments)
    }
}

/// How much is looked at, if it is compared with what a node gives. A value that is not a container differs from one,
/// and is before it, whatever is in it.
fn compared_with(other: &Node) -> Demand {
    match &other.op {
        Op::Constant(value) if value.kind() < Kind::Array => Demand::KIND,
        _ => Demand::WHOLE,
    }
}

/// How much is looked at of the elements of an array that is ordered.
fn by_elements(by: By, out: Demand) -> Demand {
    match by {
        By::Sort | By::Unique => out.element(),
        By::Group => out.element().element(),
        By::Min | By::Max => out,
    }
}
