//! The error message of a failed program, of bounded length.
//!
//! jaq's messages contain values, whole. A value may be as large as the memory or nest deeper than
//! the stack, so a message is cut off while it is written.

use core::fmt::{self, Write};
use jaq_json::{Error, Val};

/// Bytes of a message. Also bounds how deep its value is followed: each level writes a byte.
const MESSAGE_BYTES_MAX: usize = 512;

/// The message of an error. If the error is a string, as after `error("…")`, that string.
pub(super) fn message(error: Error) -> String {
    let mut text = Bounded(String::new());
    let complete = write!(text, "{error}").is_ok();
    let mut text = text.0;
    // Only a string begins with a quote; jaq's other messages begin with a letter.
    if text.starts_with('"') {
        return match error.into_val() {
            Val::TStr(string) => cut(&String::from_utf8_lossy(&string)),
            _ => text,
        };
    }
    if !complete {
        text.push('…');
    }
    text
}

fn cut(text: &str) -> String {
    if text.len() <= MESSAGE_BYTES_MAX {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(MESSAGE_BYTES_MAX)])
}

struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let left = MESSAGE_BYTES_MAX - self.0.len();
        let end = text.floor_char_boundary(left);
        self.0.push_str(&text[..end]);
        if end < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}
