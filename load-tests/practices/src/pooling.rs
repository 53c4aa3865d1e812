//! What an instance costs: made on demand, taken from a pool, or used again.

use wasmtime::error::ensure;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, Linker, Module, PoolingAllocationConfig,
    Result, Store,
};

use crate::figures::Figures;
use crate::modules;
use crate::turns::{Contest, Effort};

/// What a request touches: the name, and the bytes.
pub(crate) const TOUCHED: [(&str, u32); 2] = [("64 KiB", 64 << 10), ("1 MiB", 1 << 20)];

/// Bytes of an instance that the pool may keep.
pub(crate) const KEPT: usize = 1 << 20;

/// The byte of the data that a call gives back.
const ANSWER: u32 = b'a' as u32;

/// Measures: instantiate, call, drop; and only the call.
pub(crate) fn measure(effort: Effort, figures: &mut Figures) -> Result<()> {
    let mut subjects = Vec::new();
    for (way, pool) in
        [("on demand", None), ("pool", Some(pool(0))), ("pool, keeps pages", Some(pool(KEPT)))]
    {
        let mut config = Config::new();
        config.concurrency_support(false);
        if let Some(pool) = pool {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        }
        let engine = Engine::new(&config)?;
        let module = Module::new(&engine, modules::core("instance")?)?;
        let before = Linker::<()>::new(&engine).instantiate_pre(&module)?;
        subjects.push((way, engine, before));
    }
    for (touched, bytes) in TOUCHED {
        let mut contest = Contest::default();
        for (way, engine, before) in &subjects {
            contest.add(format!("pooling/{way}/{touched}"), move || {
                let mut store = Store::new(engine, ());
                let instance = before.instantiate(&mut store)?;
                let touch = instance.get_typed_func::<u32, u32>(&mut store, "touch")?;
                answer(touch.call(&mut store, bytes)?)
            });
        }
        let (_, engine, before) = &subjects[1];
        let mut store = Store::new(engine, ());
        let instance = before.instantiate(&mut store)?;
        let touch = instance.get_typed_func::<u32, u32>(&mut store, "touch")?;
        contest.add(format!("pooling/reused/{touched}"), move || {
            answer(touch.call(&mut store, bytes)?)
        });
        contest.run(effort, figures)?;
    }
    Ok(())
}

fn answer(found: u32) -> Result<()> {
    ensure!(found == ANSWER, "expected {ANSWER}, got {found}");
    Ok(())
}

fn pool(kept: usize) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(8).total_memories(8).max_memory_size(16 << 20);
    pool.linear_memory_keep_resident(kept).pagemap_scan(Enabled::Auto);
    pool
}
