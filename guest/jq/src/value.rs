//! A value: 16 bytes that are copied freely.
//!
//! Strings of at most [`SHORT_MAX`] bytes are in the value itself. All else is in the heap of the run, and the
//! value says where. So a value means nothing without its heap, and nothing after the run.

pub(crate) use crate::text::window::SHORT_MAX;
use crate::text::window::{self, window};

/// A JSON value, or one of the few things that only variables and the heap hold.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Value {
    #[default]
    Null,
    False,
    True,
    Number(f64),
    /// A number that keeps the digits it was written with: jq's canonical text of it.
    Literal {
        origin: Origin,
        len: u32,
        start: u32,
        block: u32,
    },
    /// A string of at most [`SHORT_MAX`] bytes. Those behind its end are zero, so that equal strings are equal
    /// in all bytes.
    Short {
        len: u8,
        bytes: [u8; SHORT_MAX],
    },
    /// A longer string: UTF-8.
    Text {
        origin: Origin,
        len: u32,
        start: u32,
        block: u32,
    },
    /// Elements in the cells from `start`, in the block with its header in the cell `block`.
    Array {
        len: u32,
        start: u32,
        block: u32,
    },
    /// `len` entries of two cells each, key and value, from `start`.
    Object {
        len: u32,
        start: u32,
        block: u32,
    },

    /// The header of a block in the heap.
    Block {
        kind: BlockKind,
        sharing: Sharing,
        state: BlockState,
        /// Elements, entries or bytes.
        capacity: u32,
        used: u32,
        /// Of text: where its bytes start. Of an object: the block of its index, or 0.
        extra: u32,
    },
    /// In front of the header of a block that is [`BlockState::AsRead`]: where the document has it, and how many arrays
    /// and objects nest in it.
    Source {
        start: u32,
        len: u32,
        levels: u32,
    },
    /// In a frame: the frame of the enclosing function.
    Frame(u32),
    /// In a frame: an argument. A node of the plan, and the frame that it belongs to.
    Closure {
        node: u32,
        frame: u32,
    },
    /// In a frame: a label that is in force.
    Label(u32),
}

const _: () = assert!(size_of::<Value>() == 16);

/// Where the bytes of a string are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In the document.
    Document,
    /// In the constants of the program.
    Constants,
    /// In the heap's text.
    Heap,
}

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockKind {
    Array,
    Object,
    Text,
    /// The hash index of an object.
    Index,
    /// It has moved: `extra` is its new place.
    Moved,
}

/// Whether a block is as it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockState {
    Made,
    /// As it was read, and the document has it as it is to be printed. In front of it is a [`Value::Source`].
    AsRead,
    /// Written in place: the heap has a list of these.
    Written,
}

/// How many places may hold a block. It only grows, except for a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Only the evaluation that made it, which may change it in place.
    Fresh,
    /// One other block.
    Stored,
    /// Any number: it does not change any more.
    Shared,
}

/// The kinds of JSON values, in jq's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Null,
    False,
    True,
    Number,
    String,
    Array,
    Object,
}

impl Value {
    pub(crate) const EMPTY_STRING: Self = Self::Short { len: 0, bytes: [0; SHORT_MAX] };
    pub(crate) const EMPTY_ARRAY: Self = Self::Array { len: 0, start: 1, block: 0 };
    pub(crate) const EMPTY_OBJECT: Self = Self::Object { len: 0, start: 1, block: 0 };

    pub(crate) const fn bool(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }

    /// A number of things.
    pub(crate) fn count(count: usize) -> Self {
        Self::Number(count as f64)
    }

    /// A string that fits into a value.
    #[inline]
    pub(crate) fn short(text: &[u8]) -> Option<Self> {
        if text.len() > SHORT_MAX {
            return None;
        }
        let mut bytes = [0; SHORT_MAX];
        // One by one, since a copy of a length that is not known is a call.
        for (byte, source) in bytes.iter_mut().zip(text) {
            *byte = *source;
        }
        Some(Self::Short { len: text.len() as u8, bytes })
    }

    /// A string that fits into a value, at this place of a longer text.
    #[inline]
    pub(crate) fn short_at(text: &[u8], start: usize, len: usize) -> Option<Self> {
        if len > SHORT_MAX {
            return None;
        }
        let Some(window) = window(text, start) else {
            return Self::short(&text[start..start + len]);
        };
        Some(Self::Short { len: len as u8, bytes: window::short(window, len) })
    }

    #[inline]
    pub(crate) fn is_true(&self) -> bool {
        !matches!(self, Self::Null | Self::False)
    }

    #[inline]
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::False => Kind::False,
            Self::True => Kind::True,
            Self::Number(_) | Self::Literal { .. } => Kind::Number,
            Self::Short { .. } | Self::Text { .. } => Kind::String,
            Self::Array { .. } => Kind::Array,
            Self::Object { .. } => Kind::Object,
            Self::Null
            | Self::Block { .. }
            | Self::Source { .. }
            | Self::Frame(_)
            | Self::Closure { .. }
            | Self::Label(_) => Kind::Null,
        }
    }

    pub(crate) fn is_string(&self) -> bool {
        matches!(self, Self::Short { .. } | Self::Text { .. })
    }

    pub(crate) fn is_container(&self) -> bool {
        matches!(self, Self::Array { .. } | Self::Object { .. })
    }

    /// Whether both are the same in memory: equal scalars, or the same container.
    pub(crate) fn is_identical(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.to_bits() == b.to_bits(),
            (Self::Short { bytes: a, len: n }, Self::Short { bytes: b, len: m }) => {
                n == m && a == b
            }
            (
                Self::Array { len, start, block } | Self::Object { len, start, block },
                Self::Array { len: l, start: s, block: b }
                | Self::Object { len: l, start: s, block: b },
            ) => self.kind() == other.kind() && (len, start, block) == (l, s, b),
            (
                Self::Text { origin, len, start, block }
                | Self::Literal { origin, len, start, block },
                Self::Text { origin: o, len: l, start: s, block: b }
                | Self::Literal { origin: o, len: l, start: s, block: b },
            ) => self.kind() == other.kind() && (origin, len, start, block) == (o, l, s, b),
            _ => self.kind() == other.kind() && !self.is_string() && self.kind() < Kind::Number,
        }
    }
}

impl Kind {
    /// A bit of its own.
    pub(crate) const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// The name that `type` gives.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::False | Self::True => "boolean",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}
