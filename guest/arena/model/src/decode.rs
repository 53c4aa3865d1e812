//! How bytes become programs. All bytes mean something, so that a fuzzer can change any of them, and equal bytes mean the
//! same on every machine.

use phase_arena::Scrub;

use crate::life::{Life, Op};
use crate::sandbox::Contents;

/// Regions are at most so large. Miri is slow with large ones.
const LEN_MAX: usize = if cfg!(miri) { 30_000 } else { 300_000 };

/// How deep phases and persistent closures nest.
const DEPTH_MAX: u32 = 3;

/// The operations of a configuration are at most so many.
const CONFIGURATION_MAX: usize = 20;

/// Sizes of small blocks end a little above this one, which is also the largest alignment.
const SIZE_MAX: usize = 4096;

/// The bytes that are left. After the last one there are zeros.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> usize {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first.into()
    }

    /// Two bytes as a number.
    fn pair(&mut self) -> usize {
        self.next() << 8 | self.next()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A size: small ones and the edges of classes more often, up to a little above `SIZE_MAX`.
    fn size(&mut self) -> usize {
        let (kind, byte) = (self.next(), self.next());
        match kind % 6 {
            0..=2 => byte % 80,
            3 | 4 => ((kind / 6) << 8 | byte) % (SIZE_MAX + 5),
            _ => (1 << (3 + byte % 10)) + byte / 10 % 3 - 1,
        }
    }

    /// The same times a power of two, up to half a megabyte.
    fn large_size(&mut self) -> usize {
        let size = self.size();
        size << (self.next() % 8)
    }

    /// An alignment up to `SIZE_MAX`, mostly an ordinary one.
    fn align(&mut self) -> usize {
        let byte = self.next();
        1 << (byte / 5 % if byte % 5 == 4 { 13 } else { 4 })
    }

    /// Any operation.
    fn op(&mut self, depth: u32) -> Op {
        let kind = self.next();
        match kind % 25 {
            0..6 => Op::Alloc { size: self.size(), align: self.align(), zeroed: kind > 127 },
            6..10 => Op::Realloc { which: self.pair(), size: self.size() },
            10..15 => Op::Free { which: self.pair() },
            15..18 => Op::ScopeAlloc { size: self.size(), unit: self.next() as u8 % 5 },
            18 => Op::BeginRequest,
            19 => Op::BeginInspection,
            20 => Op::EndRequest,
            21 => Op::Scrub([Scrub::Off, Scrub::Zero, Scrub::Poison][kind % 3]),
            _ if depth == DEPTH_MAX => Op::EndRequest,
            22 => Op::Persistent(self.inner(depth)),
            _ => Op::Phase(self.inner(depth)),
        }
    }

    fn inner(&mut self, depth: u32) -> Vec<Op> {
        let count = self.next() % 8;
        self.ops(count, |bytes| bytes.op(depth + 1))
    }

    /// An operation of the persistent part, also with large blocks.
    fn persistent_op(&mut self) -> Op {
        let kind = self.next();
        match kind % 15 {
            0..6 => Op::Alloc { size: self.large_size(), align: self.align(), zeroed: kind > 127 },
            6..10 => Op::Realloc { which: self.pair(), size: self.large_size() },
            _ => Op::Free { which: self.pair() },
        }
    }

    /// So many operations, or fewer if the bytes end.
    fn ops(&mut self, count: usize, mut op: impl FnMut(&mut Self) -> Op) -> Vec<Op> {
        let mut ops = Vec::new();
        while ops.len() < count && !self.is_empty() {
            ops.push(op(self));
        }
        ops
    }
}

impl Life {
    /// A life of any kind. About six bytes are an operation.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut bytes = Bytes(bytes);
        let kind = bytes.next();
        let len = bytes.pair();
        let len = match kind / 4 % 6 {
            0 => len % 2500,
            1..=3 => 2500 + len % 37_500,
            _ => 20_000 + len * 5 % (LEN_MAX - 20_000),
        };
        let skew = bytes.next() % 64;
        let configuration = bytes.next() % (CONFIGURATION_MAX + 1);
        Self {
            len,
            skew,
            contents: if kind % 2 == 1 { Contents::Dirty } else { Contents::Zero },
            configuration: bytes.ops(configuration, |bytes| bytes.op(0)),
            // Now and then an arena is never configured: everything persists.
            requests: (kind < 240).then(|| bytes.ops(usize::MAX, |bytes| bytes.op(0))),
        }
    }

    /// A life of the persistent part alone: before and after its size is fixed.
    #[must_use]
    pub fn persistent(bytes: &[u8]) -> Self {
        let mut bytes = Bytes(bytes);
        let kind = bytes.next();
        let len = bytes.pair() << (kind / 4 % 4);
        let (skew, configuration) = (bytes.next() % 64, bytes.next());
        Self {
            len,
            skew,
            contents: if kind % 2 == 1 { Contents::Dirty } else { Contents::Zero },
            configuration: bytes.ops(configuration, Bytes::persistent_op),
            requests: (kind < 240)
                .then(|| vec![Op::Persistent(bytes.ops(usize::MAX, Bytes::persistent_op))]),
        }
    }
}
