//! The log that a guest keeps in its own memory: its lines, and the text of its last panic. The interface `log` of the
//! contract describes the layout.
//!
//! The guest is asked once where its buffer is. Wasmtime then reads the memory in place, so nothing here calls the
//! guest, and a trapped instance can be read too. The guest can write anything to the buffer at any time. So nothing
//! in it is trusted: no number in it is an address, each index is reduced to the size of the ring, and what is taken
//! at once is bounded.

use serde::{Deserialize, Serialize};
use wasmtime::Store;
use wasmtime::component::{Component, ComponentExportIndex, Instance, TypedFunc, WasmList};

use crate::component::guest_text::GuestText;
use crate::component::world::LOG_EXPORT;
use crate::runtime::guest_memory::GuestBytes;

/// The room for the text of a panic.
const PANIC_BYTES: usize = 1024;
/// The largest ring.
const RING_BYTES_MAX: usize = 64 << 10;
/// How many lines are taken at once. Older ones count as dropped.
const LINES_MAX: usize = 256;
/// What ends a line.
const END: u8 = 0xff;

/// The buffer of one instance.
pub(crate) struct LogBuffer {
    place: LogPlace,
    read: Position,
}

/// Where a buffer is.
pub(crate) enum LogPlace {
    /// As a component has told.
    List(WasmList<u8>),
    /// As a core module has told.
    Bytes(GuestBytes),
}

/// Where the buffer of an instance is, and how much of it was read. In another instance of the same state it is there
/// too.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct LogMark {
    /// Where it begins, and its length.
    pub(crate) place: (usize, usize),
    read: Position,
}

/// Lines of a guest's log.
#[derive(Debug, Default)]
pub(crate) struct LogLines {
    bytes: Vec<u8>,
    /// How many lines at the begin of these bytes are left out.
    left_out: usize,
    /// How many older lines were overwritten before they were read, or left out.
    pub(crate) dropped: u64,
}

/// A line of a guest's log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogLine<'a> {
    pub(crate) level: LogLevel,
    text: &'a [u8],
}

/// The level of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

impl LogBuffer {
    /// The function of a component that returns its buffer, if it has one.
    pub(crate) fn export(component: &Component) -> Option<ComponentExportIndex> {
        let interface = component.get_export_index(None, LOG_EXPORT)?;
        component.get_export_index(Some(&interface), "buffer")
    }

    /// The same function of an instance.
    ///
    /// # Errors
    ///
    /// If it has another type.
    pub(crate) fn function<T: 'static>(
        export: &ComponentExportIndex,
        instance: &Instance,
        store: &mut Store<T>,
    ) -> wasmtime::Result<TypedFunc<(), (WasmList<u8>,)>> {
        let function = instance.get_typed_func(store, export);
        function.map_err(|error| error.context(format!("the function buffer of {LOG_EXPORT}")))
    }

    /// The buffer that the function returned.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn new<T: 'static>(place: LogPlace, store: &Store<T>) -> Result<Self, String> {
        let read = Position::default();
        match Layout::of(place.bytes(store)) {
            Some(Layout { version: 1, .. }) => Ok(Self { place, read }),
            Some(Layout { version, .. }) => {
                Err(format!("expected a log of version 1, got version {version}"))
            }
            None => Err(format!(
                "expected a log with a ring of 1 to {RING_BYTES_MAX} bytes, got {} bytes in all",
                place.bytes(store).len()
            )),
        }
    }

    /// The same buffer in another instance.
    pub(crate) fn mark(&self) -> Option<LogMark> {
        match self.place {
            LogPlace::List(_) => None,
            LogPlace::Bytes(bytes) => Some(LogMark { place: bytes.place(), read: self.read }),
        }
    }

    /// The buffer at a mark, which is in these bytes of another instance.
    pub(crate) fn resume(mark: LogMark, bytes: GuestBytes) -> Self {
        Self { place: LogPlace::Bytes(bytes), read: mark.read }
    }

    /// The lines that were written since the last call. Usually there are none.
    #[inline]
    pub(crate) fn take<T: 'static>(&mut self, store: &Store<T>) -> Option<LogLines> {
        let layout = Layout::of(self.place.bytes(store))?;
        (layout.written != self.read).then(|| layout.take(&mut self.read))
    }

    /// The text of the last panic.
    pub(crate) fn panic<T: 'static>(&self, store: &Store<T>) -> Option<GuestText> {
        Layout::of(self.place.bytes(store))?.panic()
    }
}

impl LogPlace {
    #[inline]
    fn bytes<'a, T: 'static>(&self, store: &'a Store<T>) -> &'a [u8] {
        match self {
            Self::List(list) => list.as_le_slice(store),
            Self::Bytes(bytes) => bytes.as_slice(store),
        }
    }
}

/// How much was written or read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    lines: u64,
    bytes: u64,
}

/// The parts of a buffer.
struct Layout<'a> {
    version: u32,
    panic_length: u32,
    written: Position,
    panic: &'a [u8; PANIC_BYTES],
    ring: &'a [u8],
}

impl<'a> Layout<'a> {
    #[inline]
    fn of(buffer: &'a [u8]) -> Option<Self> {
        let (version, rest) = buffer.split_first_chunk()?;
        let (panic_length, rest) = rest.split_first_chunk()?;
        let (lines, rest) = rest.split_first_chunk()?;
        let (bytes, rest) = rest.split_first_chunk()?;
        let (panic, ring) = rest.split_first_chunk()?;
        let (lines, bytes) = (u64::from_le_bytes(*lines), u64::from_le_bytes(*bytes));
        (1..=RING_BYTES_MAX).contains(&ring.len()).then_some(Self {
            version: u32::from_le_bytes(*version),
            panic_length: u32::from_le_bytes(*panic_length),
            written: Position { lines, bytes },
            panic,
            ring,
        })
    }

    #[cold]
    fn take(&self, read: &mut Position) -> LogLines {
        let Position { lines, bytes } = self.written;
        let size = self.ring.len() as u64;
        let unread = bytes.wrapping_sub(read.bytes);
        let is_overwritten = unread > size;
        let kept = unread.min(size);
        let first = bytes.wrapping_sub(kept);
        let (wrapped, begin) = self.ring.split_at((first % size) as usize);
        let (kept, in_begin) = (kept as usize, begin.len().min(kept as usize));
        let bytes = [&begin[..in_begin], &wrapped[..kept - in_begin]].concat();
        let count = bytes.iter().filter(|byte| **byte == END).count();
        // If what came before was overwritten, the first line is not a whole one.
        let left_out = usize::from(is_overwritten).max(count.saturating_sub(LINES_MAX));
        let shown = count.saturating_sub(left_out) as u64;
        let dropped = lines.wrapping_sub(read.lines).saturating_sub(shown);
        *read = self.written;
        LogLines { bytes, left_out, dropped }
    }

    fn panic(&self) -> Option<GuestText> {
        let length = usize::try_from(self.panic_length).unwrap_or(usize::MAX).min(PANIC_BYTES);
        let text = String::from_utf8_lossy(&self.panic[..length]);
        (length > 0).then(|| GuestText::new(text))
    }
}

impl LogLines {
    /// The lines, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = LogLine<'_>> {
        let lines = self.bytes.split_inclusive(|byte| *byte == END).skip(self.left_out);
        // What follows the last end is not a whole line.
        lines.filter_map(|line| line.strip_suffix(&[END])).map(LogLine::parse)
    }
}

impl<'a> LogLine<'a> {
    fn parse(line: &'a [u8]) -> Self {
        let (level, text) = match line {
            [b'E', text @ ..] => (LogLevel::Error, text),
            [b'W', text @ ..] => (LogLevel::Warn, text),
            [b'D', text @ ..] => (LogLevel::Debug, text),
            [b'I', text @ ..] | text => (LogLevel::Info, text),
        };
        Self { level, text }
    }

    /// The text, printable. It is made here, so that a line that is not shown costs little.
    pub(crate) fn text(self) -> GuestText {
        GuestText::new(String::from_utf8_lossy(self.text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RING_BYTES: usize = 16;

    /// A buffer as a guest would have it that has written this.
    fn buffer(panic: &str, lines: &[&str]) -> Vec<u8> {
        let mut ring = [0; RING_BYTES];
        let mut written = 0;
        for byte in lines.iter().flat_map(|line| line.bytes().chain([END])) {
            ring[written % RING_BYTES] = byte;
            written += 1;
        }
        let mut text = [0; PANIC_BYTES];
        text[..panic.len()].copy_from_slice(panic.as_bytes());
        let head = [1_u32.to_le_bytes(), (panic.len() as u32).to_le_bytes()].concat();
        let counts = [(lines.len() as u64).to_le_bytes(), (written as u64).to_le_bytes()].concat();
        [&head[..], &counts, &text, &ring].concat()
    }

    fn take(buffer: &[u8], read: &mut Position) -> (Vec<String>, u64) {
        let taken = Layout::of(buffer).unwrap().take(read);
        let name = |line: LogLine<'_>| format!("{:?} {}", line.level, line.text());
        (taken.iter().map(name).collect(), taken.dropped)
    }

    #[track_caller]
    fn check(lines: &[&str], expected: &[&str], dropped: u64) {
        let mut read = Position::default();
        let (taken, left_out) = take(&buffer("", lines), &mut read);
        assert_eq!(
            (taken, left_out),
            (expected.iter().map(|&line| line.to_owned()).collect(), dropped)
        );
    }

    #[test]
    fn lines_are_read_from_where_the_last_reading_ended() {
        let mut read = Position::default();
        assert_eq!(
            take(&buffer("", &["Ia", "E"]), &mut read),
            (vec!["Info a".into(), "Error ".into()], 0)
        );
        let more = buffer("", &["Ia", "E", "Wé", "Db"]);
        assert_eq!(take(&more, &mut read), (vec!["Warn é".into(), "Debug b".into()], 0));
        assert_eq!(Layout::of(&more).unwrap().written, read, "there is nothing more to read");
    }

    #[test]
    fn overwritten_lines_are_counted() {
        // 16 bytes are exactly full.
        check(&["I123456", "I123456"], &["Info 123456", "Info 123456"], 0);
        check(&["I1", "I123456", "I123456"], &["Info 123456"], 2);
        check(&["Ia", "I123456789012345678901234567890"], &[], 2);
    }

    #[test]
    fn at_most_256_lines_are_taken_at_once() {
        let ring = [b"Ia\xff".repeat(300), vec![0; 500]].concat();
        let written = Position { lines: 300, bytes: 900 };
        let panic = &[0; PANIC_BYTES];
        let layout = Layout { version: 1, panic_length: 0, written, panic, ring: &ring };
        let taken = layout.take(&mut Position::default());
        assert_eq!((taken.iter().count(), taken.dropped), (256, 44));
    }

    #[test]
    fn what_is_not_a_line_is_shown_as_text() {
        check(&["", "?", "I\n\u{1b}"], &["Info ", "Info ?", "Info \\n\\u{1b}"], 0);
    }

    #[test]
    fn a_panic_has_a_text_or_not() {
        let panic = |text| Layout::of(&buffer(text, &[])).unwrap().panic();
        assert_eq!(panic(""), None);
        assert_eq!(panic("no\n"), Some(GuestText::new("no\n")));
        let mut longer = buffer(&"a".repeat(PANIC_BYTES), &[]);
        longer[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        let text = Layout::of(&longer).unwrap().panic();
        assert_eq!(text, Some(GuestText::new("a".repeat(PANIC_BYTES))));
    }

    #[test]
    fn a_ring_has_at_least_one_byte_and_not_too_many() {
        let head = 24 + PANIC_BYTES;
        for (length, is_one) in [
            (0, false),
            (head, false),
            (head + 1, true),
            (head + RING_BYTES_MAX, true),
            (head + RING_BYTES_MAX + 1, false),
        ] {
            assert_eq!(Layout::of(&vec![0; length]).is_some(), is_one, "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_within_bounds(
            head in any::<[u8; 24]>(),
            panic in any::<u8>(),
            ring in prop::collection::vec(any::<u8>(), 1..2000),
            read in any::<(u64, u64)>(),
        ) {
            let bytes = [&head[..], &[panic; PANIC_BYTES], &ring].concat();
            let layout = Layout::of(&bytes).unwrap();
            let mut read = Position { lines: read.0, bytes: read.1 };
            let taken = layout.take(&mut read);
            prop_assert!(taken.iter().map(LogLine::text).count() <= LINES_MAX);
            prop_assert_eq!(read, layout.written);
            layout.panic();
        }
    }
}
