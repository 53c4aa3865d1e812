//! Hardly anything but allocation, and the questions that show what an allocator has made of its memory.
//!
//! | path | what it does |
//! |---|---|
//! | `/` | so many allocations, reallocations and frees as the body has bytes, divided by 4 |
//! | `/churn` | a small request that also renews an entry of a cache once in four times |
//! | `/spike` | takes and frees as many bytes as the body says |
//! | `/free` | takes all memory that is left, largest blocks first, and says what it got: `total largest live` |

use core::cmp::max;

use arenaria_guest::{Request, Response, persistent};

/// One step of the program for so many bytes of the body.
const BYTES_PER_STEP: usize = 4;
/// How many blocks are alive at once.
const ALIVE: usize = 64;
/// Doublings from 8 bytes of a request's blocks (up to 1 KiB), and of the cache's entries (up to 16 KiB).
const SMALL: usize = 7;
const LARGE: usize = 11;
const SEED: u32 = 1;
/// The entries of the cache.
const ENTRIES: usize = 512;
/// How many steps a request of the churn has at most.
const CHURN_STEPS: usize = 400;
/// The blocks of a spike.
const SPIKE_BLOCK: usize = 128 << 10;
/// How many blocks that question takes at most.
const TAKEN: usize = 8192;
/// The smallest block that the question for free memory asks for.
const SMALLEST: usize = 64;

pub(crate) struct Work {
    random: Random,
    cache: Vec<Vec<u8>>,
    /// The list for `/free`, with its room from the start.
    taken: Vec<Vec<u8>>,
}

impl Work {
    pub(crate) fn new() -> Self {
        Self {
            random: Random(SEED),
            cache: vec![Vec::new(); ENTRIES],
            taken: Vec::with_capacity(TAKEN),
        }
    }

    pub(crate) fn handle(&mut self, request: Request<'_>) -> Response {
        match request.path() {
            "/churn" => self.churn(),
            "/spike" => spike(request.body()),
            "/free" => self.free(),
            // The same steps for every request of a size.
            _ => text(steps(&mut Random(SEED), request.body().len() / BYTES_PER_STEP)),
        }
    }

    fn churn(&mut self) -> Response {
        let count = self.random.next() % CHURN_STEPS;
        let sum = steps(&mut self.random, count);
        if self.random.next().is_multiple_of(4) {
            let (at, size) = (self.random.next() % ENTRIES, self.random.size(LARGE));
            persistent(|| self.cache[at] = vec![1; size]);
        }
        text(sum)
    }

    fn free(&mut self) -> Response {
        let live: usize = self.cache.iter().map(Vec::capacity).sum();
        // The request's memory first, then what is left for keeps.
        let (first, kept) = (take_all(&mut self.taken), persistent(|| take_all(&mut self.taken)));
        self.taken.clear();
        Response::text(format!("{} {} {live}\n", first.0 + kept.0, max(first.1, kept.1)))
    }
}

/// Takes blocks until none is left or the list of them is full: their sum, and the largest one.
fn take_all(blocks: &mut Vec<Vec<u8>>) -> (usize, usize) {
    let (mut sum, mut largest) = (0, 0);
    let mut size = 1 << 30;
    while size >= SMALLEST && blocks.len() < blocks.capacity() {
        let mut block: Vec<u8> = Vec::new();
        if block.try_reserve_exact(size).is_ok() {
            sum += size;
            largest = max(largest, size);
            blocks.push(block);
        } else {
            // Fine steps, so that little of a large block is missed.
            size -= max(size / 16, 8);
        }
    }
    (sum, largest)
}

/// Allocates, reallocates and frees as programs with many small values do: of eight steps four renew a block, one of
/// them zeroed, two let one grow, one shrinks one and one frees one. All blocks are freed at the end.
fn steps(random: &mut Random, count: usize) -> usize {
    let mut blocks = [const { Vec::<u8>::new() }; ALIVE];
    let mut sum = 0;
    for step in 0..count {
        let size = random.size(SMALL);
        let block = &mut blocks[random.next() % ALIVE];
        match step % 8 {
            0 => *block = vec![0; size],
            1..=3 => *block = Vec::with_capacity(size),
            4 | 5 => block.reserve(block.capacity() + size),
            6 => block.shrink_to(size),
            _ => *block = Vec::new(),
        }
        sum += block.capacity();
    }
    sum
}

/// A generator that costs next to nothing (xorshift).
struct Random(u32);

impl Random {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize
    }

    /// Between 8 bytes and 16 << doublings, each doubling as often as the others.
    fn size(&mut self, doublings: usize) -> usize {
        let least = 8 << (self.next() % doublings);
        least + self.next() % least
    }
}

fn spike(body: &[u8]) -> Response {
    let bytes: usize =
        std::str::from_utf8(body).ok().and_then(|text| text.parse().ok()).expect("a number");
    let blocks: Vec<Vec<u8>> = (0..bytes / SPIKE_BLOCK).map(|_| vec![1; SPIKE_BLOCK]).collect();
    text(blocks.iter().map(Vec::len).sum())
}

fn text(number: usize) -> Response {
    Response::text(format!("{number}\n"))
}
