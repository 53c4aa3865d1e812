//! What the bounds of linear memory cost: guard pages, explicit checks, addresses of 64 bits.

use measured::clock::spent;
use wasmtime::error::ensure;
use wasmtime::{Config, Engine, Instance, Module, Result, Store, Trap, TypedFunc};

use crate::figures::Figures;
use crate::modules;
use crate::turns::{Contest, Effort};

/// Bytes that are read or written in order, and words of the chain: both fit a processor's second cache.
pub(crate) const BYTES: u32 = 64 << 10;

/// Words of the chain.
pub(crate) const WORDS: u32 = BYTES / 4;

/// How the memory is bounded: the name, the module, and whether there are guard pages.
const WAYS: [(&str, &str, bool); 4] = [
    ("guard pages", "bounds", true),
    ("explicit checks", "bounds", false),
    ("explicit checks, fixed size", "bounds fixed", false),
    ("memory64", "bounds 64", true),
];

/// The loops with `WORDS` accesses each: the name, the argument, the answer.
const LOOPS: [(&str, u32, u32); 3] =
    [("read", BYTES, WORDS * (WORDS - 1) * 2), ("write", BYTES, 1), ("follow", WORDS, 0)];

/// Measures, and sees that an access beyond the end traps.
pub(crate) fn measure(effort: Effort, figures: &mut Figures) -> Result<()> {
    let mut ways = Vec::new();
    for (way, module, guards) in WAYS {
        let mut config = Config::new();
        config.concurrency_support(false);
        if !guards {
            config.memory_reservation(0).memory_guard_size(0).memory_reservation_for_growth(0);
        }
        let engine = Engine::new(&config)?;
        let module = Module::new(&engine, modules::core(module)?)?;
        let beyond = Loop::start(&engine, &module, "read")?.call(4 << 20);
        let trap = beyond.err().and_then(|error| error.downcast::<Trap>().ok());
        ensure!(trap == Some(Trap::MemoryOutOfBounds), "{way}: expected a trap, got {trap:?}");
        figures.fact(format!("bounds/{way}/beyond"), "trap");
        ways.push((way, engine, module));
    }
    for (name, argument, answer) in LOOPS {
        let mut contest = Contest::default();
        for (way, engine, module) in &ways {
            contest.add_timed(format!("bounds/{way}/{name}"), move |count| {
                // A new instance in each turn: where its memory lies makes it faster or slower.
                let mut code = Loop::start(engine, module, name)?;
                let found = code.call(argument)?;
                ensure!(found == answer, "{name}, {way}: expected {answer}, got {found}");
                let begun = spent();
                for _ in 0..count {
                    code.call(argument)?;
                }
                Ok(spent() - begun)
            });
        }
        contest.run(effort, figures)?;
    }
    Ok(())
}

/// One loop of a new instance.
struct Loop {
    store: Store<()>,
    function: Function,
}

/// Addresses have 32 or 64 bits.
enum Function {
    Short(TypedFunc<u32, u32>),
    Long(TypedFunc<u64, u32>),
}

impl Loop {
    fn start(engine: &Engine, module: &Module, name: &str) -> Result<Self> {
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, module, &[])?;
        instance.get_typed_func::<(), ()>(&mut store, "chain")?.call(&mut store, ())?;
        let function = match instance.get_typed_func(&mut store, name) {
            Ok(function) => Function::Short(function),
            Err(_) => Function::Long(instance.get_typed_func(&mut store, name)?),
        };
        Ok(Self { store, function })
    }

    fn call(&mut self, argument: u32) -> Result<u32> {
        match &self.function {
            Function::Short(function) => function.call(&mut self.store, argument),
            Function::Long(function) => function.call(&mut self.store, argument.into()),
        }
    }
}
