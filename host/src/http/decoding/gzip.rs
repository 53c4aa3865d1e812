//! Decodes gzip (RFC 1952): members of a header, data and a trailer, one after the other.
//!
//! The fields of a header are skipped as they arrive, and not kept: they may have any length. `flate2` would keep them, and
//! would not say whether data, a checksum or what follows is wrong.

use crc32fast::Hasher;
use miniz_oxide::inflate::stream::{InflateState, MinReset, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

use crate::http::decoding::coding::{Coding, Flaw, Step, Undecodable};
use crate::http::problem::Problem;

/// A part of a member that begins with the next byte, or has begun.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Fixed,
    ExtraLength,
    Extra(u16),
    Name,
    Comment,
    HeaderChecksum,
    Data,
    Trailer,
}

const FIXED_BYTES: usize = 10;
const TRAILER_BYTES: usize = 8;
/// The first bytes of each member: its format, and the only method of compression.
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

// The flags of a header.
const HAS_CHECKSUM: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

pub(super) struct Gzip {
    part: Part,
    /// The bytes so far of a part with a length that the format gives.
    field: Vec<u8>,
    flags: u8,
    header: Hasher,
    data: Hasher,
    /// The length of the data, of which the trailer has the lower half.
    length: u32,
    has_member: bool,
    state: Box<InflateState>,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self {
            part: Part::Fixed,
            field: Vec::with_capacity(FIXED_BYTES),
            flags: 0,
            header: Hasher::new(),
            data: Hasher::new(),
            length: 0,
            has_member: false,
            state: InflateState::new_boxed(DataFormat::Raw),
        }
    }

    /// The state contains the window. Nothing is allocated later.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + size_of::<InflateState>() + FIXED_BYTES
    }

    pub(super) fn is_complete(&self) -> bool {
        self.part == Part::Fixed && self.field.is_empty()
    }

    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Problem> {
        let mut consumed = 0;
        while self.part != Part::Data {
            let Some(byte) = input.get(consumed) else { return Ok(Step { consumed, produced: 0 }) };
            self.take(*byte)?;
            consumed += 1;
        }
        let step = inflate(&mut self.state, &input[consumed..], output, MZFlush::None);
        match step.status {
            Ok(MZStatus::StreamEnd) => self.begin(Part::Trailer),
            // More input is needed.
            Ok(_) | Err(MZError::Buf) => {}
            Err(_) => return Err(flawed(Flaw::Invalid)),
        }
        self.data.update(&output[..step.bytes_written]);
        // The trailer has the length modulo 2^32.
        self.length = self.length.wrapping_add(step.bytes_written as u32);
        Ok(Step { consumed: consumed + step.bytes_consumed, produced: step.bytes_written })
    }

    /// Takes a byte of a header or trailer.
    fn take(&mut self, byte: u8) -> Result<(), Problem> {
        if !matches!(self.part, Part::HeaderChecksum | Part::Trailer) {
            self.header.update(&[byte]);
        }
        match self.part {
            Part::Fixed => {
                if MAGIC.get(self.field.len()).is_some_and(|magic| *magic != byte) {
                    let flaw = if self.has_member { Flaw::Trailing } else { Flaw::Invalid };
                    return Err(flawed(flaw));
                }
                if self.has_all(byte, FIXED_BYTES) {
                    self.flags = self.field[MAGIC.len()];
                    if self.flags & RESERVED != 0 {
                        return Err(flawed(Flaw::Invalid));
                    }
                    self.begin_present(&[Part::ExtraLength, Part::Name, Part::Comment]);
                }
            }
            Part::ExtraLength => {
                if self.has_all(byte, 2) {
                    match u16::from_le_bytes([self.field[0], self.field[1]]) {
                        0 => self.begin_present(&[Part::Name, Part::Comment]),
                        length => self.begin(Part::Extra(length)),
                    }
                }
            }
            Part::Extra(1) => self.begin_present(&[Part::Name, Part::Comment]),
            Part::Extra(left) => self.part = Part::Extra(left - 1),
            Part::Name if byte == 0 => self.begin_present(&[Part::Comment]),
            Part::Comment if byte == 0 => self.begin_present(&[]),
            Part::Name | Part::Comment => {}
            Part::HeaderChecksum => {
                if self.has_all(byte, 2) {
                    // The lower half of the checksum.
                    let expected = self.header.clone().finalize() as u16;
                    if self.field != expected.to_le_bytes() {
                        return Err(flawed(Flaw::Checksum));
                    }
                    self.begin(Part::Data);
                }
            }
            Part::Trailer => {
                if self.has_all(byte, TRAILER_BYTES) {
                    let checksum = self.data.clone().finalize().to_le_bytes();
                    if self.field != [checksum, self.length.to_le_bytes()].concat() {
                        return Err(flawed(Flaw::Checksum));
                    }
                    self.begin_member();
                }
            }
            Part::Data => unreachable!("the caller decodes data"),
        }
        Ok(())
    }

    /// Adds a byte to a part of so many bytes. True if it was the last one.
    fn has_all(&mut self, byte: u8, bytes: usize) -> bool {
        self.field.push(byte);
        self.field.len() == bytes
    }

    fn begin(&mut self, part: Part) {
        self.part = part;
        self.field.clear();
    }

    /// Begins the first of these parts that the header has, or else what follows them.
    fn begin_present(&mut self, parts: &[Part]) {
        let has = |part: &Part| match part {
            Part::ExtraLength => self.flags & HAS_EXTRA != 0,
            Part::Name => self.flags & HAS_NAME != 0,
            Part::Comment => self.flags & HAS_COMMENT != 0,
            _ => false,
        };
        let rest = if self.flags & HAS_CHECKSUM != 0 { Part::HeaderChecksum } else { Part::Data };
        let part = parts.iter().copied().find(has).unwrap_or(rest);
        self.begin(part);
    }

    fn begin_member(&mut self) {
        self.begin(Part::Fixed);
        self.header.reset();
        self.data.reset();
        self.length = 0;
        self.has_member = true;
        self.state.reset_as(MinReset);
    }
}

fn flawed(flaw: Flaw) -> Problem {
    Problem::Undecodable(Undecodable::Flawed(Coding::Gzip, flaw))
}
