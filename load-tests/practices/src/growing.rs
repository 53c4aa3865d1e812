//! Memory that has its size from the start, and memory that grows: in place, and by moving.

use std::time::Duration;

use measured::clock::spent;
use wasmtime::error::ensure;
use wasmtime::{Config, Engine, Instance, Memory, Module, Result, Store, TypedFunc};

use crate::figures::Figures;
use crate::modules;
use crate::turns::{Contest, Effort};

/// Bytes that are filled.
pub(crate) const BYTES: u32 = 16 << 20;

/// How a memory gets its size: the name, the module, and the pages of each step; 0 doubles.
pub(crate) const STEPS: [(&str, &str, u32); 3] =
    [("full size", "growing full", 1), ("doubling", "growing", 0), ("page by page", "growing", 1)];

/// Sizes at which one page more is asked for: the name, and the pages.
pub(crate) const SIZES: [(&str, u32); 3] = [("1 MiB", 16), ("16 MiB", 256), ("128 MiB", 2048)];

/// How often an instance asks for it, if nothing moves.
pub(crate) const STEPS_TIMED: u32 = 64;

/// The same if each step moves the memory.
const MOVES_TIMED: u32 = 4;

/// Measures growth where address space is reserved for it, and where it is not.
pub(crate) fn measure(effort: Effort, figures: &mut Figures) -> Result<()> {
    let mut ways = Vec::new();
    for (way, reserves) in [("in place", true), ("moved", false)] {
        let mut config = Config::new();
        config.concurrency_support(false);
        if !reserves {
            config.memory_reservation(0).memory_reservation_for_growth(0);
        }
        let engine = Engine::new(&config)?;
        let load = |name| Module::new(&engine, modules::core(name)?);
        let (full, small) = (load("growing full")?, load("growing")?);
        let moves = moves(&engine, &small)?;
        ensure!(moves != reserves, "{way}: expected another base, or the same");
        figures.fact(format!("growing/{way}/base"), if moves { "another" } else { "the same" });
        ways.push((way, engine, full, small));
    }
    let mut contest = Contest::default();
    for (way, engine, full, small) in &ways {
        for (name, module, step) in STEPS {
            let module = if module == "growing full" { full } else { small };
            contest.add_timed(format!("growing/{way}/{name}"), move |count| {
                repeated(count, || fill(engine, module, step, name == "full size"))
            });
        }
    }
    contest.run(effort, figures)?;
    let mut contest = Contest::default();
    for (way, engine, _, small) in &ways {
        let grows = if *way == "moved" { MOVES_TIMED } else { STEPS_TIMED };
        for (size, pages) in SIZES {
            contest.add_timed(format!("growing/{way}/{size}"), move |count| {
                Ok(repeated(count, || steps(engine, small, pages, grows))? / grows)
            });
        }
    }
    contest.run(effort, figures)
}

/// A new instance.
struct Subject {
    store: Store<()>,
    memory: Memory,
    fill: TypedFunc<(u32, u32), i32>,
    grow: TypedFunc<u32, i32>,
}

impl Subject {
    fn start(engine: &Engine, module: &Module) -> Result<Self> {
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, module, &[])?;
        Ok(Self {
            memory: instance.get_memory(&mut store, "memory").expect("it is exported"),
            fill: instance.get_typed_func(&mut store, "fill")?,
            grow: instance.get_typed_func(&mut store, "grow")?,
            store,
        })
    }

    fn grow(&mut self, pages: u32) -> Result<()> {
        let before = self.grow.call(&mut self.store, pages)?;
        ensure!(before > 0, "memory.grow was refused");
        Ok(())
    }
}

/// Starts an instance, fills its memory, and drops it.
fn fill(engine: &Engine, module: &Module, step: u32, is_full: bool) -> Result<Duration> {
    let begun = spent();
    let mut subject = Subject::start(engine, module)?;
    let grown = subject.fill.call(&mut subject.store, (BYTES, step))?;
    drop(subject);
    let took = spent() - begun;
    ensure!((grown == 0) == is_full && grown >= 0, "it grew {grown} times");
    Ok(took)
}

/// Some steps of one page, in a memory of so many pages that were all touched.
fn steps(engine: &Engine, module: &Module, pages: u32, grows: u32) -> Result<Duration> {
    let mut subject = Subject::start(engine, module)?;
    subject.grow(pages - 1)?;
    subject.fill.call(&mut subject.store, (pages << 16, 1))?;
    let begun = spent();
    for _ in 0..grows {
        subject.grow(1)?;
    }
    Ok(spent() - begun)
}

/// Whether the memory's base changes with its size.
fn moves(engine: &Engine, module: &Module) -> Result<bool> {
    let mut subject = Subject::start(engine, module)?;
    let before = subject.memory.data_ptr(&subject.store);
    subject.grow(SIZES[1].1)?;
    Ok(before != subject.memory.data_ptr(&subject.store))
}

fn repeated(count: u32, mut work: impl FnMut() -> Result<Duration>) -> Result<Duration> {
    (0..count).try_fold(Duration::ZERO, |sum, _| Ok(sum + work()?))
}
