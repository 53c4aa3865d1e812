//! The formats, such as `@csv`.

use alloc::vec::Vec;

use super::native::Native;
use crate::encode;
use crate::error::{Message, Piece};
use crate::plan::Format;
use crate::run::{Run, Stop};
use crate::text;
use crate::value::{Kind, Value};

pub(super) const TABLE: &[Native] = &[Native::new("format", 1, |run, input, arguments| {
    let format = match run.heap.bytes(&arguments[0]) {
        _ if !arguments[0].is_string() => None,
        b"text" => Some(Format::Text),
        b"json" => Some(Format::Json),
        b"csv" => Some(Format::Csv),
        b"tsv" => Some(Format::Tsv),
        b"html" => Some(Format::Html),
        b"uri" => Some(Format::Uri),
        b"urid" => Some(Format::UriDecode),
        b"sh" => Some(Format::Sh),
        b"base64" => Some(Format::Base64),
        b"base64d" => Some(Format::Base64Decode),
        _ => None,
    };
    match format {
        Some(format) => run.format(format, input),
        None if arguments[0].is_string() => {
            let name = run.text_of(arguments[0])?;
            run.fail(&alloc::format!("{name} is not a valid format"))
        }
        None => run.fail_with(Message(&[
            Piece::Value(arguments[0]),
            Piece::Text(" is not a valid format"),
        ])),
    }
})];

impl Run<'_> {
    /// A value in a format.
    pub(crate) fn format(&mut self, format: Format, value: Value) -> Result<Value, Stop> {
        if format == Format::Text && value.is_string() {
            return Ok(value);
        }
        let mut out = core::mem::take(&mut self.scratch);
        out.clear();
        let result = self.write_format(format, value, &mut out);
        let text = result.and_then(|()| Ok(self.heap.string(&out)?));
        self.scratch = out;
        text
    }

    fn write_format(
        &mut self,
        format: Format,
        value: Value,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        match format {
            Format::Text | Format::Json => encode::encode(&self.heap, value, out)?,
            Format::Csv => self.write_row(value, out, "csv", b',')?,
            Format::Tsv => self.write_row(value, out, "tsv", b'\t')?,
            Format::Sh => self.write_words(value, out)?,
            Format::Html => text::html(&self.text_of(value)?, out),
            Format::Uri => text::uri(&self.text_of(value)?, out),
            Format::Base64 => text::encode_base64(&self.text_of(value)?, out),
            Format::UriDecode => {
                if !text::decode_uri(&self.text_of(value)?, out) {
                    return self.fail_format(value, "is not a valid uri encoding");
                }
            }
            Format::Base64Decode => {
                if let Err(fault) = text::decode_base64(&self.text_of(value)?, out) {
                    return self.fail_format(value, fault.message());
                }
            }
        }
        Ok(())
    }

    fn fail_format<T>(&mut self, value: Value, what: &str) -> Result<T, Stop> {
        let text = self.format(Format::Text, value)?;
        self.fail_with(Message(&[Piece::Value(text), Piece::Text(" "), Piece::Text(what)]))
    }

    fn write_row(
        &mut self,
        value: Value,
        out: &mut Vec<u8>,
        name: &str,
        separator: u8,
    ) -> Result<(), Stop> {
        if value.kind() != Kind::Array {
            let what = alloc::format!(" cannot be {name}-formatted, only array");
            return self.fail_with(Message(&[Piece::Value(value), Piece::Text(&what)]));
        }
        for at in 0..self.heap.cells(value).len() {
            if at > 0 {
                self.heap.check_text(out)?;
                out.push(separator);
            }
            let cell = self.heap.cell(value, at);
            match cell.kind() {
                Kind::Null => {}
                Kind::String if separator == b',' => text::csv_field(self.heap.str(&cell), out),
                Kind::String => text::tsv_field(self.heap.str(&cell), out),
                Kind::Number if self.heap.double(&cell).is_some_and(f64::is_nan) => {}
                Kind::False | Kind::True | Kind::Number => encode::encode(&self.heap, cell, out)?,
                Kind::Array | Kind::Object => {
                    // It is jq's text for both.
                    return self.fail_with(Message(&[
                        Piece::Value(cell),
                        Piece::Text(" is not valid in a csv row"),
                    ]));
                }
            }
        }
        Ok(())
    }

    fn write_words(&mut self, value: Value, out: &mut Vec<u8>) -> Result<(), Stop> {
        if value.kind() != Kind::Array {
            return self.write_word(value, out);
        }
        for at in 0..self.heap.cells(value).len() {
            if at > 0 {
                self.heap.check_text(out)?;
                out.push(b' ');
            }
            let word = self.heap.cell(value, at);
            self.write_word(word, out)?;
        }
        Ok(())
    }

    fn write_word(&mut self, value: Value, out: &mut Vec<u8>) -> Result<(), Stop> {
        match value.kind() {
            Kind::String => text::shell_word(self.heap.str(&value), out),
            Kind::Array | Kind::Object => {
                return self.fail_with(Message(&[
                    Piece::Value(value),
                    Piece::Text(" can not be escaped for shell"),
                ]));
            }
            _ => encode::encode(&self.heap, value, out)?,
        }
        Ok(())
    }
}
