//! Calls a processor's core module without the component around it: the canonical ABI of the contract's functions, by
//! hand. This is the only file of the host that touches a guest's memory.
//!
//! Nothing that a guest returns is trusted. An address is an index into its memory, a length is compared with what is
//! left there, and texts are checked as UTF-8. A guest cannot make the host copy more than its memory has: as in
//! wasmtime's own implementation, parts that overlap count as often as they are named.
//!
//! What allocates and frees in the guest is called on the worker's own stack, because a fiber for each call would cost
//! more than the call. [`Timer::blocking`] bounds the time in which this stops the worker.

use std::sync::Arc;

use wasmtime::{
    Engine, Instance, InstancePre, Linker, Memory, Module, ModuleExport, Store, TypedFunc, Val,
    WasmParams, WasmResults,
};

use wasmtime_wizer::{InstanceState, SnapshotVal, ValType};

use crate::component::core_module::{CoreModule, Function, MEMORY, REALLOC};
use crate::runtime::bindings::{ArenaUsage, PhaseUsage, Request, Response};
use crate::runtime::deadline::Timer;
use crate::runtime::store::StoreData;

type Result<T> = wasmtime::Result<T>;

/// A core module, ready to instantiate.
pub(crate) struct CorePre {
    pre: InstancePre<StoreData>,
    exports: Arc<Exports>,
}

/// Where the exports of a module are.
struct Exports {
    memory: ModuleExport,
    realloc: ModuleExport,
    handle: Export,
    configure: Export,
    usage: Export,
    log_buffer: Option<Export>,
}

/// A function of the module.
struct Export {
    function: ModuleExport,
    /// What frees its result.
    post_return: Option<ModuleExport>,
}

/// An instance of a core module. Each call gets its store.
pub(crate) struct CoreInstance {
    instance: Instance,
    memory: Memory,
    realloc: TypedFunc<(u32, u32, u32, u32), u32>,
    handle: TypedFunc<HandleParams, u32>,
    end_handle: Option<TypedFunc<u32, ()>>,
    /// Of the functions that are rarely called.
    exports: Arc<Exports>,
}

/// The memory and the globals of an instance.
pub(crate) struct CoreState<'a> {
    instance: &'a CoreInstance,
    store: &'a mut Store<StoreData>,
}

/// Method, path, header fields and body, each as address and length, and the time.
type HandleParams = (u32, u32, u32, u32, u32, u32, u32, u32, u64);

/// A part of a guest's memory, at a place that the guest has named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GuestBytes {
    memory: Memory,
    start: usize,
    length: usize,
}

/// The size of two texts, and their alignment.
const HEADER: (usize, usize) = (16, 4);

impl CorePre {
    /// Compiles the module.
    ///
    /// # Errors
    ///
    /// If it cannot be compiled.
    pub(crate) fn new(engine: &Engine, module: &CoreModule, bytes: &[u8]) -> Result<Self> {
        let compiled = Module::new(engine, bytes)?;
        let export = |name: &str| {
            let found = compiled.get_export_index(name);
            found.ok_or_else(|| wasmtime::format_err!("it has no export {name}"))
        };
        let function = |function: Function| {
            let post_return = module.has_post_return(function);
            Result::Ok(Export {
                function: export(&function.export())?,
                post_return: post_return.then(|| export(&function.post_return())).transpose()?,
            })
        };
        let has_log = module.has(Function::LogBuffer);
        let exports = Exports {
            memory: export(MEMORY)?,
            realloc: export(REALLOC)?,
            handle: function(Function::Handle)?,
            configure: function(Function::Configure)?,
            usage: function(Function::Usage)?,
            log_buffer: has_log.then(|| function(Function::LogBuffer)).transpose()?,
        };
        let pre = Linker::new(engine).instantiate_pre(&compiled)?;
        Ok(Self { pre, exports: Arc::new(exports) })
    }

    /// The same for instances of which each serves one request: nothing is freed after it.
    pub(crate) fn for_one_request(self) -> Self {
        let exports = Arc::into_inner(self.exports).expect("there is no instance yet");
        let handle = Export { post_return: None, ..exports.handle };
        Self { exports: Arc::new(Exports { handle, ..exports }), ..self }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.pre.module().engine()
    }

    /// Makes an instance.
    ///
    /// # Errors
    ///
    /// If its start function traps, or the pool is exhausted.
    pub(crate) async fn instantiate(&self, store: &mut Store<StoreData>) -> Result<CoreInstance> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        let exports = &self.exports;
        let memory = instance.get_module_export(&mut *store, &exports.memory);
        let memory = memory.and_then(wasmtime::Extern::into_memory);
        let end_handle = exports.handle.post_return.as_ref();
        Ok(CoreInstance {
            memory: memory.ok_or_else(|| wasmtime::Error::msg("its memory is not one"))?,
            realloc: typed(&instance, store, &exports.realloc)?,
            handle: typed(&instance, store, &exports.handle.function)?,
            end_handle: end_handle.map(|export| typed(&instance, store, export)).transpose()?,
            exports: Arc::clone(exports),
            instance,
        })
    }
}

fn typed<P: WasmParams, R: WasmResults>(
    instance: &Instance,
    store: &mut Store<StoreData>,
    export: &ModuleExport,
) -> Result<TypedFunc<P, R>> {
    let function = instance.get_module_export(&mut *store, export);
    let function = function.and_then(wasmtime::Extern::into_func);
    function.ok_or_else(|| wasmtime::Error::msg("an export is not a function"))?.typed(store)
}

impl CoreInstance {
    /// Calls `configure`. The inner result is the guest's.
    ///
    /// # Errors
    ///
    /// If the guest traps or returns what the contract does not allow.
    pub(crate) async fn configure(
        &self,
        store: &mut Store<StoreData>,
        timer: &Timer,
        settings: &[(&str, &str)],
    ) -> Result<std::result::Result<(), String>> {
        let (list, length) = self.lower_fields(store, timer, settings)?;
        let lift = |lift: &mut Lift<'_>, at: u32| {
            let at = lift.address(at, 12, 4)?;
            Ok(match lift.byte(at) {
                0 => Ok(()),
                1 => Err(lift.text(at + 4)?),
                other => wasmtime::bail!("unexpected discriminant: {other}"),
            })
        };
        self.call(store, timer, &self.exports.configure, (list, length), lift).await
    }

    /// Calls `handle`.
    ///
    /// # Errors
    ///
    /// If the guest traps or returns what the contract does not allow.
    pub(crate) async fn handle(
        &self,
        store: &mut Store<StoreData>,
        timer: &Timer,
        request: Request<'_>,
    ) -> Result<Response> {
        let Request { method, path_with_query, headers, body, received_at } = request;
        let method = self.lower_bytes(store, timer, method.as_bytes())?;
        let path = self.lower_bytes(store, timer, path_with_query.as_bytes())?;
        let headers = self.lower_fields(store, timer, headers)?;
        let body = self.lower_bytes(store, timer, body)?;
        let params =
            (method.0, method.1, path.0, path.1, headers.0, headers.1, body.0, body.1, received_at);
        let result = self.handle.call_async(&mut *store, params).await?;
        let response = {
            let mut lift = Lift::new(self.memory, store);
            let at = lift.address(result, 20, 4)?;
            let status = lift.u16(at);
            let headers =
                lift.list(at + 4, HEADER, |lift, at| Ok((lift.text(at)?, lift.text(at + 8)?)))?;
            Response { status, headers, body: lift.bytes(at + 12)?.to_vec() }
        };
        if let Some(function) = &self.end_handle {
            timer.blocking(|| function.call(store, result))?;
        }
        Ok(response)
    }

    /// Calls `usage`.
    ///
    /// # Errors
    ///
    /// If the guest traps or returns what the contract does not allow.
    pub(crate) async fn usage(
        &self,
        store: &mut Store<StoreData>,
        timer: &Timer,
    ) -> Result<ArenaUsage> {
        let lift = |lift: &mut Lift<'_>, at: u32| {
            let at = lift.address(at, 88, 8)?;
            let number = |index: usize| lift.u64(at + 8 * index);
            Ok(ArenaUsage {
                capacity: number(0),
                in_use: number(1),
                high_water: number(2),
                request_high_water: number(3),
                resets: number(4),
                sealed: number(5),
                request_survivors: number(6),
                spills: number(7),
                persistent: number(8),
                phases: lift.list(at + 72, (16, 8), |lift, at| {
                    Ok(PhaseUsage { name: lift.text(at)?, high_water: lift.u64(at + 8) })
                })?,
                retire: lift.byte(at + 80) != 0,
            })
        };
        self.call(store, timer, &self.exports.usage, (), lift).await
    }

    /// Calls the function that says where the guest keeps its log, if it has one.
    ///
    /// # Errors
    ///
    /// If the guest traps or returns what is not in its memory.
    pub(crate) async fn log_buffer(
        &self,
        store: &mut Store<StoreData>,
        timer: &Timer,
    ) -> Result<Option<GuestBytes>> {
        let Some(export) = &self.exports.log_buffer else { return Ok(None) };
        let memory = self.memory;
        let lift = |lift: &mut Lift<'_>, at: u32| {
            let at = lift.address(at, 8, 4)?;
            let (start, length) = lift.range(at, (1, 1))?;
            Ok(GuestBytes { memory, start, length })
        };
        self.call(store, timer, export, (), lift).await.map(Some)
    }

    /// Calls a function, lifts its result, and lets the guest free it.
    async fn call<P: WasmParams + Sync, R>(
        &self,
        store: &mut Store<StoreData>,
        timer: &Timer,
        export: &Export,
        params: P,
        lift: impl FnOnce(&mut Lift<'_>, u32) -> Result<R>,
    ) -> Result<R> {
        let function = typed::<P, u32>(&self.instance, store, &export.function)?;
        let result = function.call_async(&mut *store, params).await?;
        let lifted = lift(&mut Lift::new(self.memory, store), result)?;
        if let Some(export) = &export.post_return {
            let function = typed::<u32, ()>(&self.instance, store, export)?;
            timer.blocking(|| function.call(store, result))?;
        }
        Ok(lifted)
    }

    /// Bytes at a place in the instance's memory.
    pub(crate) fn bytes(&self, start: usize, length: usize) -> GuestBytes {
        GuestBytes { memory: self.memory, start, length }
    }

    /// All that the instance has.
    pub(crate) fn state<'a>(&'a self, store: &'a mut Store<StoreData>) -> CoreState<'a> {
        CoreState { instance: self, store }
    }

    /// Copies bytes into memory that the guest allocates: their address and length.
    fn lower_bytes(
        &self,
        store: &mut Store<StoreData>,
        timer: &Timer,
        bytes: &[u8],
    ) -> Result<(u32, u32)> {
        let (address, length) = self.allocate(store, timer, bytes.len(), 1)?;
        self.bytes_mut(store, address, bytes.len())?.copy_from_slice(bytes);
        Ok((address, length))
    }

    /// Copies pairs of texts into memory that the guest allocates: the address and length of the list.
    fn lower_fields(
        &self,
        store: &mut Store<StoreData>,
        timer: &Timer,
        fields: &[(&str, &str)],
    ) -> Result<(u32, u32)> {
        let (size, align) = HEADER;
        let (list, _) = self.allocate(store, timer, size * fields.len(), align)?;
        for (index, (name, value)) in fields.iter().enumerate() {
            let name = self.lower_bytes(store, timer, name.as_bytes())?;
            let value = self.lower_bytes(store, timer, value.as_bytes())?;
            let pair = self.bytes_mut(store, list + (size * index) as u32, size)?;
            let words = [name.0, name.1, value.0, value.1];
            for (place, word) in pair.as_chunks_mut().0.iter_mut().zip(words) {
                *place = u32::to_le_bytes(word);
            }
        }
        Ok((list, fields.len() as u32))
    }

    /// Memory of the guest: its address and size. What is empty needs none.
    fn allocate(
        &self,
        store: &mut Store<StoreData>,
        timer: &Timer,
        size: usize,
        align: usize,
    ) -> Result<(u32, u32)> {
        let (size, align) = (u32::try_from(size)?, align as u32);
        if size == 0 {
            return Ok((align, 0));
        }
        let address = timer.blocking(|| self.realloc.call(&mut *store, (0, 0, align, size)))?;
        wasmtime::ensure!(address % align == 0, "realloc return: result not aligned");
        let end = u64::from(address) + u64::from(size);
        let is_inside = end <= self.memory.data_size(&*store) as u64;
        wasmtime::ensure!(is_inside, "realloc return: beyond end of memory");
        Ok((address, size))
    }

    fn bytes_mut<'a>(
        &self,
        store: &'a mut Store<StoreData>,
        address: u32,
        length: usize,
    ) -> Result<&'a mut [u8]> {
        let start = address as usize;
        let bytes = self.memory.data_mut(store).get_mut(start..start + length);
        bytes.ok_or_else(|| wasmtime::Error::msg("beyond end of memory"))
    }
}

impl GuestBytes {
    /// Where these are, and how many.
    pub(crate) fn place(&self) -> (usize, usize) {
        (self.start, self.length)
    }

    /// The bytes as they are now.
    #[inline]
    pub(crate) fn as_slice<'a, T: 'static>(&self, store: &'a Store<T>) -> &'a [u8] {
        // A memory never shrinks.
        &self.memory.data(store)[self.start..self.start + self.length]
    }
}

impl InstanceState for CoreState<'_> {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        let global = self.instance.instance.get_global(&mut *self.store, name);
        match global.expect("the module was made to export it").get(&mut *self.store) {
            Val::I32(value) => SnapshotVal::I32(value),
            Val::I64(value) => SnapshotVal::I64(value),
            Val::F32(bits) => SnapshotVal::F32(bits),
            Val::F64(bits) => SnapshotVal::F64(bits),
            Val::V128(value) => SnapshotVal::V128(value.as_u128()),
            _ => unreachable!("a module with mutable references is refused"),
        }
    }

    async fn memory_contents(&mut self, _: &str, contents: impl FnOnce(&[u8]) + Send) {
        contents(self.instance.memory.data(&*self.store));
    }
}

/// Reads a result in a guest's memory.
struct Lift<'a> {
    memory: &'a [u8],
    /// How many bytes of lists may still be copied.
    fuel: usize,
}

impl<'a> Lift<'a> {
    fn new(memory: Memory, store: &'a Store<StoreData>) -> Self {
        Self { memory: memory.data(store), fuel: store.hostcall_fuel() }
    }

    /// The index of a value of this size, all of which is in the memory.
    fn address(&self, address: u32, size: usize, align: usize) -> Result<usize> {
        let at = address as usize;
        wasmtime::ensure!(at.is_multiple_of(align), "pointer not aligned");
        wasmtime::ensure!(at + size <= self.memory.len(), "pointer out of bounds of memory");
        Ok(at)
    }

    /// The numbers of a value are at places that [`Lift::address`] or [`Lift::range`] has checked.
    fn byte(&self, at: usize) -> u8 {
        self.memory[at]
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(*self.array(at))
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(*self.array(at))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(*self.array(at))
    }

    fn array<const N: usize>(&self, at: usize) -> &'a [u8; N] {
        self.memory[at..].first_chunk().expect("it was checked")
    }

    /// The place of the list whose address and length are here, and its length.
    fn range(&self, at: usize, (size, align): (usize, usize)) -> Result<(usize, usize)> {
        let (start, length) = (self.u32(at) as usize, self.u32(at + 4) as usize);
        wasmtime::ensure!(start.is_multiple_of(align), "list pointer is not aligned");
        let end = length.checked_mul(size).and_then(|bytes| bytes.checked_add(start));
        let is_inside = end.is_some_and(|end| end <= self.memory.len());
        wasmtime::ensure!(is_inside, "list pointer/length out of bounds of memory");
        Ok((start, length))
    }

    fn list<T>(
        &mut self,
        at: usize,
        element: (usize, usize),
        lift: impl Fn(&mut Self, usize) -> Result<T>,
    ) -> Result<Vec<T>> {
        let (start, length) = self.range(at, element)?;
        self.pay(length * size_of::<T>())?;
        (0..length).map(|index| lift(self, start + index * element.0)).collect()
    }

    fn bytes(&mut self, at: usize) -> Result<&'a [u8]> {
        let (start, length) = self.range(at, (1, 1))?;
        self.pay(length)?;
        Ok(&self.memory[start..start + length])
    }

    fn text(&mut self, at: usize) -> Result<String> {
        Ok(std::str::from_utf8(self.bytes(at)?)?.to_owned())
    }

    fn pay(&mut self, bytes: usize) -> Result<()> {
        let left = self.fuel.checked_sub(bytes);
        self.fuel = left.ok_or_else(|| {
            wasmtime::Error::msg("too much data is being copied between the host and the guest")
        })?;
        Ok(())
    }
}
