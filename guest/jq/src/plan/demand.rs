//! How much of the document a program looks at. What it does not look at is checked, but not read.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::value::Value;

/// How much of a value is looked at.
#[derive(Clone, Debug)]
pub(crate) enum Demand {
    /// Nothing: it may be read as null.
    Nothing,
    /// Its kind, and so much of it if it is an array, or an object. Other values are looked at as they are.
    Parts { array: Part, object: Part },
}

/// How much of an array or an object is looked at.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// Its kind: it may be read as an empty one.
    Kind,
    /// What an object has at these keys, or whether it has them.
    Fields(Fields),
    /// The number of its parts, its keys, and so much of each part.
    Each(Box<Demand>),
    Whole,
}

/// Keys of an object that are looked at, and how much of what is there.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    pub(crate) entries: Vec<(Value, Demand)>,
    /// If there may be many such objects: a number of its own, below [`SHAPES_MAX`].
    pub(crate) shape: Option<u8>,
}

/// The most kinds of objects of which the reader keeps what keys they had before.
pub(crate) const SHAPES_MAX: u8 = 32;

impl Demand {
    pub(crate) const WHOLE: Self = Self::Parts { array: Part::Whole, object: Part::Whole };
    pub(crate) const KIND: Self = Self::Parts { array: Part::Kind, object: Part::Kind };

    /// Of an object, so much of what it has at this key.
    pub(crate) fn field(key: Value, demand: Self) -> Self {
        Self::Parts { array: Part::Kind, object: Part::fields(alloc::vec![(key, demand)]) }
    }

    /// Whether the value is to be read as it is.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Self::Parts { array: Part::Whole, object: Part::Whole })
    }

    /// So much of each part of a container.
    pub(crate) fn each(self) -> Part {
        if self.is_whole() { Part::Whole } else { Part::Each(Box::new(self)) }
    }

    /// How much, if it is an array.
    pub(crate) fn array(self) -> Part {
        match self {
            Self::Nothing => Part::Kind,
            Self::Parts { array, .. } => array,
        }
    }

    /// How much of each element, if it is an array.
    pub(crate) fn element(self) -> Self {
        match self.array() {
            Part::Kind => Self::Nothing,
            Part::Each(each) => *each,
            Part::Fields(_) | Part::Whole => Self::WHOLE,
        }
    }

    /// The same down to so many levels, and below them all. The fields of what is in an array get their numbers.
    pub(crate) fn limited(self, levels: u32, is_repeated: bool, shapes: &mut u8) -> Self {
        let Self::Parts { array, object } = self else { return self };
        if levels == 0 {
            return Self::WHOLE;
        }
        let levels = levels - 1;
        let array = match array {
            Part::Each(each) => each.limited(levels, true, shapes).each(),
            array => array,
        };
        let object = match object {
            Part::Each(each) => each.limited(levels, is_repeated, shapes).each(),
            Part::Fields(Fields { entries, .. }) => {
                let shape = (is_repeated && *shapes < SHAPES_MAX).then_some(*shapes);
                *shapes += u8::from(shape.is_some());
                let entries = entries
                    .into_iter()
                    .map(|(key, demand)| (key, demand.limited(levels, is_repeated, shapes)));
                Part::Fields(Fields { entries: entries.collect(), shape })
            }
            object => object,
        };
        Self::Parts { array, object }
    }
}

impl Part {
    pub(crate) fn fields(entries: Vec<(Value, Demand)>) -> Self {
        Self::Fields(Fields { entries, shape: None })
    }
}
