//! What is handed over: always the same, so that all engines must give the same answers.

use serde::Serialize;

/// Sizes of a body: the name, and the bytes.
pub(crate) const SIZES: [(&str, usize); 3] =
    [("1 KB", 1000), ("10 KB", 10_000), ("100 KB", 100_000)];

/// How many records, and how many strings.
pub(crate) const COUNT: u32 = 1000;

/// A record as JSON has it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Item {
    id: u32,
    price: u32,
}

/// Records of two numbers.
pub(crate) fn items() -> Vec<Item> {
    (0..COUNT).map(|id| Item { id, price: id * 7 % 1000 }).collect()
}

/// The same as pairs.
pub(crate) fn pairs() -> Vec<(u32, u32)> {
    items().iter().map(|item| (item.id, item.price)).collect()
}

/// The same in one block.
pub(crate) fn packed_pairs(items: &[Item]) -> Vec<u8> {
    items.iter().flat_map(|item| [item.id, item.price]).flat_map(u32::to_le_bytes).collect()
}

/// All prices.
pub(crate) fn total() -> u32 {
    items().iter().map(|item| item.price).sum()
}

/// Strings of 16 bytes.
pub(crate) fn strings() -> Vec<String> {
    (0..COUNT).map(|number| format!("{number:016}")).collect()
}

/// The same in one block: before each stands its length.
pub(crate) fn packed_strings(strings: &[String]) -> Vec<u8> {
    let mut block = Vec::new();
    for string in strings {
        block.extend((string.len() as u32).to_le_bytes());
        block.extend(string.as_bytes());
    }
    block
}

/// The first bytes of the strings, added.
pub(crate) const FIRST_BYTES: u32 = COUNT * b'0' as u32;

/// A table that each call looks into.
pub(crate) fn table() -> Vec<u8> {
    (0..SIZES[2].1).map(|at| (at % 251) as u8).collect()
}

/// A place in the table, and what is there.
pub(crate) const KEY: (u32, u32) = (77_777, 77_777 % 251);
