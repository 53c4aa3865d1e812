//! A list of objects that a collector keeps, and the same list in linear memory with a bump.

use wasmtime::error::ensure;
use wasmtime::{Collector, Config, Engine, Instance, Module, Result, Store};

use crate::figures::Figures;
use crate::modules;
use crate::turns::{Contest, Effort};

/// Nodes of a list that a call makes and forgets.
pub(crate) const COUNT: u32 = 10_000;

/// What lives meanwhile: the name, and the nodes.
pub(crate) const KEPT: [(&str, u32); 2] = [("nothing kept", 0), ("100,000 nodes kept", 100_000)];

/// Measures both.
pub(crate) fn measure(effort: Effort, figures: &mut Figures) -> Result<()> {
    let mut config = Config::new();
    config.concurrency_support(false);
    config.wasm_function_references(true).wasm_gc(true).collector(Collector::Copying);
    let engine = Engine::new(&config)?;
    for (kept, nodes) in KEPT {
        let mut contest = Contest::default();
        for (way, name) in [("collector", "objects"), ("bump", "nodes")] {
            let module = Module::new(&engine, modules::core(name)?)?;
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[])?;
            if nodes > 0 {
                instance.get_typed_func::<u32, ()>(&mut store, "keep")?.call(&mut store, nodes)?;
            }
            let run = instance.get_typed_func::<u32, u32>(&mut store, "run")?;
            contest.add(format!("objects/{way}/{kept}"), move || {
                let found = run.call(&mut store, COUNT)?;
                ensure!(found == COUNT * (COUNT + 1) / 2, "expected another sum, got {found}");
                Ok(())
            });
        }
        contest.run(effort, figures)?;
    }
    Ok(())
}
