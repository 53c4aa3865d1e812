//! Objects and strings from their parts.

use super::{Flow, Run, Sink, Stop};
use crate::decode::object_with_repeated_keys;
use crate::error::{Message, Piece};
use crate::plan::{Node, TextPart};
use crate::value::Value;

/// The entries of an object that is being made, the last one first. They are older than what is evaluated next.
struct Entries<'e> {
    key: Value,
    value: Value,
    before: Option<&'e Self>,
}

impl<'r> Run<'r> {
    /// An object with keys and values that all come from nodes that give one value.
    pub(super) fn one_object(
        &mut self,
        entries: &'r [(Node, Option<Node>)],
        keys_differ: bool,
        frame: u32,
        input: Value,
    ) -> Result<Value, Stop> {
        let base = self.collected.len();
        for (key, value) in entries {
            let entry = self.entry_values(key, value.as_ref(), frame, input);
            if let Err(stop) = entry {
                self.collected.truncate(base);
                return Err(stop);
            }
        }
        self.collected_object(base, keys_differ)
    }

    fn entry_values(
        &mut self,
        key: &'r Node,
        value: Option<&'r Node>,
        frame: u32,
        input: Value,
    ) -> Flow {
        let key = self.one(key, frame, input)?;
        let value = match value {
            Some(value) => self.one(value, frame, input)?,
            None => self.index(input, key)?,
        };
        self.check_key(key)?;
        self.collect(key)?;
        self.collect(value)
    }

    fn check_key(&mut self, key: Value) -> Flow {
        if key.is_string() {
            return Ok(());
        }
        self.fail_with(Message(&[
            Piece::Text("Cannot use "),
            Piece::Value(key),
            Piece::Text(" as object key"),
        ]))
    }

    fn collected_object(&mut self, base: usize, keys_differ: bool) -> Result<Value, Stop> {
        let cells = &self.collected[base..];
        let object = if keys_differ {
            self.heap.object(cells)
        } else {
            object_with_repeated_keys(&mut self.heap, cells)
        };
        self.collected.truncate(base);
        Ok(object?)
    }

    /// An object for each combination: the values of the last entry change fastest.
    pub(super) fn each_object(
        &mut self,
        entries: &'r [(Node, Option<Node>)],
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        self.each_entry(entries, None, frame, input, sink)
    }

    fn each_entry(
        &mut self,
        entries: &'r [(Node, Option<Node>)],
        before: Option<&Entries<'_>>,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let Some(((key, value), rest)) = entries.split_first() else {
            let object = self.object_of(before)?;
            return sink(self, object);
        };
        self.each(key, frame, input, &mut |run, key| {
            let mut next = |run: &mut Self, value| {
                run.check_key(key)?;
                run.heap.share(value);
                run.each_entry(rest, Some(&Entries { key, value, before }), frame, input, sink)
            };
            match value {
                Some(value) => run.each(value, frame, input, &mut next),
                None => {
                    let value = run.index(input, key)?;
                    next(run, value)
                }
            }
        })
    }

    fn object_of(&mut self, entries: Option<&Entries<'_>>) -> Result<Value, Stop> {
        let base = self.collected.len();
        let mut open = entries;
        while let Some(entry) = open {
            self.collect(entry.value)?;
            self.collect(entry.key)?;
            open = entry.before;
        }
        self.collected[base..].reverse();
        self.collected_object(base, false)
    }

    /// A string with interpolations. jq evaluates the last one first. So after an error it is looked whether one
    /// behind it fails too, because then that error counts.
    pub(super) fn one_text(
        &mut self,
        parts: &'r [TextPart],
        frame: u32,
        input: Value,
    ) -> Result<Value, Stop> {
        let mut text = Value::EMPTY_STRING;
        for (at, part) in parts.iter().enumerate() {
            let part = match self.text_part(part, frame, input) {
                Err(stop @ (Stop::Error | Stop::Halt { .. })) => {
                    let error = self.error;
                    for part in parts[at + 1..].iter().rev() {
                        self.text_part(part, frame, input)?;
                    }
                    self.error = error;
                    return Err(stop);
                }
                part => part?,
            };
            text = self.heap.concat(text, part)?;
        }
        Ok(text)
    }

    fn text_part(&mut self, part: &'r TextPart, frame: u32, input: Value) -> Result<Value, Stop> {
        match part {
            TextPart::Text(text) => Ok(self.heap.string(text.as_bytes())?),
            TextPart::Value(format, node) => {
                let value = self.one(node, frame, input)?;
                self.format(*format, value)
            }
        }
    }

    /// A string for each combination: the values of the first part change fastest.
    pub(super) fn each_text(
        &mut self,
        parts: &'r [TextPart],
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        self.each_text_before(parts, Value::EMPTY_STRING, frame, input, sink)
    }

    fn each_text_before(
        &mut self,
        parts: &'r [TextPart],
        end: Value,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let Some((last, rest)) = parts.split_last() else { return sink(self, end) };
        match last {
            TextPart::Text(text) => {
                let text = self.heap.string(text.as_bytes())?;
                let end = self.heap.concat(text, end)?;
                self.each_text_before(rest, end, frame, input, sink)
            }
            TextPart::Value(format, node) => self.each(node, frame, input, &mut |run, value| {
                let text = run.format(*format, value)?;
                let end = run.heap.concat(text, end)?;
                run.each_text_before(rest, end, frame, input, sink)
            }),
        }
    }
}
