//! A builtin that is a function of the host language.

use crate::run::NativeFunction;

/// A builtin, and what the compiler has to know of it.
#[derive(Clone, Copy)]
pub(super) struct Native {
    pub(super) name: &'static str,
    pub(super) arity: u8,
    pub(super) function: NativeFunction,
    /// It gives an array: the elements of this are its values.
    pub(super) gives_many: bool,
    /// It may change its input in place.
    pub(super) mutates: bool,
    /// It does not look at its input.
    pub(super) ignores_input: bool,
}

impl Native {
    pub(super) const fn new(name: &'static str, arity: u8, function: NativeFunction) -> Self {
        Self { name, arity, function, gives_many: false, mutates: false, ignores_input: false }
    }

    pub(super) const fn many(self) -> Self {
        Self { gives_many: true, ..self }
    }

    pub(super) const fn mutating(self) -> Self {
        Self { mutates: true, ..self }
    }

    pub(super) const fn constant(self) -> Self {
        Self { ignores_input: true, ..self }
    }
}
