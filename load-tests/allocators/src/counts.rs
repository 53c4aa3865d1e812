//! User instructions per request, counted by valgrind's callgrind in a process of its own.

use std::path::Path;
use std::process::Command;

use wasmtime::Result;
use wasmtime::error::{Context as _, bail, ensure};

use crate::documents::{self, SIZES};
use crate::instance::{Instance, Subject};
use crate::subjects::Program;

/// How many requests are counted of each size, and how many come before them.
const COUNTED: [u32; 3] = [64, 16, 4];
const WARM_UP: u32 = 4;

/// Runs under valgrind: sends the requests of each size.
pub(crate) fn run(subject: &Subject) -> Result<()> {
    let sample = documents::sample(subject.program);
    for ((_, bytes), count) in SIZES.into_iter().zip(COUNTED) {
        let body = documents::body(subject.program, bytes);
        let mut instance = Instance::start(subject, &sample)?;
        for _ in 0..WARM_UP {
            instance.call("/", &body)?;
        }
        counted_requests(&mut instance, &body, count)?;
    }
    Ok(())
}

/// The function that callgrind counts; it knows it by its name.
#[inline(never)]
fn counted_requests(instance: &mut Instance, body: &[u8], count: u32) -> Result<()> {
    for _ in 0..count {
        instance.call("/", body)?;
    }
    Ok(())
}

/// Instructions per request in each size.
pub(crate) fn of(components: &Path, program: Program, allocator: &str) -> Result<[f64; 3]> {
    let folder = components.join("counts");
    std::fs::create_dir_all(&folder).context("cannot make the folder of counts")?;
    let file = folder.join(format!("{}-{allocator}", program.name));
    let mut valgrind = Command::new("valgrind");
    valgrind.args([
        "--tool=callgrind",
        "--toggle-collect=*::counted_requests",
        "--dump-after=*::counted_requests",
    ]);
    valgrind.arg(format!("--callgrind-out-file={}", file.display()));
    valgrind.arg(std::env::current_exe()?).arg("--components").arg(components);
    let output = valgrind.args(["count", program.name, allocator]).output();
    let output = output.context("valgrind is needed (Debian: valgrind)")?;
    ensure!(
        output.status.success(),
        "valgrind failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut counts = [0.0; 3];
    for (at, (count, requests)) in counts.iter_mut().zip(COUNTED).enumerate() {
        let dump = format!("{}.{}", file.display(), at + 1);
        *count = total(
            &std::fs::read_to_string(&dump).with_context(|| format!("no counts in {dump}"))?,
        )? / f64::from(requests);
    }
    Ok(counts)
}

/// The total of a dump.
fn total(text: &str) -> Result<f64> {
    let total = text.lines().rev().find_map(|line| {
        let rest = line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: "))?;
        rest.trim().parse().ok()
    });
    let Some(total) = total else { bail!("expected a line `totals: N`, got none") };
    Ok(total)
}
