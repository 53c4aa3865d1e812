//! Where the matches of a program may start.

use alloc::{vec, vec::Vec};

use super::{
    inst::{Inst, Program},
    syntax::{Assert, One},
    text,
};

/// The most instructions that are looked at.
const MAX_LOOKS: usize = 200;

/// A set of bytes.
type Bytes = [bool; 256];

/// What is known about the places where matches start.
#[derive(Debug)]
pub(super) enum Start {
    /// Anywhere.
    Anywhere,
    /// Only at the start of the text.
    Text,
    /// Only where the search starts.
    Search,
    /// Only at this byte.
    Byte(u8),
    /// Only at one of these bytes.
    Bytes(alloc::boxed::Box<Bytes>),
}

impl Start {
    /// The places where matches of a program may start.
    pub(super) fn new(program: &Program) -> Self {
        let first =
            program.insts.iter().find(|inst| !matches!(inst, Inst::Save(slot) if *slot >= 2));
        match first {
            Some(Inst::Assert(Assert::TextStart)) => return Self::Text,
            Some(Inst::Assert(Assert::SearchStart)) => return Self::Search,
            _ => {}
        }
        let Some(bytes) = first_bytes(program) else { return Self::Anywhere };
        let mut members = (0..=u8::MAX).filter(|byte| bytes.get(usize::from(*byte)) == Some(&true));
        match (members.next(), members.next()) {
            (Some(only), None) => Self::Byte(only),
            _ => Self::Bytes(alloc::boxed::Box::new(bytes)),
        }
    }

    /// The first place, not before `at`, where a match of a search from `from` may start.
    pub(super) fn next(&self, text: &[u8], from: usize, at: usize) -> Option<usize> {
        let rest = text.get(at..)?;
        match self {
            Self::Anywhere => Some(at),
            Self::Text => (at == 0).then_some(0),
            Self::Search => (at == from).then_some(at),
            Self::Byte(byte) => rest.iter().position(|own| own == byte).map(|index| at + index),
            Self::Bytes(bytes) => {
                // A byte that continues a character is a place of its own only where the search came in.
                let inside = if at == from {
                    rest.iter().take_while(|b| text::is_continuation(**b)).count()
                } else {
                    0
                };
                let may = |(index, byte): (usize, &u8)| {
                    bytes.get(usize::from(*byte)) == Some(&true)
                        && (index < inside || !text::is_continuation(*byte))
                };
                rest.iter().enumerate().position(may).map(|index| at + index)
            }
        }
    }
}

/// The bytes a match may start with, unless it may be empty or is too hard to tell.
fn first_bytes(program: &Program) -> Option<Bytes> {
    let mut bytes = [false; 256];
    let mut seen = vec![false; program.insts.len()];
    let mut open: Vec<usize> = vec![0];
    let mut looks = 0_usize;
    while let Some(place) = open.pop() {
        if core::mem::replace(seen.get_mut(place)?, true) {
            continue;
        }
        looks += 1;
        if looks > MAX_LOOKS {
            return None;
        }
        match program.insts.get(place)? {
            Inst::One(one) => add(program, *one, &mut bytes),
            Inst::Literal { start, .. } => set(&mut bytes, *program.literals.get(*start)?),
            Inst::Run { one, min, max, .. } => {
                if *max > 0 {
                    add(program, *one, &mut bytes);
                }
                if *min == 0 {
                    open.push(place + 1);
                }
            }
            Inst::Split { first, second, .. } => open.extend([*first, *second]),
            Inst::Jump(target) => open.push(*target),
            Inst::Save(_) | Inst::Assert(_) | Inst::CountFrom(_) | Inst::CountRound(_) => {
                open.push(place + 1)
            }
            Inst::CountTest { exit, .. } | Inst::LeaveEmpty { exit, .. } => {
                open.extend([*exit, place + 1])
            }
            Inst::Fail => {}
            _ => return None,
        }
    }
    Some(bytes)
}

/// Adds a byte.
fn set(bytes: &mut Bytes, byte: u8) {
    if let Some(flag) = bytes.get_mut(usize::from(byte)) {
        *flag = true;
    }
}

/// Adds the bytes that the characters of `one` start with.
fn add(program: &Program, one: One, bytes: &mut Bytes) {
    let wide = |bytes: &mut Bytes| (0x80..=u8::MAX).for_each(|byte| set(bytes, byte));
    match one {
        One::Char(c) => {
            set(bytes, c.encode_utf8(&mut [0; 4]).as_bytes().first().copied().unwrap_or(0))
        }
        One::Any | One::AnyButNewline => {
            (0..0x80)
                .filter(|byte| one == One::Any || *byte != b'\n')
                .for_each(|byte| set(bytes, byte));
            wide(bytes);
        }
        One::Word(wanted) => {
            let word = |byte: &u8| (byte.is_ascii_alphanumeric() || *byte == b'_') == wanted;
            (0..0x80).filter(word).for_each(|byte| set(bytes, byte));
            wide(bytes);
        }
        One::Set(index) => {
            let Some(own) = program.sets.get(index) else { return };
            (0..0x80).filter(|byte| own.has_ascii(*byte)).for_each(|byte| set(bytes, byte));
            if own.has_continuation() {
                wide(bytes);
            }
            let lead = |code| {
                char::from_u32(code).map_or(0xf4, |c| c.encode_utf8(&mut [0; 4]).as_bytes()[0])
            };
            for (start, end) in own.ranges() {
                (lead(*start)..=lead(*end)).for_each(|byte| set(bytes, byte));
            }
        }
    }
}
