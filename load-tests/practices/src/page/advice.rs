//! The list at the top of the page: each piece of advice with the figures that it comes from.

use std::fmt::Write as _;

use wasmtime::Result;

use super::text::{shown, timed};
use crate::engines::Engines;

/// The list.
pub(super) fn list(engines: &Engines) -> Result<String> {
    let mut text = String::new();
    for (advice, figures) in boundary(engines)?.into_iter().chain(memory(engines)?) {
        let _ = writeln!(text, "- **{advice}** {figures}");
    }
    Ok(text)
}

/// What concerns the boundary between host and guest.
fn boundary(engines: &Engines) -> Result<[(&'static str, String); 3]> {
    let in_wasmtime = |key| timed(engines.wasmtime(), key);
    let in_chromium = |key| timed(engines.browser.as_ref(), key);
    Ok([
        (
            "Keep state in the guest, and pass little.",
            format!(
                "To look into a table of 100 KB: {} in wasmtime and {} in Chromium if the table comes with each \
                 call, {} and {} if the guest keeps it.",
                in_wasmtime("state/each call")?,
                in_chromium("state/each call")?,
                in_wasmtime("state/kept")?,
                in_chromium("state/kept")?
            ),
        ),
        (
            "Pass one block rather than many strings or JSON.",
            format!(
                "In wasmtime, 1,000 strings took {} as a list and {} packed into one block; 1,000 records took {} \
                 as JSON and {} packed.",
                in_wasmtime("strings/list")?,
                in_wasmtime("strings/packed")?,
                in_wasmtime("records/JSON")?,
                in_wasmtime("records/packed")?
            ),
        ),
        (
            "From JavaScript, copy with `Uint8Array.set`, not in a loop.",
            format!(
                "100 KB in Chromium: {} by `set`, {} byte by byte.",
                in_chromium("in/100 KB/set")?,
                in_chromium("in/100 KB/byte by byte")?
            ),
        ),
    ])
}

/// What concerns memory and instances.
fn memory(engines: &Engines) -> Result<[(&'static str, String); 4]> {
    let in_wasmtime = |key: &str| timed(engines.wasmtime(), key);
    let mib = |state: &str| {
        let key = format!("maximum/{state}/resident");
        shown(engines.wasmtime(), &key, |mib| format!("{mib:.0} MiB"))
    };
    Ok([
        (
            "Let no memory move: reserve address space, or give it its size at the start.",
            format!(
                "To fill 16 MiB in wasmtime: {} if they are there from the start, {} if the memory grows page by \
                 page in place, {} if each step moves it.",
                in_wasmtime("growing/in place/full size")?,
                in_wasmtime("growing/in place/page by page")?,
                in_wasmtime("growing/moved/page by page")?
            ),
        ),
        (
            "A large memory takes no RAM before it is touched.",
            format!(
                "256 MiB in wasmtime took {} untouched, and {} touched.",
                mib("untouched")?,
                mib("touched")?
            ),
        ),
        (
            "Use an instance again, or take it from a pool.",
            format!(
                "A call that touches 64 KiB in wasmtime: {} in a new instance, {} in one from a pool, {} if the \
                 pool keeps pages, {} in one that is used again.",
                in_wasmtime("pooling/on demand/64 KiB")?,
                in_wasmtime("pooling/pool/64 KiB")?,
                in_wasmtime("pooling/pool, keeps pages/64 KiB")?,
                in_wasmtime("pooling/reused/64 KiB")?
            ),
        ),
        (
            "If everything dies together, collect no garbage.",
            format!(
                "10,000 small objects, made and forgotten in wasmtime: {} with its collector, {} with a bump.",
                in_wasmtime("objects/collector/nothing kept")?,
                in_wasmtime("objects/bump/nothing kept")?
            ),
        ),
    ])
}
