//! Splits a stream of records at line ends.

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr_iter, memrchr};

/// Whole lines, and the number of the first one in the stream.
#[derive(Debug, PartialEq)]
pub(crate) struct Batch {
    pub(crate) bytes: Bytes,
    pub(crate) first: u64,
}

impl Batch {
    pub(crate) fn count(&self) -> usize {
        let ends = memchr_iter(b'\n', &self.bytes).count();
        ends + usize::from(!self.bytes.ends_with(b"\n"))
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = Self> {
        let mut rest = self.bytes.clone();
        let mut first = self.first;
        std::iter::from_fn(move || {
            let bytes = rest.split_to(line_end(&rest)?);
            first += 1;
            Some(Self { bytes, first: first - 1 })
        })
    }
}

/// The length of the first line with its line feed; none if there are no bytes.
fn line_end(bytes: &[u8]) -> Option<usize> {
    let end = memchr(b'\n', bytes).map_or(bytes.len(), |index| index + 1);
    (end > 0).then_some(end)
}

#[derive(Debug, PartialEq)]
pub(crate) enum Piece {
    Lines(Batch),
    /// The record with this number is too long.
    TooLong(u64),
}

/// Splits a stream of bytes at line ends. Holds at most one record.
pub(crate) struct LineSplitter {
    most: usize,
    /// The number of the next record.
    pub(crate) next: u64,
    /// The beginning of a record that has not arrived completely.
    pub(crate) pending: BytesMut,
    /// Whether the current record is too long. The rest of it is skipped.
    skipping: bool,
}

impl LineSplitter {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, next: 1, pending: BytesMut::new(), skipping: false }
    }

    pub(crate) fn push(&mut self, mut data: Bytes, pieces: &mut Vec<Piece>) {
        if self.skipping || !self.pending.is_empty() {
            let end = memchr(b'\n', &data).map(|index| index + 1);
            let begin = data.split_to(end.unwrap_or(data.len()));
            self.extend(&begin, pieces);
            if end.is_none() {
                return;
            }
            self.end(pieces);
        }
        let whole = memrchr(b'\n', &data).map_or(0, |index| index + 1);
        let rest = data.split_off(whole);
        self.group(data, pieces);
        self.extend(&rest, pieces);
    }

    pub(crate) fn finish(&mut self, pieces: &mut Vec<Piece>) {
        if self.skipping || !self.pending.is_empty() {
            self.end(pieces);
        }
    }

    /// Adds bytes to the current record.
    fn extend(&mut self, bytes: &[u8], pieces: &mut Vec<Piece>) {
        if self.skipping {
            return;
        }
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        if self.pending.len() + text.len() > self.most {
            pieces.push(Piece::TooLong(self.next));
            self.pending.clear();
            self.skipping = true;
        } else {
            self.pending.extend_from_slice(bytes);
        }
    }

    /// Completes the current record.
    fn end(&mut self, pieces: &mut Vec<Piece>) {
        if !std::mem::take(&mut self.skipping) {
            pieces.push(Piece::Lines(Batch {
                bytes: self.pending.split().freeze(),
                first: self.next,
            }));
        }
        self.next += 1;
    }

    /// Makes batches of whole lines. Each is at most as large as a body may be, not counting its
    /// last line feed.
    fn group(&mut self, mut lines: Bytes, pieces: &mut Vec<Piece>) {
        while !lines.is_empty() {
            let mut size = 0;
            let mut count = 0;
            while let Some(end) = line_end(&lines[size..]).filter(|end| size + end <= self.most + 1)
            {
                size += end;
                count += 1;
            }
            if count == 0 {
                let end = line_end(&lines).expect("there are lines left");
                drop(lines.split_to(end));
                pieces.push(Piece::TooLong(self.next));
                self.next += 1;
            } else {
                pieces.push(Piece::Lines(Batch { bytes: lines.split_to(size), first: self.next }));
                self.next += count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits a text at every possible pair of positions and expects the same records each time.
    #[track_caller]
    fn check(text: &str, most: usize, expected: &[(u64, Option<&str>)]) {
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut splitter = LineSplitter::new(most);
                let mut pieces = Vec::new();
                for part in [&text[..first], &text[first..second], &text[second..]] {
                    splitter.push(Bytes::copy_from_slice(part.as_bytes()), &mut pieces);
                }
                splitter.finish(&mut pieces);
                let mut found = Vec::new();
                for piece in &pieces {
                    match piece {
                        Piece::TooLong(record) => found.push((*record, None)),
                        Piece::Lines(batch) => {
                            assert!(batch.bytes.len() <= most + 1);
                            assert_eq!(batch.lines().count(), batch.count());
                            found.extend(batch.lines().map(|line| {
                                (line.first, Some(String::from_utf8(line.bytes.to_vec()).unwrap()))
                            }));
                        }
                    }
                }
                let expected: Vec<_> = expected
                    .iter()
                    .map(|(record, line)| (*record, line.map(str::to_owned)))
                    .collect();
                assert_eq!(found, expected, "split at {first} and {second}");
            }
        }
    }

    #[test]
    fn records_do_not_depend_on_how_the_network_splits_them() {
        check("", 10, &[]);
        check("1\n", 10, &[(1, Some("1\n"))]);
        check("1\n\n3\n", 10, &[(1, Some("1\n")), (2, Some("\n")), (3, Some("3\n"))]);
        check("{}\n[1]\n\"ab\"", 10, &[(1, Some("{}\n")), (2, Some("[1]\n")), (3, Some("\"ab\""))]);
    }

    #[test]
    fn a_record_that_is_too_long_is_reported_and_skipped() {
        check("1\n123456789\n3\n", 5, &[(1, Some("1\n")), (2, None), (3, Some("3\n"))]);
        check("123456789", 5, &[(1, None)]);
        check("12345\n123456\n", 5, &[(1, Some("12345\n")), (2, None)]);
    }
}
