//! The messages of errors that a program can catch. They are jq's, because programs match them.

use alloc::string::String;
use alloc::vec::Vec;

use crate::encode;
use crate::heap::Heap;
use crate::text;
use crate::value::Value;

/// A part of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece<'m> {
    Text(&'m str),
    /// `number (1)`
    Value(Value),
    /// `number`
    Kind(Value),
    /// `1`
    Json(Value),
}

/// A message that quotes values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'m>(pub(crate) &'m [Piece<'m>]);

impl Message<'_> {
    pub(crate) fn text(&self, heap: &Heap<'_>) -> String {
        let mut text = String::new();
        for piece in self.0 {
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Kind(value) => text.push_str(value.kind().name()),
                Piece::Json(value) => text.push_str(&abridged(heap, *value)),
                Piece::Value(value) => {
                    text.push_str(value.kind().name());
                    text.push_str(" (");
                    text.push_str(&abridged(heap, *value));
                    text.push(')');
                }
            }
        }
        text
    }
}

/// The JSON text of a value, or its start and `...`.
pub(crate) fn abridged(heap: &Heap<'_>, value: Value) -> String {
    /// More than any abridged text has.
    const BYTES: usize = 128;
    let mut whole = Vec::new();
    encode::encode_start(heap, value, &mut whole, BYTES);
    let mut out = Vec::new();
    text::abridge(&whole, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
