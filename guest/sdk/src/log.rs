//! The log of this instance: a buffer in its static data, which the host reads there. The interface
//! `log` of the contract describes its layout.
//!
//! A line is formatted on the stack before it goes into the ring, so a value that panics while it is
//! formatted leaves the ring as it was. Nothing here allocates, and the arena's figures do not change.

use std::cell::Cell;
use std::fmt::{self, Write};

/// The version of the layout.
const VERSION: u32 = 1;
/// The room for the text of a panic.
const PANIC_BYTES: usize = 1024;
/// The longest line, without its level and its end.
const LINE_BYTES_MAX: usize = 1000;
/// The room for lines.
const RING_BYTES: usize = 8 << 10;
/// What ends a line. It is in no UTF-8 text.
const END: u8 = 0xff;

thread_local! {
    /// There is one thread. Natively, in tests, each thread has its own. All bytes are zero at first, so that it
    /// takes no room in the component's file.
    static BUFFER: Buffer = const { Buffer::new() };
}

/// The level of a line.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub enum Level {
    /// Something failed.
    Error = b'E',
    /// Something is wrong, and the processor went on.
    Warn = b'W',
    /// Something worth knowing.
    Info = b'I',
    /// For the author.
    Debug = b'D',
}

/// What [`log!`](crate::log!) expands to.
pub fn log(level: Level, text: fmt::Arguments<'_>) {
    let mut line = Text::<LINE_BYTES_MAX>::new();
    line.format(text);
    if cfg!(target_family = "wasm") {
        BUFFER.with(|buffer| buffer.push(level, line.bytes()));
    } else {
        #[expect(clippy::print_stderr, reason = "a native test has no host that would show it")]
        {
            eprintln!("{level:?}: {}", String::from_utf8_lossy(line.bytes()));
        }
    }
}

/// The address of the buffer and its length. From now on the text of a panic is written to it.
#[cfg_attr(not(target_family = "wasm"), expect(dead_code, reason = "natively nothing is exported"))]
pub(crate) fn expose() -> (*const u8, usize) {
    std::panic::set_hook(Box::new(|panic| {
        let mut text = Text::<PANIC_BYTES>::new();
        let message = panic.payload_as_str().unwrap_or("a value that is not a text");
        match panic.location() {
            Some(location) => text.format(format_args!("{location}: {message}")),
            None => text.format(format_args!("{message}")),
        }
        BUFFER.with(|buffer| buffer.set_panic(text.bytes()));
    }));
    BUFFER.with(|buffer| {
        buffer.version.set(VERSION.to_le());
        (std::ptr::from_ref(buffer).cast(), size_of::<Buffer>())
    })
}

/// The layout of the contract.
#[repr(C)]
struct Buffer {
    version: Cell<u32>,
    panic_length: Cell<u32>,
    lines: Cell<u64>,
    written: Cell<u64>,
    panic: [Cell<u8>; PANIC_BYTES],
    ring: [Cell<u8>; RING_BYTES],
}

const _: () = assert!(std::mem::offset_of!(Buffer, panic) == 24);
const _: () = assert!(std::mem::offset_of!(Buffer, ring) == 1048);
const _: () = assert!(size_of::<Buffer>() == 1048 + RING_BYTES);

impl Buffer {
    const fn new() -> Self {
        Self {
            version: Cell::new(0),
            panic_length: Cell::new(0),
            lines: Cell::new(0),
            written: Cell::new(0),
            panic: [const { Cell::new(0) }; PANIC_BYTES],
            ring: [const { Cell::new(0) }; RING_BYTES],
        }
    }

    fn push(&self, level: Level, text: &[u8]) {
        let mut written = u64::from_le(self.written.get());
        for &byte in [level as u8].iter().chain(text).chain(&[END]) {
            self.ring[(written % RING_BYTES as u64) as usize].set(byte);
            written = written.wrapping_add(1);
        }
        self.written.set(written.to_le());
        self.lines.set(u64::from_le(self.lines.get()).wrapping_add(1).to_le());
    }

    fn set_panic(&self, text: &[u8]) {
        for (cell, &byte) in self.panic.iter().zip(text) {
            cell.set(byte);
        }
        self.panic_length.set((text.len() as u32).to_le());
    }
}

/// A text of at most `BYTES` bytes. A longer one is cut, and ends with "…".
struct Text<const BYTES: usize> {
    bytes: [u8; BYTES],
    length: usize,
}

impl<const BYTES: usize> Text<BYTES> {
    const CUT: &str = "…";

    fn new() -> Self {
        Self { bytes: [0; BYTES], length: 0 }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn format(&mut self, text: fmt::Arguments<'_>) {
        // After an error there was too little room, and the rest is not even formatted. It may also be an
        // error of the value's own; then its text ends there.
        if self.write_fmt(text).is_err() {
            let room = self.length.min(BYTES - Self::CUT.len());
            let text = str::from_utf8(self.bytes()).unwrap_or_default();
            self.length = text.floor_char_boundary(room);
            self.append(Self::CUT);
        }
    }

    fn append(&mut self, text: &str) {
        self.bytes[self.length..][..text.len()].copy_from_slice(text.as_bytes());
        self.length += text.len();
    }
}

impl<const BYTES: usize> Write for Text<BYTES> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = text.floor_char_boundary(BYTES - self.length);
        self.append(&text[..fits]);
        if fits < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(buffer: &Buffer, bytes: std::ops::Range<u64>) -> Vec<u8> {
        bytes.map(|at| buffer.ring[at as usize % RING_BYTES].get()).collect()
    }

    #[test]
    fn a_line_is_its_level_its_text_and_an_end() {
        let buffer = Buffer::new();
        buffer.push(Level::Info, "é".as_bytes());
        buffer.push(Level::Error, b"");
        assert_eq!((buffer.lines.get(), buffer.written.get()), (2, 6));
        assert_eq!(text(&buffer, 0..6), b"I\xc3\xa9\xffE\xff");
    }

    #[test]
    fn the_newest_lines_replace_the_oldest() {
        let buffer = Buffer::new();
        for _ in 0..RING_BYTES {
            buffer.push(Level::Warn, b"abc");
        }
        let written = buffer.written.get();
        assert_eq!((buffer.lines.get(), written), (RING_BYTES as u64, 5 * RING_BYTES as u64));
        buffer.push(Level::Debug, b"last");
        assert_eq!(text(&buffer, written - 5..written + 6), b"Wabc\xffDlast\xff");
    }

    #[track_caller]
    fn check_cut(given: &str, expected: &str) {
        let mut text = Text::<8>::new();
        text.format(format_args!("{}{given}", ""));
        assert_eq!(str::from_utf8(text.bytes()), Ok(expected));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        check_cut("", "");
        check_cut("12345678", "12345678");
        check_cut("123456789", "12345…");
        check_cut("1234é", "1234é");
        check_cut("1234567é", "12345…");
        check_cut("1234é890", "1234…");
        check_cut("ééééé", "éé…");
    }

    #[test]
    fn what_is_cut_is_not_formatted() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("é")?;
                }
            }
        }
        let mut text = Text::<8>::new();
        text.format(format_args!("{Endless}"));
        assert_eq!(str::from_utf8(text.bytes()), Ok("éé…"));
    }

    #[test]
    fn a_value_that_fails_ends_its_line() {
        struct Failing;
        impl fmt::Display for Failing {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a")?;
                Err(fmt::Error)
            }
        }
        let mut text = Text::<8>::new();
        text.format(format_args!("{Failing}"));
        assert_eq!(str::from_utf8(text.bytes()), Ok("a…"));
    }

    #[test]
    fn the_text_of_a_panic_has_its_length() {
        let buffer = Buffer::new();
        buffer.set_panic(b"no");
        assert_eq!(buffer.panic_length.get(), 2);
        assert_eq!([buffer.panic[0].get(), buffer.panic[1].get()], *b"no");
    }

    #[test]
    fn all_levels_can_be_logged() {
        crate::log!(error, "a");
        crate::log!(warn, "a {}", 1);
        crate::log!(info, "a {x}", x = 1);
        crate::log!(debug, "{0:?} {0}", "a");
    }
}
