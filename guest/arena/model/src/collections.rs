//! Random programs of ordinary collections, over the global allocator.
//!
//! Collections of the standard library decide by themselves when they allocate, grow and free. What they contain at the
//! end depends on the program alone. So the same program inside the sandbox, where the allocator is the arena, and
//! elsewhere, where it is the system's, must give the same hash.

use std::collections::{BTreeMap, VecDeque};
use std::mem::replace;

use phase_arena::{GlobalArena, ScopeVec};

use crate::random::Random;

const ARENA: GlobalArena = GlobalArena::new();

/// Places for values of one request.
const LOCALS: usize = 24;
/// Places for values that are allocated in the persistent part.
const KEPT: usize = 12;
/// Places for values that later requests seal.
const SURVIVORS: usize = 6;
/// After so many requests nothing survives on the heap front: what was sealed is free again.
const LIFETIME: u64 = 4;

const OPS_MAX: usize = 60;

/// Values in the three lives that a value can have. The collections differ in how they allocate.
#[derive(Debug)]
pub struct Collections {
    kept: Vec<Value>,
    survivors: Vec<Value>,
    requests: u64,
    hash: Hash,
}

#[derive(Clone, Debug, Default)]
enum Value {
    #[default]
    Nothing,
    Bytes(Vec<u8>),
    Text(String),
    Boxed(Box<[u64]>),
    Queue(VecDeque<u16>),
    Map(BTreeMap<u16, Vec<u8>>),
    Texts(Vec<String>),
}

impl Collections {
    /// The first values, which persist if this runs before the arena is configured.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let random = &mut Random::with_seed(seed);
        let mut kept: Vec<Value> = (0..KEPT / 2).map(|_| Value::random(random, 2000)).collect();
        kept.resize(KEPT, Value::Nothing);
        Self { kept, survivors: vec![Value::Nothing; SURVIVORS], requests: 0, hash: Hash::new() }
    }

    /// The program of one request, chosen by a seed. Returns the hash of all values so far, those that are alive as well
    /// as those that were dropped, and the number of operations.
    pub fn request(&mut self, seed: u64) -> (u64, u64) {
        let random = &mut Random::with_seed(seed);
        let mut locals = vec![Value::Nothing; LOCALS];
        let ops = random.below(OPS_MAX + 1);
        for _ in 0..ops {
            self.step(random, &mut locals);
        }
        self.requests += 1;
        if self.requests.is_multiple_of(LIFETIME) {
            self.survivors.fill(Value::Nothing);
            // What was empty has grown outside of the persistent part.
            self.kept = ARENA.persistent(|| self.kept.clone());
        }
        for value in locals.iter().chain(&self.kept).chain(&self.survivors) {
            value.hash(&mut self.hash);
        }
        (self.hash.0, ops as u64)
    }

    fn step(&mut self, random: &mut Random, locals: &mut [Value]) {
        let Self { kept, survivors, hash, .. } = self;
        let local = random.below(LOCALS);
        let place = random.below(KEPT);
        match random.below(16) {
            0..4 => locals[local] = Value::random(random, 20_000),
            4..7 => locals[local].grow(random, 3000),
            7 => locals[local].shrink(random),
            8 => locals[local] = locals[random.below(LOCALS)].clone(),
            9 => replace(&mut locals[local], Value::Nothing).hash(hash),
            10 => kept[place] = ARENA.persistent(|| Value::random(random, 3000)),
            // Grown in the other mode, a block must still be one of the persistent part.
            11 => kept[place].grow(random, 300),
            12 => ARENA.persistent(|| kept[place].grow(random, 300)),
            13 => ARENA.persistent(|| locals[local].grow(random, 300)),
            14 => survivors[place % SURVIVORS] = locals[local].clone(),
            _ => locals[local] = phase(random, hash),
        }
        // One of each, so that a wrong byte is noticed near to where it was written.
        locals[local].hash(hash);
        kept[place].hash(hash);
    }
}

/// A phase with memory of its own, in which a value is made that outlives it.
fn phase(random: &mut Random, hash: &mut Hash) -> Value {
    ARENA.phase("collections", |scope| {
        let mut numbers = ScopeVec::new(scope);
        let text = scope.try_alloc_str("the text of a phase").expect("a small text");
        let mut value = Value::random(random, 2000);
        for index in 0..random.below(300) as u32 {
            numbers.try_push(index).expect("room for a few numbers");
            if index.is_multiple_of(64) {
                value.grow(random, 500);
            }
        }
        numbers.iter().for_each(|&number| hash.add(u64::from(number)));
        hash.bytes(text.as_bytes());
        ARENA.phase("inner", |_| value.clone())
    })
}

impl Value {
    /// A value of about so many bytes at most.
    fn random(random: &mut Random, bytes_max: usize) -> Self {
        let mut value = match random.below(7) {
            0 => {
                // Allocated as zeros, which may be memory that was used before.
                let zeros = vec![0; random.below(bytes_max)];
                assert!(zeros.iter().all(|&byte| byte == 0), "expected zeros");
                return Self::Bytes(zeros);
            }
            1 => Self::Bytes(Vec::with_capacity(random.below(64))),
            2 => Self::Text(String::new()),
            3 => Self::Boxed([].into()),
            4 => Self::Queue(VecDeque::new()),
            5 => Self::Map(BTreeMap::new()),
            _ => Self::Texts(Vec::new()),
        };
        value.grow(random, bytes_max);
        value
    }

    fn grow(&mut self, random: &mut Random, bytes_max: usize) {
        let bytes = random.below(bytes_max);
        let seed = random.any();
        match self {
            Self::Nothing => {}
            Self::Bytes(own) => (0..bytes as u64).for_each(|index| own.push((seed ^ index) as u8)),
            Self::Text(own) => (0..bytes / 4).for_each(|index| *own += &format!("{index:04}")),
            Self::Boxed(own) => {
                let longer = own.iter().copied().chain(std::iter::repeat_n(seed, bytes / 8));
                *own = longer.collect();
            }
            Self::Queue(own) => {
                for index in 0..(bytes / 2) as u64 {
                    own.push_back((seed ^ index) as u16);
                    if index.is_multiple_of(3) {
                        own.pop_front();
                    }
                }
            }
            Self::Map(own) => {
                for index in 0..(bytes / 40) as u64 {
                    let key = (seed >> (index % 40)) as u16 % 200;
                    own.entry(key).or_default().extend_from_slice(&index.to_le_bytes());
                }
            }
            Self::Texts(own) => {
                own.extend((0..bytes / 40).map(|index| "x".repeat(index % 30)));
            }
        }
    }

    fn shrink(&mut self, random: &mut Random) {
        let len = random.below(100);
        match self {
            Self::Nothing => {}
            Self::Bytes(own) => {
                own.truncate(len);
                own.shrink_to_fit();
            }
            Self::Text(own) => {
                own.truncate(len);
                own.shrink_to_fit();
            }
            Self::Boxed(own) => *own = own.iter().take(len).copied().collect(),
            Self::Queue(own) => {
                own.truncate(len);
                own.shrink_to_fit();
            }
            Self::Map(own) => own.retain(|&key, _| usize::from(key) < len),
            Self::Texts(own) => {
                own.truncate(len);
                own.shrink_to_fit();
            }
        }
    }

    fn hash(&self, hash: &mut Hash) {
        match self {
            Self::Nothing => hash.add(0),
            Self::Bytes(own) => hash.bytes(own),
            Self::Text(own) => hash.bytes(own.as_bytes()),
            Self::Boxed(own) => own.iter().for_each(|&number| hash.add(number)),
            Self::Queue(own) => own.iter().for_each(|&number| hash.add(number.into())),
            Self::Map(own) => {
                for (&key, bytes) in own {
                    hash.add(key.into());
                    hash.bytes(bytes);
                }
            }
            Self::Texts(own) => own.iter().for_each(|text| hash.bytes(text.as_bytes())),
        }
    }
}

/// FNV-1a over numbers.
#[derive(Clone, Copy, Debug)]
struct Hash(u64);

impl Hash {
    fn new() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }

    fn add(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x0100_0000_01B3);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.add(bytes.len() as u64);
        bytes.iter().for_each(|&byte| self.add(byte.into()));
    }
}
