//! Measures everything, and writes the numbers into the blocks of the page.

mod tables;

use std::fs;
use std::path::Path;

use measured::{blocks, plot};
use wasmtime::Result;
use wasmtime::error::Context as _;

use crate::instance::{Subject, engine};
use crate::memory::{self, Churned, Used};
use crate::subjects::{ALLOCATORS, Allocator, PROGRAMS, Program};
use crate::{counts, documents::SIZES, times};

/// Everything that was measured.
pub(crate) struct Measured {
    /// By program, then by allocator.
    pub(crate) programs: Vec<(Program, Vec<Row>)>,
    /// By allocator. None for one that frees nothing: a cache that is renewed exhausts it.
    pub(crate) churns: Vec<Option<Churned>>,
    /// By allocator.
    pub(crate) spikes: Vec<Used>,
}

/// A program with an allocator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Per request, in each size.
    pub(crate) instructions: [f64; 3],
    pub(crate) nanoseconds: [f64; 3],
    /// Bytes of code in the component.
    pub(crate) code: usize,
    /// Microseconds until an instance is configured.
    pub(crate) start: f64,
    /// After one document of 1 MiB.
    pub(crate) peak: Used,
}

/// Measures, and writes page and plots.
pub(crate) fn write(
    components: &Path,
    page: &Path,
    plots: &Path,
    rounds: usize,
    churn: u32,
) -> Result<()> {
    let measured = measure(components, rounds, churn)?;
    let mut text =
        fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))?;
    for (name, block) in tables::all(&measured) {
        println!("{block}");
        text = blocks::replaced(&text, name, &block)
            .with_context(|| format!("the page has no block {name}"))?;
    }
    fs::write(page, text).with_context(|| format!("cannot write {}", page.display()))?;
    fs::create_dir_all(plots).with_context(|| format!("cannot make {}", plots.display()))?;
    for (name, charts) in tables::charts(&measured) {
        fs::write(plots.join(name), plot::draw(&charts)).context("cannot write a plot")?;
    }
    Ok(())
}

fn measure(components: &Path, rounds: usize, churn: u32) -> Result<Measured> {
    let engine = engine(components)?;
    let mut programs = Vec::new();
    let (mut churns, mut spikes) = (Vec::new(), Vec::new());
    for program in PROGRAMS {
        let load =
            |allocator: &Allocator| Subject::load(&engine, components, program, allocator.name);
        let subjects: Vec<_> = ALLOCATORS.iter().map(load).collect::<Result<_>>()?;
        let mut rows = Vec::new();
        for (allocator, subject) in ALLOCATORS.iter().zip(&subjects) {
            eprintln!("{} with {}", program.name, allocator.name);
            rows.push(Row {
                instructions: counts::of(components, program, allocator.name)?,
                nanoseconds: [0.0; 3],
                code: subject.code,
                start: times::start(subject)?,
                peak: memory::peak(subject)?,
            });
        }
        for (at, (_, bytes)) in SIZES.into_iter().enumerate() {
            for (row, time) in rows.iter_mut().zip(times::of(&subjects, bytes, rounds)?) {
                row.nanoseconds[at] = time;
            }
        }
        if program.name == "probe" {
            for (allocator, subject) in ALLOCATORS.iter().zip(&subjects) {
                let churned = allocator.frees.then(|| memory::churn(subject, churn)).transpose();
                churns.push(churned.with_context(|| format!("the churn over {}", allocator.name))?);
            }
            spikes = subjects.iter().map(memory::spike).collect::<Result<_>>()?;
        }
        programs.push((program, rows));
    }
    Ok(Measured { programs, churns, spikes })
}
