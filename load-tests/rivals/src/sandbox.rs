//! What only the sandbox has: the component's size, the start of an instance, and how fast a document passes through.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::cases::Case;
use crate::engines::Compiled as _;
use crate::engines::component::{Component, MEMORY, Program};
use crate::measure::spent;

/// How often the identity runs, and how often an instance starts with each program.
const RUNS: usize = 21;
/// The identity's document.
pub(crate) const DOCUMENT: &str = "records.json";
/// Its size.
pub(crate) const DOCUMENT_BYTES: usize = 1 << 20;

/// The figures, for people.
pub(crate) fn figures(component: &Component, cases: &[Case], document: &[u8]) -> Result<String> {
    let mut identity = component.load(&[("program", ".")])?;
    let mut out = Vec::new();
    identity.run(document, &mut out).map_err(anyhow::Error::msg)?;
    let times = (0..RUNS).map(|_| {
        out.clear();
        let start = spent();
        identity.run(document, &mut out).map(|()| spent() - start).map_err(anyhow::Error::msg)
    });
    let pass = median(times.collect::<Result<_>>()?);

    let bare = start(&component.load(&[("ad-hoc", "true")])?)?;
    let mut starts = Vec::new();
    for case in cases {
        starts.push(start(&component.load(&[("program", &case.program)])?)?);
    }
    let (size, full) = (component.size()?, median(starts));
    Ok(format!(
        "\nThe sandbox: transform.wasm has {size} bytes. The identity on {DOCUMENT} of {} bytes: {:.0} MB/s.\n\
         An instance with one program starts in {:.0} µs (median of {} programs), without a program in {:.0} µs: \
         the program itself takes {:.0} µs of `configure`.\n",
        document.len(),
        document.len() as f64 / pass.as_secs_f64() / 1e6,
        micros(full),
        cases.len(),
        micros(bare),
        micros(full.saturating_sub(bare)),
    ))
}

/// The time in which an instance starts: a request that ends the old one, then one that needs a new one, less one that
/// finds it there.
fn start(program: &Program) -> Result<Duration> {
    let too_large = vec![b' '; MEMORY as usize];
    let mut times = Vec::new();
    for _ in 0..RUNS {
        ensure!(program.handle(&too_large).is_err(), "a document as large as the memory was accepted");
        let begun = spent();
        program.handle(b"null").map_err(|fault| anyhow::anyhow!("{fault}"))?;
        let with_start = spent() - begun;
        let begun = spent();
        program.handle(b"null").map_err(|fault| anyhow::anyhow!("{fault}"))?;
        times.push(with_start.saturating_sub(spent() - begun));
    }
    Ok(median(times))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
