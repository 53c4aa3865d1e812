//! What it costs to hand a value to a guest: through a component's types, and by pointer and length.

use std::hint::black_box;

use wasmtime::component::{self, Component, ComponentNamedList, Lift, Lower, WasmList};
use wasmtime::error::ensure;
use wasmtime::{Config, Engine, Instance, Memory, Module, Result, Store, TypedFunc};

use crate::documents::{self, FIRST_BYTES, KEY, SIZES};
use crate::figures::Figures;
use crate::modules;
use crate::turns::{Contest, Effort};

/// Measures all that is handed over.
pub(crate) fn measure(effort: Effort, figures: &mut Figures) -> Result<()> {
    let mut config = Config::new();
    config.concurrency_support(false);
    let engine = Engine::new(&config)?;
    let subjects = Subjects {
        component: Component::new(&engine, modules::component()?)?,
        module: Module::new(&engine, modules::core("boundary")?)?,
        engine,
    };
    calls(&subjects, effort, figures)?;
    for (size, bytes) in SIZES {
        sizes(&subjects, size, bytes, effort, figures)?;
    }
    shapes(&subjects, effort, figures)?;
    state(&subjects, effort, figures)
}

struct Subjects {
    engine: Engine,
    component: Component,
    module: Module,
}

/// A function of a component, in an instance of its own.
struct Lifted<P, R> {
    store: Store<()>,
    instance: component::Instance,
    function: component::TypedFunc<P, R>,
}

/// A core module.
struct Core {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
    room: TypedFunc<u32, u32>,
}

impl Subjects {
    fn lifted<P, R>(&self, name: &str) -> Result<Lifted<P, R>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let mut store = Store::new(&self.engine, ());
        let linker = component::Linker::new(&self.engine);
        let instance = linker.instantiate(&mut store, &self.component)?;
        let function = instance.get_typed_func(&mut store, name)?;
        Ok(Lifted { store, instance, function })
    }

    fn core(&self) -> Result<Core> {
        let mut store = Store::new(&self.engine, ());
        let instance = Instance::new(&mut store, &self.module, &[])?;
        let memory = instance.get_memory(&mut store, "memory").expect("it is exported");
        let room = instance.get_typed_func(&mut store, "room")?;
        Ok(Core { store, instance, memory, room })
    }
}

impl<P, R> Lifted<P, R>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    fn call(&mut self, values: P) -> Result<R> {
        self.function.call(&mut self.store, values)
    }
}

impl<P> Lifted<P, (u32,)>
where
    P: ComponentNamedList + Lower,
{
    /// Calls, and compares the answer.
    fn expect(&mut self, values: P, answer: u32) -> Result<()> {
        let (found,) = self.call(values)?;
        ensure!(found == answer, "expected {answer}, got {found}");
        Ok(())
    }
}

impl Core {
    fn function<P, R>(&mut self, name: &str) -> Result<TypedFunc<P, R>>
    where
        P: wasmtime::WasmParams,
        R: wasmtime::WasmResults,
    {
        self.instance.get_typed_func(&mut self.store, name)
    }

    /// Copies bytes in, and gives pointer and length.
    fn put(&mut self, bytes: &[u8]) -> Result<(u32, u32)> {
        let length = bytes.len() as u32;
        let at = self.room.call(&mut self.store, length)?;
        self.memory.write(&mut self.store, at as usize, bytes)?;
        Ok((at, length))
    }

    /// Copies bytes in, calls, and compares the answer.
    fn expect(
        &mut self,
        code: &TypedFunc<(u32, u32), u32>,
        bytes: &[u8],
        answer: u32,
    ) -> Result<()> {
        let place = self.put(bytes)?;
        let found = code.call(&mut self.store, place)?;
        ensure!(found == answer, "expected {answer}, got {found}");
        Ok(())
    }
}

/// Calls without values.
fn calls(subjects: &Subjects, effort: Effort, figures: &mut Figures) -> Result<()> {
    let mut contest = Contest::default();
    let mut core = subjects.core()?;
    let nothing = core.function::<(), ()>("nop")?;
    contest.add("call/core", move || nothing.call(&mut core.store, ()));
    let mut lifted = subjects.lifted::<(), ()>("nop")?;
    contest.add("call/component", move || lifted.call(()));
    contest.run(effort, figures)
}

/// Bodies of a size, in and out.
fn sizes(
    subjects: &Subjects,
    size: &str,
    bytes: usize,
    effort: Effort,
    figures: &mut Figures,
) -> Result<()> {
    let text = "a".repeat(bytes);
    let ends = u32::from(b'a') * 2;
    let mut contest = Contest::default();

    let mut core = subjects.core()?;
    let code = core.function("ends")?;
    let body = text.clone();
    contest.add(format!("in/{size}/pointer and length"), move || {
        core.expect(&code, body.as_bytes(), ends)
    });
    let mut lifted = subjects.lifted::<(&[u8],), _>("bytes")?;
    let body = &text;
    contest.add(format!("in/{size}/bytes"), move || lifted.expect((body.as_bytes(),), ends));
    for (way, export) in [("text, UTF-8", "text"), ("text, UTF-16", "text16")] {
        let mut lifted = subjects.lifted::<(&str,), _>(export)?;
        contest.add(format!("in/{size}/{way}"), move || lifted.expect((body,), ends));
    }

    let mut core = subjects.core()?;
    core.function::<u32, ()>("fill")?.call(&mut core.store, bytes as u32)?;
    let give = core.function::<u32, u32>("give")?;
    contest.add(format!("out/{size}/pointer and length"), move || {
        let place = give.call(&mut core.store, bytes as u32)? as usize;
        let data = core.memory.data(&core.store);
        let word = |at: usize| {
            let word = data[at..at + 4].try_into().expect("four bytes");
            u32::from_le_bytes(word) as usize
        };
        let copy = data[word(place)..][..word(place + 4)].to_vec();
        ensure!(copy.len() == bytes && copy[0] == b'a', "another answer");
        black_box(copy);
        Ok(())
    });
    let mut lifted = subjects.lifted::<(u32,), (Vec<u8>,)>("give-bytes")?;
    fill(&mut lifted, bytes)?;
    contest.add(format!("out/{size}/bytes"), move || {
        let (copy,) = lifted.call((bytes as u32,))?;
        ensure!(copy.len() == bytes && copy[0] == b'a', "another answer");
        black_box(copy);
        Ok(())
    });
    let mut lifted = subjects.lifted::<(u32,), (WasmList<u8>,)>("give-bytes")?;
    fill(&mut lifted, bytes)?;
    contest.add(format!("out/{size}/bytes in place"), move || {
        let (list,) = lifted.call((bytes as u32,))?;
        let view = list.as_le_slice(&lifted.store);
        ensure!(view.len() == bytes && view[0] == b'a', "another answer");
        Ok(())
    });
    let mut lifted = subjects.lifted::<(u32,), (String,)>("give-text")?;
    fill(&mut lifted, bytes)?;
    contest.add(format!("out/{size}/text, UTF-8"), move || {
        let (copy,) = lifted.call((bytes as u32,))?;
        ensure!(copy.len() == bytes && copy.starts_with('a'), "another answer");
        black_box(copy);
        Ok(())
    });
    contest.run(effort, figures)
}

fn fill<P, R>(lifted: &mut Lifted<P, R>, bytes: usize) -> Result<()> {
    let fill = lifted.instance.get_typed_func::<(u32,), ()>(&mut lifted.store, "fill")?;
    fill.call(&mut lifted.store, (bytes as u32,))
}

/// The same records and strings, in several shapes.
fn shapes(subjects: &Subjects, effort: Effort, figures: &mut Figures) -> Result<()> {
    let (items, pairs) = (&documents::items()[..], &documents::pairs()[..]);
    let strings = &documents::strings()[..];
    let packed = &documents::packed_strings(strings)[..];
    let total = documents::total();
    let mut contest = Contest::default();

    let mut lifted = subjects.lifted::<(&[(u32, u32)],), _>("pairs")?;
    contest.add("records/list", move || lifted.expect((pairs,), total));
    let mut lifted = subjects.lifted::<(Vec<u8>,), _>("packed-pairs")?;
    contest.add("records/packed", move || lifted.expect((documents::packed_pairs(items),), total));
    let mut lifted = subjects.lifted::<(String,), _>("json-pairs")?;
    contest.add("records/JSON", move || lifted.expect((serde_json::to_string(items)?,), total));
    let mut core = subjects.core()?;
    let code = core.function("packed_pairs")?;
    contest.add("records/pointer and length", move || {
        core.expect(&code, &documents::packed_pairs(items), total)
    });

    let mut lifted = subjects.lifted::<(&[String],), _>("strings")?;
    contest.add("strings/list", move || lifted.expect((strings,), FIRST_BYTES));
    let mut lifted = subjects.lifted::<(Vec<u8>,), _>("packed-strings")?;
    contest.add("strings/packed", move || {
        lifted.expect((documents::packed_strings(strings),), FIRST_BYTES)
    });
    let mut lifted = subjects.lifted::<(&[u8],), _>("packed-strings")?;
    contest.add("strings/packed before", move || lifted.expect((packed,), FIRST_BYTES));
    contest.run(effort, figures)
}

/// A table that comes with each call, and one that is kept.
fn state(subjects: &Subjects, effort: Effort, figures: &mut Figures) -> Result<()> {
    let table = &documents::table()[..];
    let (key, answer) = KEY;
    let mut contest = Contest::default();

    let mut core = subjects.core()?;
    let code = core.function::<(u32, u32, u32), u32>("find_in")?;
    contest.add("state/each call, pointer and length", move || {
        let (at, length) = core.put(table)?;
        let found = code.call(&mut core.store, (at, length, key))?;
        ensure!(found == answer, "expected {answer}, got {found}");
        Ok(())
    });
    let mut lifted = subjects.lifted::<(&[u8], u32), _>("find-in")?;
    contest.add("state/each call", move || lifted.expect((table, key), answer));

    let mut kept = subjects.core()?;
    let keep = kept.function::<(u32, u32), ()>("keep")?;
    let place = kept.put(table)?;
    keep.call(&mut kept.store, place)?;
    let find = kept.function::<u32, u32>("find")?;
    contest.add("state/kept, pointer and length", move || {
        let found = find.call(&mut kept.store, key)?;
        ensure!(found == answer, "expected {answer}, got {found}");
        Ok(())
    });
    let mut lifted = subjects.lifted::<(u32,), _>("find")?;
    let keep = lifted.instance.get_typed_func::<(&[u8],), ()>(&mut lifted.store, "keep")?;
    keep.call(&mut lifted.store, (table,))?;
    contest.add("state/kept", move || lifted.expect((key,), answer));
    contest.run(effort, figures)
}
