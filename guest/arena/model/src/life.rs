//! A random program, and how it is run against the model.

use phase_arena::{Scope, Scrub};

use crate::model::Model;
use crate::sandbox::{Contents, Sandbox};

/// One operation. `which` chooses among the live blocks.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "they are what the arena has")]
pub enum Op {
    Alloc { size: usize, align: usize, zeroed: bool },
    Realloc { which: usize, size: usize },
    Free { which: usize },
    ScopeAlloc { size: usize, unit: u8 },
    Persistent(Vec<Self>),
    Phase(Vec<Self>),
    BeginRequest,
    BeginInspection,
    EndRequest,
    Scrub(Scrub),
}

/// The life of an arena: configuration, then requests, then the end of everything.
#[derive(Clone, Debug)]
pub struct Life {
    /// Bytes of the region.
    pub len: usize,
    /// How far above a multiple of 4096 the region begins.
    pub skew: usize,
    /// What the region contains at first.
    pub contents: Contents,
    /// What happens before `configured`.
    pub configuration: Vec<Op>,
    /// What happens after it. Without, the arena is never configured.
    pub requests: Option<Vec<Op>>,
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

#[derive(Clone, Copy)]
#[repr(C, align(4096))]
struct Page([u8; 4096]);

impl Life {
    /// Runs the program, and checks all invariants after each operation. Returns how many operations there were.
    ///
    /// # Panics
    ///
    /// If an invariant does not hold. The function that panics is named like the check in the documentation of
    /// `phase-arena`.
    pub fn run(&self) -> u64 {
        let arena = Sandbox::with(self.len, self.skew, self.contents);
        let mut model = Model::new(&arena);
        let mut count = run(&mut model, &self.configuration, None);
        if let Some(requests) = &self.requests {
            model.configure();
            model.check();
            model.begin_request();
            count += run(&mut model, requests, None);
        }
        model.check_contents();
        count + model.free_all()
    }
}

fn run(model: &mut Model<'_>, ops: &[Op], scope: Option<&Scope<'_>>) -> u64 {
    let mut count = ops.len() as u64;
    for op in ops {
        match *op {
            Op::Alloc { size, align, zeroed } => model.alloc(size, align, zeroed),
            Op::Realloc { which, size } => model.realloc(which, size),
            Op::Free { which } => model.free(which),
            Op::ScopeAlloc { size, unit } => {
                let Some(scope) = scope else { continue };
                match unit {
                    0 => model.scope_alloc(scope, size / 4, 0u8),
                    1 => model.scope_alloc(scope, size / 2, 0u16),
                    2 => model.scope_alloc(scope, size / 8, 0u64),
                    3 => model.scope_alloc(scope, size / 64, Line([0; 64])),
                    _ => model.scope_alloc(scope, size / 4096, Page([0; 4096])),
                }
            }
            Op::Persistent(ref ops) => count += model.persistent(|model| run(model, ops, scope)),
            Op::Phase(ref ops) => {
                count += model.phase(|model, scope| run(model, ops, Some(scope)));
            }
            Op::BeginRequest => model.begin_request(),
            Op::BeginInspection => model.begin_inspection(),
            Op::EndRequest => model.end_request(),
            Op::Scrub(scrub) => model.set_scrub(scrub),
        }
        // Miri is after other things, and slow.
        if !cfg!(miri) {
            model.check();
        }
    }
    model.check();
    count
}
