//! What becomes of the memory: how much of it is used, how it grows, and what is lost in it.
//!
//! Each question has an instance of its own, and no other instance is alive, so that the process's only linear memory
//! is the one that is looked at.

use std::time::{Duration, Instant};

use procfs::process::{MMPermissions, Process};
use wasmtime::Result;
use wasmtime::error::{Context as _, ensure};

use crate::documents;
use crate::instance::{Growth, Instance, Subject};

/// A spike.
pub(crate) const SPIKE: usize = 8 << 20;
/// The document with which the peak is measured.
pub(crate) const LARGE: usize = 1 << 20;
/// The churn ends after this time, finished or not.
const CHURN_TIME: Duration = Duration::from_secs(180);

/// A memory after some requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    /// Bytes of pages that were touched.
    pub(crate) touched: usize,
    pub(crate) growth: Growth,
}

/// A memory after the churn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Churned {
    /// How many requests there were.
    pub(crate) requests: u32,
    pub(crate) used: Used,
    /// Bytes of the cache's entries.
    pub(crate) live: usize,
    /// Bytes that can still be allocated without growth.
    pub(crate) free: usize,
    /// The largest block among them.
    pub(crate) largest: usize,
    /// Bytes that are neither: headers, padding, holes that are too small.
    pub(crate) lost: usize,
}

/// After one document of 1 MiB.
pub(crate) fn peak(subject: &Subject) -> Result<Used> {
    let mut instance = Instance::start(subject, &documents::sample(subject.program))?;
    instance.call("/", &documents::body(subject.program, LARGE))?;
    used(&instance)
}

/// After a spike and a small request.
pub(crate) fn spike(subject: &Subject) -> Result<Used> {
    let mut instance = Instance::start(subject, "")?;
    instance.call("/spike", SPIKE.to_string().as_bytes())?;
    instance.call("/", b"")?;
    used(&instance)
}

/// After so many requests of the churn.
pub(crate) fn churn(subject: &Subject, requests: u32) -> Result<Churned> {
    // What is there before anything is allocated.
    let fixed = {
        let mut fresh = Instance::start(subject, "")?;
        fresh.call("/", b"")?;
        let (free, ..) = free(&mut fresh)?;
        fresh.growth().memory - free
    };
    let mut instance = Instance::start(subject, "")?;
    let begun = Instant::now();
    let mut done = 0;
    while done < requests && begun.elapsed() < CHURN_TIME {
        for _ in 0..requests.min(100) {
            instance.call("/churn", b"")?;
        }
        done += requests.min(100);
    }
    let used = used(&instance)?;
    let (free, largest, live) = free(&mut instance)?;
    let lost = used.growth.memory.saturating_sub(fixed + free + live);
    Ok(Churned { requests: done, used, live, free, largest, lost })
}

/// Takes what can be taken without growth: bytes free, the largest block, bytes alive.
fn free(instance: &mut Instance) -> Result<(usize, usize, usize)> {
    instance.refuse_growth(true);
    let answer = instance.call("/free", b"")?;
    instance.refuse_growth(false);
    let text = String::from_utf8(answer).context("an answer of /free is text")?;
    let numbers: Vec<usize> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [free, largest, live] = numbers[..] else {
        wasmtime::bail!("expected three numbers, got {text:?}")
    };
    Ok((free, largest, live))
}

fn used(instance: &Instance) -> Result<Used> {
    Ok(Used { touched: touched()?, growth: instance.growth() })
}

/// Bytes of touched pages of this process's only linear memory. It lies before the address space that is reserved for
/// its growth, the only mapping without access of this size.
fn touched() -> Result<usize> {
    const RESERVED: u64 = 2 << 30;
    let maps = Process::myself()?.smaps()?.0;
    let reserved: Vec<usize> = (0..maps.len())
        .filter(|&at| maps[at].perms.is_empty() || maps[at].perms == MMPermissions::PRIVATE)
        .filter(|&at| maps[at].address.1 - maps[at].address.0 >= RESERVED)
        .collect();
    ensure!(
        reserved.len() == 1,
        "expected one linear memory in this process, got {}",
        reserved.len()
    );
    let mut end = maps[reserved[0]].address.0;
    let mut bytes = 0;
    for map in maps[..reserved[0]].iter().rev() {
        if map.address.1 != end || !map.perms.contains(MMPermissions::WRITE) {
            break;
        }
        bytes += map.extension.map.get("Rss").copied().unwrap_or(0);
        end = map.address.0;
    }
    Ok(usize::try_from(bytes)?)
}
