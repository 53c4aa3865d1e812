//! The memory of a running process, as another process of the same user reads it.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;

use memchr::memmem::Finder;

const PAGE_BYTES: u64 = 4096;

/// Pages that are read at once.
const PAGES: u64 = 1024;

/// The writable memory of a process. Other memory is a file's, which no request can change.
pub(crate) struct ProcessMemory {
    memory: File,
    pages: File,
    /// From and to.
    mappings: Vec<(u64, u64)>,
}

impl ProcessMemory {
    #[track_caller]
    pub(crate) fn open(process: u32) -> Self {
        let open = |name: &str| {
            let path = format!("/proc/{process}/{name}");
            File::open(&path).unwrap_or_else(|error| panic!("cannot open {path}: {error}"))
        };
        let mut maps = String::new();
        open("maps").read_to_string(&mut maps).expect("it is text");
        let mappings = maps.lines().filter_map(writable).collect();
        Self { memory: open("mem"), pages: open("pagemap"), mappings }
    }

    /// The addresses at which any of these texts is.
    pub(crate) fn find(&self, texts: &[&[u8]]) -> Vec<u64> {
        let finders: Vec<_> = texts.iter().map(Finder::new).collect();
        let mut found = Vec::new();
        for &(from, to) in &self.mappings {
            for (start, bytes) in self.present(from, to) {
                for finder in &finders {
                    found.extend(finder.find_iter(&bytes).map(|offset| start + offset as u64));
                }
            }
        }
        found.sort_unstable();
        found
    }

    /// The pieces of a mapping that have memory, each with its address. A text that lies in two of
    /// them is not found.
    fn present(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, Vec<u8>)> {
        (from..to).step_by((PAGES * PAGE_BYTES) as usize).flat_map(move |start| {
            let pages = (to - start).div_ceil(PAGE_BYTES).min(PAGES);
            let mut entries = vec![0; (pages * 8) as usize];
            // A mapping that is gone by now has no pages.
            let read = self.pages.read_at(&mut entries, start / PAGE_BYTES * 8).unwrap_or(0);
            let entries = entries[..read].chunks_exact(8);
            let is_present: Vec<bool> = entries.map(|entry| entry[7] & 0b1100_0000 != 0).collect();
            let mut pieces = Vec::new();
            let mut page = 0;
            for run in is_present.chunk_by(|one, other| one == other) {
                if run[0] {
                    pieces.extend(self.read(start + page * PAGE_BYTES, run.len()));
                }
                page += run.len() as u64;
            }
            pieces
        })
    }

    fn read(&self, start: u64, pages: usize) -> Option<(u64, Vec<u8>)> {
        let mut bytes = vec![0; pages * PAGE_BYTES as usize];
        self.memory.read_exact_at(&mut bytes, start).ok().map(|()| (start, bytes))
    }
}

/// From and to of a mapping, if it is writable.
fn writable(line: &str) -> Option<(u64, u64)> {
    let mut words = line.split(' ');
    let (from, to) = words.next()?.split_once('-')?;
    let address = |text| u64::from_str_radix(text, 16).ok();
    words.next()?.starts_with("rw").then_some((address(from)?, address(to)?))
}
