//! A piece of memory for an arena, with guard bytes on both sides that must stay as they are.

use std::alloc::{GlobalAlloc, Layout, alloc, dealloc};
use std::ops::Deref;
use std::ptr::NonNull;

use phase_arena::{Arena, POISON};

/// The largest alignment that tests ask for; the memory itself must have it, so that Miri's
/// symbolic alignment check can follow.
pub(crate) const ALIGN_MAX: usize = 4096;

const GUARD: u8 = 0xC3;
/// Bytes of guard in front, and at least as many behind. Miri needs none, and sees with none even
/// pointers that leave the region without being used.
const GUARD_BYTES: usize = if cfg!(miri) { 0 } else { ALIGN_MAX };

/// An arena together with its memory.
pub struct Sandbox {
    arena: Arena,
    memory: NonNull<u8>,
    layout: Layout,
    skew: usize,
    len: usize,
}

/// What the memory contains at first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Contents {
    /// Zeros, and the arena is told so.
    Zero,
    /// Something else.
    Dirty,
    /// The same, although the arena is told that it is zero. It shows what the arena zeroes.
    Pretended,
}

impl Sandbox {
    /// A sandbox of zeroed memory.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self::with(len, 0, Contents::Zero)
    }

    /// A sandbox that has been configured with nothing: its heap front is open.
    #[must_use]
    pub fn configured(len: usize) -> Self {
        let sandbox = Self::new(len);
        sandbox.configured_now();
        sandbox
    }

    /// Ends the configuration, and begins a request.
    pub fn configured_now(&self) {
        self.arena.configured();
        self.arena.begin_request();
    }

    /// `len` bytes that begin `skew` bytes above a multiple of 4096.
    ///
    /// # Panics
    ///
    /// If the machine has too little memory.
    #[must_use]
    pub fn with(len: usize, skew: usize, contents: Contents) -> Self {
        let size = (GUARD_BYTES + skew + len + GUARD_BYTES).max(1);
        let layout = layout_of(size, ALIGN_MAX);
        // SAFETY: the layout is not empty.
        let memory = NonNull::new(unsafe { alloc(layout) }).expect("the machine has memory");
        // SAFETY: as long as the allocation.
        unsafe { memory.write_bytes(GUARD, size) };
        let fill = if contents == Contents::Zero { 0 } else { 0x5A };
        let base = memory.as_ptr().wrapping_add(GUARD_BYTES + skew);
        // SAFETY: in the allocation.
        unsafe { base.write_bytes(fill, len) };
        let base = NonNull::new(base).expect("inside an allocation");
        let arena = match contents {
            // SAFETY: in the allocation, which is the sandbox's own until it is dropped. Zeroed, or
            // else at least initialised: then zeroed allocations have other bytes, and no more.
            Contents::Zero | Contents::Pretended => unsafe { Arena::new_zeroed(base, len) },
            // SAFETY: as above.
            Contents::Dirty => unsafe { Arena::new(base, len) },
        };
        Self { arena, memory, layout, skew, len }
    }

    /// The address that is offset zero to the arena.
    #[must_use]
    pub fn base(&self) -> usize {
        (self.memory.addr().get() + GUARD_BYTES + self.skew).next_multiple_of(16)
    }

    /// Whether all bytes at these offsets are zero. They must be free, and initialised.
    #[must_use]
    pub fn is_zero(&self, from: usize, to: usize) -> bool {
        let skip = self.base() - self.memory.addr().get();
        is_filled(self.bytes(skip + from, to.saturating_sub(from)), &[0; CHUNK])
    }

    /// Whether all bytes at these offsets are poison, or zero because they were never used.
    #[must_use]
    pub fn is_poisoned(&self, from: usize, to: usize) -> bool {
        let skip = self.base() - self.memory.addr().get();
        let bytes = self.bytes(skip + from, to.saturating_sub(from));
        bytes.iter().all(|&byte| byte == POISON || byte == 0)
    }

    /// Bytes of the whole allocation.
    fn bytes(&self, from: usize, len: usize) -> &[u8] {
        let first = self.memory.as_ptr().wrapping_add(from);
        // SAFETY: in the allocation, initialised by `with`; callers look at what nobody else uses.
        unsafe { std::slice::from_raw_parts(first, len) }
    }

    /// Allocates.
    ///
    /// # Panics
    ///
    /// If the arena is exhausted.
    #[must_use]
    #[track_caller]
    pub fn alloc(&self, size: usize, align: usize) -> Block {
        let block = self.try_alloc(size, align);
        block.expect("there is room")
    }

    /// Allocates, or gives nothing if the arena is exhausted.
    #[must_use]
    pub fn try_alloc(&self, size: usize, align: usize) -> Option<Block> {
        let layout = layout_of(size, align);
        // SAFETY: an empty layout is allowed by this allocator.
        Block::of(unsafe { self.arena.alloc(layout) }, layout)
    }

    /// As `try_alloc`, with zeros.
    #[must_use]
    pub fn try_alloc_zeroed(&self, size: usize, align: usize) -> Option<Block> {
        let layout = layout_of(size, align);
        // SAFETY: as in `try_alloc`.
        Block::of(unsafe { self.arena.alloc_zeroed(layout) }, layout)
    }

    /// Frees a block of this sandbox.
    pub fn free(&self, block: Block) {
        // SAFETY: blocks are values: this one is given up, so it is freed once.
        unsafe { self.arena.dealloc(block.pointer.as_ptr(), block.layout) };
    }

    /// Breaks the allocator's contract: frees a block two times.
    ///
    /// # Safety
    ///
    /// It is the only block.
    pub unsafe fn free_twice(&self, block: Block) {
        let (pointer, layout) = (block.pointer.as_ptr(), block.layout);
        self.free(block);
        // SAFETY: not kept, on purpose: the arena must notice. Nothing else can be damaged,
        // because nothing else is alive.
        unsafe { self.arena.dealloc(pointer, layout) };
    }

    /// The block in its new size.
    ///
    /// # Errors
    ///
    /// The block as it was, if the arena is exhausted.
    pub fn try_realloc(&self, block: Block, size: usize) -> Result<Block, Block> {
        // SAFETY: the block is alive and given up; tests ask for sizes that are valid.
        let moved = unsafe { self.arena.realloc(block.pointer.as_ptr(), block.layout, size) };
        let layout = layout_of(size, block.layout.align());
        Block::of(moved, layout).ok_or(block)
    }

    /// Bytes of the heap front and of scopes.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.usage().in_use as usize
    }

    /// The lists' blocks as (address, bytes).
    #[must_use]
    pub fn listed(&self) -> Vec<(usize, usize)> {
        let mut blocks = Vec::new();
        // SAFETY: the closure only looks at addresses.
        unsafe { self.arena.free_blocks(|block, len| blocks.push((block.addr(), len))) };
        blocks
    }
}

impl Deref for Sandbox {
    type Target = Arena;

    fn deref(&self) -> &Arena {
        &self.arena
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let front = GUARD_BYTES + self.skew;
        let back = self.layout.size() - front - self.len;
        let guards = [self.bytes(0, front), self.bytes(front + self.len, back)];
        let intact = guards.iter().all(|guard| is_filled(guard, &[GUARD; CHUNK]));
        // SAFETY: allocated by `with` with this layout.
        unsafe { dealloc(self.memory.as_ptr(), self.layout) };
        assert!(intact || std::thread::panicking(), "bytes outside the region were written");
    }
}

/// A live block. Not `Clone`, so that it is freed only once.
#[derive(Debug, PartialEq)]
pub struct Block {
    pointer: NonNull<u8>,
    layout: Layout,
}

impl Block {
    fn of(pointer: *mut u8, layout: Layout) -> Option<Self> {
        let pointer = NonNull::new(pointer)?;
        assert!(pointer.addr().get().is_multiple_of(layout.align()), "{layout:?} at {pointer:?}");
        Some(Self { pointer, layout })
    }

    fn at(&self, offset: usize) -> *mut u8 {
        self.pointer.as_ptr().wrapping_add(offset)
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> usize {
        self.pointer.addr().get()
    }

    /// The alignment that was asked for.
    #[must_use]
    pub fn align(&self) -> usize {
        self.layout.align()
    }

    /// The bytes that were asked for.
    #[must_use]
    pub fn size(&self) -> usize {
        self.layout.size()
    }

    /// Fills the block with a pattern that differs from seed to seed.
    pub fn fill(&self, seed: u8) {
        let pattern = pattern(seed, self.size());
        // SAFETY: the block is as large as its layout says, and alive.
        unsafe {
            self.pointer.copy_from_nonoverlapping(NonNull::from(&pattern[..]).cast(), self.size())
        };
    }

    /// Whether the first `len` bytes are still those of `fill`.
    #[must_use]
    pub fn holds(&self, seed: u8, len: usize) -> bool {
        self.bytes()[..len] == pattern(seed, len)[..]
    }

    /// As `fill`, but only the first and last 64 bytes: for blocks of many MiB.
    pub fn fill_ends(&self, seed: u8) {
        for offset in [0, self.size() - 64] {
            // SAFETY: in the block, which is longer than 64 bytes.
            unsafe { self.at(offset).write_bytes(seed, 64) };
        }
    }

    /// Whether both ends are still those of `fill_ends`.
    #[must_use]
    pub fn holds_ends(&self, seed: u8) -> bool {
        [0, self.size() - 64].into_iter().all(|offset| {
            // SAFETY: in the block, and initialised by `fill_ends`.
            let end = unsafe { std::slice::from_raw_parts(self.at(offset), 64) };
            end == [seed; 64]
        })
    }

    /// Whether it is zero. It must have been initialised.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        is_filled(self.bytes(), &[0; CHUNK])
    }

    /// The contents, which must have been initialised.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: alive, and as large as its layout says.
        unsafe { std::slice::from_raw_parts(self.pointer.as_ptr(), self.size()) }
    }
}

/// Bytes that are compared at once, because Miri is slow byte by byte.
const CHUNK: usize = 4096;

/// Whether the bytes are those of the chunk, again and again.
fn is_filled(bytes: &[u8], chunk: &[u8; CHUNK]) -> bool {
    bytes.chunks(CHUNK).all(|bytes| *bytes == chunk[..bytes.len()])
}

/// A period of bytes that is prime and not zero anywhere: the pattern of one block is not that of
/// its neighbour shifted by a power of two.
const PERIOD: [u8; 251] = {
    let mut period = [0; 251];
    let mut index = 0;
    while index < 251 {
        period[index] = index as u8 + 1;
        index += 1;
    }
    period
};

/// Copied as a whole, because Miri is slow byte by byte.
pub(crate) fn pattern(seed: u8, len: usize) -> Vec<u8> {
    let shift = usize::from(seed) * 31 % 251;
    let mut bytes = PERIOD.repeat((shift + len) / 251 + 1);
    bytes.truncate(shift + len);
    bytes.split_off(shift)
}

fn layout_of(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("tests ask for valid layouts")
}
