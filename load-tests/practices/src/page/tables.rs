//! The blocks of the page, in its order, and its plot.

use measured::plot::{Bar, Chart};
use measured::text::processor;
use wasmtime::Result;

use super::advice;
use super::text::{NONE, Table, compared, ratio, shown, time, timed};
use crate::engines::{Engine, Engines};
use crate::figures::Figure;
use crate::{bounds, documents, growing, objects, pooling};

/// All blocks, by name.
pub(super) fn all(engines: &Engines) -> Result<Vec<(&'static str, String)>> {
    Ok(vec![
        ("machine", machine(engines)),
        ("one-thing", advice::list(engines)?),
        ("bounds", bounds(engines)?),
        ("calls", calls(engines)?),
        ("bodies-wasmtime", bodies_in_wasmtime(engines)?),
        ("bodies-javascript", bodies_in_javascript(engines)?),
        ("shapes", shapes(engines)?),
        ("state", state(engines)?),
        ("fill", fill(engines)?),
        ("grow", grow(engines)?),
        ("moves", moves(engines)?),
        ("maximum", maximum(engines)?),
        ("resident", resident(engines)?),
        ("instances", instances(engines)?),
        ("objects", objects(engines)?),
    ])
}

fn machine(engines: &Engines) -> String {
    let versions = engines.columns().into_iter().flatten();
    let versions: Vec<_> = versions.map(|engine| engine.version.as_str()).collect();
    format!("Measured on {} by `cargo xtask practices`: {}.\n", processor(), versions.join(", "))
}

fn bounds(engines: &Engines) -> Result<String> {
    let columns = ["read in order", "write in order", "follow a chain", "beyond the end"];
    let mut table = Table::new("engine, memory", &columns);
    let mut rows = |name: &str, engine: Option<&Engine>, ways: &[&str]| -> Result<()> {
        for way in ways {
            let mut cells = Vec::new();
            for key in ["read", "write", "follow"] {
                let of = |way: &str| format!("bounds/{way}/{key}");
                cells.push(per_access(engine, &of(way), &of(ways[0]))?);
            }
            cells.push(shown(engine, &format!("bounds/{way}/beyond"), time)?);
            table.row(&format!("{name}, {way}"), &cells);
        }
        Ok(())
    };
    let wasmtime = ["guard pages", "explicit checks", "explicit checks, fixed size", "memory64"];
    rows("wasmtime", engines.wasmtime(), &wasmtime)?;
    let javascript = ["32 bits", "32 bits, fixed size", "memory64"];
    rows("Node", engines.node.as_ref(), &javascript)?;
    rows("Chromium", engines.browser.as_ref(), &javascript)?;
    Ok(table.end())
}

/// Nanoseconds of one access, and the ratio to another way.
fn per_access(engine: Option<&Engine>, key: &str, base: &str) -> Result<String> {
    let base = match engine.map(|engine| engine.figures.get(base)).transpose()? {
        Some(Figure::Number(base)) => *base,
        _ => f64::NAN,
    };
    let accesses = f64::from(bounds::WORDS);
    shown(engine, key, |time| format!("{:.2} ns ({}\u{a0}×)", time / accesses, ratio(time / base)))
}

fn calls(engines: &Engines) -> Result<String> {
    let mut table = Table::new("a call that does nothing", &["time"]);
    table.row("wasmtime, core module", &[timed(engines.wasmtime(), "call/core")?]);
    table.row("wasmtime, component", &[timed(engines.wasmtime(), "call/component")?]);
    table.row("Node, core module", &[timed(engines.node.as_ref(), "call/core")?]);
    table.row("Chromium, core module", &[timed(engines.browser.as_ref(), "call/core")?]);
    Ok(table.end())
}

fn bodies_in_wasmtime(engines: &Engines) -> Result<String> {
    let mut table = Table::new("wasmtime", &["1 KB", "10 KB", "100 KB"]);
    for (title, key) in [
        ("in: pointer and length, core module", "in/SIZE/pointer and length"),
        ("in: `list<u8>`", "in/SIZE/bytes"),
        ("in: `string`, guest uses UTF-8", "in/SIZE/text, UTF-8"),
        ("in: `string`, guest uses UTF-16", "in/SIZE/text, UTF-16"),
        ("out: pointer and length, core module", "out/SIZE/pointer and length"),
        ("out: `list<u8>`, copied", "out/SIZE/bytes"),
        ("out: `list<u8>`, read in place (`WasmList`)", "out/SIZE/bytes in place"),
        ("out: `string`, guest uses UTF-8", "out/SIZE/text, UTF-8"),
    ] {
        table.row(title, &by_size(engines.wasmtime(), key)?);
    }
    Ok(table.end())
}

fn bodies_in_javascript(engines: &Engines) -> Result<String> {
    let columns = ["Node: 1 KB", "10 KB", "100 KB", "Chromium: 1 KB", "10 KB", "100 KB"];
    let mut table = Table::new("from and to JavaScript", &columns);
    for (title, key) in [
        ("in: `Uint8Array.set`", "in/SIZE/set"),
        ("in: a loop, byte by byte", "in/SIZE/byte by byte"),
        ("in: `encodeInto`, text of Latin letters", "in/SIZE/encodeInto, Latin-1"),
        ("in: `encodeInto`, text of Cyrillic letters", "in/SIZE/encodeInto, UTF-16"),
        ("in: `encode`, then `set`", "in/SIZE/encode and set"),
        ("out: a view, `subarray`", "out/SIZE/view"),
        ("out: a copy, `slice`", "out/SIZE/slice"),
        ("out: text, `TextDecoder`", "out/SIZE/decode"),
    ] {
        let mut cells = Vec::new();
        for engine in engines.javascript() {
            cells.extend(by_size(engine, key)?);
        }
        table.row(title, &cells);
    }
    Ok(table.end())
}

/// A figure for each size of a body.
fn by_size(engine: Option<&Engine>, key: &str) -> Result<Vec<String>> {
    documents::SIZES.iter().map(|(size, _)| timed(engine, &key.replace("SIZE", size))).collect()
}

fn shapes(engines: &Engines) -> Result<String> {
    let mut table = Table::new("1,000 of them", &["wasmtime", "Node", "Chromium"]);
    for (title, key, in_javascript) in [
        ("records: packed into bytes", "records/packed", true),
        ("records: packed, pointer and length", "records/pointer and length", false),
        ("records: `list<tuple<u32, u32>>`", "records/list", false),
        ("records: JSON", "records/JSON", true),
        ("strings: packed into one block", "strings/packed", true),
        ("strings: the block is there already", "strings/packed before", false),
        ("strings: a `realloc` for each", "strings/list", true),
    ] {
        let base = if key.starts_with("records") { "records/packed" } else { "strings/packed" };
        let cell = |(at, engine)| {
            if at == 0 || in_javascript { compared(engine, key, base) } else { Ok(NONE.to_owned()) }
        };
        let cells =
            engines.columns().into_iter().enumerate().map(cell).collect::<Result<Vec<_>>>()?;
        table.row(title, &cells);
    }
    Ok(table.end())
}

fn state(engines: &Engines) -> Result<String> {
    let mut table = Table::new(
        "one look into 100 KB",
        &["the table comes with each call", "the guest keeps it"],
    );
    let (core, component) = (", pointer and length", "");
    let [wasmtime, node, browser] = engines.columns();
    for (title, engine, way) in [
        ("wasmtime, component", wasmtime, component),
        ("wasmtime, core module", wasmtime, core),
        ("Node", node, component),
        ("Chromium", browser, component),
    ] {
        let cells = ["each call", "kept"].map(|when| timed(engine, &format!("state/{when}{way}")));
        table.row(title, &cells.into_iter().collect::<Result<Vec<_>>>()?);
    }
    Ok(table.end())
}

/// The columns of growth: the name, the engine, and how its keys begin.
fn growers(engines: &Engines) -> [(&'static str, Option<&Engine>, &'static str); 4] {
    [
        ("wasmtime, in place", engines.wasmtime(), "growing/in place/"),
        ("wasmtime, moved", engines.wasmtime(), "growing/moved/"),
        ("Node", engines.node.as_ref(), "growing/"),
        ("Chromium", engines.browser.as_ref(), "growing/"),
    ]
}

fn fill(engines: &Engines) -> Result<String> {
    let growers = growers(engines);
    let mut table = Table::new("to fill 16 MiB", &growers.map(|(name, ..)| name));
    for (step, ..) in growing::STEPS {
        let cell = |(_, engine, begin): (_, _, &str)| {
            compared(engine, &format!("{begin}{step}"), &format!("{begin}full size"))
        };
        table.row(step, &growers.map(cell).into_iter().collect::<Result<Vec<_>>>()?);
    }
    Ok(table.end())
}

fn grow(engines: &Engines) -> Result<String> {
    let growers = growers(engines);
    let mut table = Table::new("`memory.grow(1)` at", &growers.map(|(name, ..)| name));
    for (size, _) in growing::SIZES {
        let cell = |(_, engine, begin): (_, _, &str)| timed(engine, &format!("{begin}{size}"));
        table.row(size, &growers.map(cell).into_iter().collect::<Result<Vec<_>>>()?);
    }
    Ok(table.end())
}

fn moves(engines: &Engines) -> Result<String> {
    let mut table = Table::new("after `memory.grow`", &["what the host has"]);
    let [wasmtime, node, browser] = engines.columns();
    let base = |way: &str| {
        let base = shown(wasmtime, &format!("growing/{way}/base"), time)?;
        Ok::<_, wasmtime::Error>([format!("{base} base address")])
    };
    table.row("wasmtime, address space reserved", &base("in place")?);
    table.row("wasmtime, nothing reserved", &base("moved")?);
    for (name, engine) in [("Node", node), ("Chromium", browser)] {
        let buffer = shown(engine, "growing/buffer", time)?;
        table.row(&format!("{name}, `memory.buffer`"), &[buffer]);
    }
    Ok(table.end())
}

fn maximum(engines: &Engines) -> Result<String> {
    let mut table = Table::new("more than it may have", &["wasmtime", "Node", "Chromium"]);
    for (title, key, wasmtime, javascript) in [
        ("`memory.grow` beyond the module's maximum", "module", true, true),
        ("`memory.grow` beyond the host's limit (`ResourceLimiter`)", "host", true, false),
        ("the method `Memory.grow` of JavaScript", "method", false, true),
    ] {
        let cell = |(at, engine)| match if at == 0 { wasmtime } else { javascript } {
            true => shown(engine, &format!("maximum/{key}"), time),
            false => Ok(NONE.to_owned()),
        };
        let cells =
            engines.columns().into_iter().enumerate().map(cell).collect::<Result<Vec<_>>>()?;
        table.row(title, &cells);
    }
    Ok(table.end())
}

fn resident(engines: &Engines) -> Result<String> {
    let columns = ["wasmtime: RAM", "wasmtime: address space", "Node: RAM", "Chromium: RAM"];
    let mut table = Table::new("a memory in the process", &columns);
    let mib = |engine, key: &str| shown(engine, key, |mib| format!("{mib:.0} MiB"));
    for (title, state, in_javascript) in [
        ("64 KiB", "one page", false),
        ("256 MiB, untouched", "untouched", true),
        ("256 MiB, touched", "touched", true),
        ("after its end", "dropped", false),
    ] {
        let key = format!("maximum/{state}/resident");
        let mut cells = vec![
            mib(engines.wasmtime(), &key)?,
            mib(engines.wasmtime(), &format!("maximum/{state}/address space"))?,
        ];
        for engine in engines.javascript() {
            cells.push(if in_javascript { mib(engine, &key)? } else { NONE.to_owned() });
        }
        table.row(title, &cells);
    }
    Ok(table.end())
}

fn instances(engines: &Engines) -> Result<String> {
    let columns = pooling::TOUCHED.map(|(name, _)| format!("the call touches {name}"));
    let mut table = Table::new("an instance with 16 MiB", &columns.each_ref().map(String::as_str));
    let [wasmtime, node, browser] = engines.columns();
    for (title, engine, way) in [
        ("wasmtime, on demand", wasmtime, "on demand"),
        ("wasmtime, pool", wasmtime, "pool"),
        ("wasmtime, pool that keeps 1 MiB of pages", wasmtime, "pool, keeps pages"),
        ("wasmtime, used again", wasmtime, "reused"),
        ("Node, new", node, "new"),
        ("Node, used again", node, "reused"),
        ("Chromium, new", browser, "new"),
        ("Chromium, used again", browser, "reused"),
    ] {
        let cells =
            pooling::TOUCHED.map(|(name, _)| timed(engine, &format!("pooling/{way}/{name}")));
        table.row(title, &cells.into_iter().collect::<Result<Vec<_>>>()?);
    }
    Ok(table.end())
}

fn objects(engines: &Engines) -> Result<String> {
    let mut table = Table::new(
        "a list of 10,000 nodes, made and forgotten",
        &objects::KEPT.map(|(name, _)| name),
    );
    for (name, engine) in ["wasmtime", "Node", "Chromium"].into_iter().zip(engines.columns()) {
        for (title, way) in [("linear memory, bump", "bump"), ("objects, collector", "collector")] {
            let cell = |(kept, _)| {
                compared(engine, &format!("objects/{way}/{kept}"), &format!("objects/bump/{kept}"))
            };
            let cells = objects::KEPT.map(cell).into_iter().collect::<Result<Vec<_>>>()?;
            table.row(&format!("{name}, {title}"), &cells);
        }
    }
    Ok(table.end())
}

/// The plot: how long it takes to fill a memory, in each engine.
pub(super) fn charts(engines: &Engines) -> Result<Vec<Chart>> {
    let mut charts = Vec::new();
    for (name, engine, begin) in growers(engines) {
        let mut bars = Vec::new();
        for (step, ..) in growing::STEPS {
            let key = format!("{begin}{step}");
            let number = engine.map(|engine| engine.figures.get(&key)).transpose()?;
            let value = if let Some(Figure::Number(value)) = number { *value } else { 0.0 };
            let marked = step == "full size";
            bars.push(Bar { label: step.into(), value, text: timed(engine, &key)?, marked });
        }
        charts.push(Chart { title: format!("{name}: to fill 16 MiB"), bars });
    }
    Ok(charts)
}
