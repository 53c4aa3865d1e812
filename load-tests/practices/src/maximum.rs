//! What a maximum does, and what a memory costs that nobody has touched.

use procfs::process::Process;
use wasmtime::error::ensure;
use wasmtime::{Config, Engine, Instance, Module, Result, Store, StoreLimits, StoreLimitsBuilder};

use crate::figures::Figures;
use crate::modules;

/// Pages of the memory that is looked at: 256 MiB, the maximum of the module.
const PAGES: u32 = 4096;

/// The limit that the host sets, lower than the module's own.
const LIMIT: usize = 16 << 20;

/// Asks for too much, and looks at the process.
pub(crate) fn measure(figures: &mut Figures) -> Result<()> {
    let mut config = Config::new();
    config.concurrency_support(false);
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, modules::core("growing")?)?;

    let no_limit = StoreLimits::default();
    let limit = StoreLimitsBuilder::new().memory_size(LIMIT).build();
    for (name, limit, pages) in [("module", no_limit, PAGES), ("host", limit, LIMIT as u32 >> 16)] {
        let mut store = Store::new(&engine, limit);
        store.limiter(|limit| limit);
        let instance = Instance::new(&mut store, &module, &[])?;
        let grow = instance.get_typed_func::<u32, i32>(&mut store, "grow")?;
        // The memory begins with one page.
        let refused = grow.call(&mut store, pages)?;
        let granted = grow.call(&mut store, pages - 1)?;
        ensure!((refused, granted) == (-1, 1), "{name}: got {refused} and {granted}");
        figures.fact(format!("maximum/{name}"), "-1");
    }

    let empty = used()?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let small = used()?;
    let grow = instance.get_typed_func::<u32, i32>(&mut store, "grow")?;
    grow.call(&mut store, PAGES - 1)?;
    let untouched = used()?;
    let fill = instance.get_typed_func::<(u32, u32), i32>(&mut store, "fill")?;
    fill.call(&mut store, (PAGES << 16, 1))?;
    let touched = used()?;
    drop(store);
    let dropped = used()?;
    for (name, then) in
        [("one page", small), ("untouched", untouched), ("touched", touched), ("dropped", dropped)]
    {
        figures.time(format!("maximum/{name}/resident"), then.resident - empty.resident);
        figures.time(format!("maximum/{name}/address space"), then.addresses - empty.addresses);
    }
    Ok(())
}

/// MiB of this process.
struct Used {
    resident: f64,
    addresses: f64,
}

fn used() -> Result<Used> {
    let pages = Process::myself()?.statm()?;
    let mib = |pages: u64| pages as f64 * procfs::page_size() as f64 / f64::from(1 << 20);
    Ok(Used { resident: mib(pages.resident), addresses: mib(pages.size) })
}
