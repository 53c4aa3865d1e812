//! Ways to use memory up, and to keep it.

use std::hint::black_box;

use arenaria_guest::{Exhausted, Response, Scope, persistent, phase};

/// What is asked for at once when the aim is everything.
const BLOCK_BYTES: usize = 4096;

/// Allocates without being ready for a refusal, until it is refused.
pub(crate) fn exhaust() -> ! {
    loop {
        black_box(vec![1_u8; BLOCK_BYTES].leak());
    }
}

/// Allocates until it is refused, frees everything, and says how far it came.
pub(crate) fn try_exhaust() -> String {
    let mut blocks = Vec::new();
    while let Some(block) = try_block(BLOCK_BYTES) {
        if blocks.try_reserve(1).is_err() {
            break;
        }
        blocks.push(block);
    }
    let bytes = blocks.len() * BLOCK_BYTES;
    drop(blocks);
    format!("{bytes} bytes\n")
}

fn try_block(bytes: usize) -> Option<Vec<u8>> {
    let mut block = Vec::new();
    block.try_reserve_exact(bytes).ok()?;
    Some(black_box(block))
}

/// Leaves a block alive where requests allocate.
pub(crate) fn survive(bytes: usize) -> String {
    black_box(vec![1_u8; bytes].leak());
    format!("{bytes} bytes survive\n")
}

/// Leaves a block alive where it belongs.
pub(crate) fn persist(bytes: usize) -> String {
    persistent(|| black_box(vec![1_u8; bytes].leak()));
    format!("{bytes} bytes persist\n")
}

/// Three phases, each within the one before, each with a block of its own.
pub(crate) fn phases(bytes: usize) -> Response {
    let allocated: Result<usize, Exhausted> = phase("decode", |scope| {
        let decoded = block(scope, bytes)?;
        let transformed = phase("transform", |scope| {
            let transformed = block(scope, bytes)?;
            let encoded = phase("encode", |scope| block(scope, bytes).map(|block| block.len()))?;
            Ok(transformed.len() + encoded)
        })?;
        Ok(decoded.len() + transformed)
    });
    match allocated {
        Ok(bytes) => Response::text(format!("{bytes} bytes in phases\n")),
        Err(exhausted) => Response::text(format!("{exhausted}\n")).with_status(507),
    }
}

fn block<'s>(scope: &Scope<'s>, bytes: usize) -> Result<&'s mut [u8], Exhausted> {
    scope.try_alloc_slice_fill_with(bytes, |_| 1)
}

/// Leaves so little memory that the host's next look at it traps: `usage` has phases to list and
/// nowhere to put them. The response needs no memory at all.
pub(crate) fn fail_usage() -> Response {
    phases(0);
    let mut bytes = BLOCK_BYTES;
    while bytes > 0 {
        match try_block(bytes) {
            Some(block) => {
                block.leak();
            }
            None => bytes /= 2,
        }
    }
    Response::new(204)
}
