//! Calls a processor's core module without the component around it: the canonical ABI of the contract's functions, by
//! hand.
//!
//! What allocates and frees in the guest is called on the worker's own stack, because a fiber for each call would cost
//! more than the call. Such a call stops the worker for some milliseconds at most, and the first one that stops it at
//! all is the last one of its request that has no fiber.

use std::sync::Arc;

use wasmtime::{
    Engine, Error, Extern, Instance, InstancePre, Linker, Module, ModuleExport, Result, Store,
    TypedFunc, Val, WasmParams, WasmResults,
};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType};

use crate::component::core_module::{Function, Functions, MEMORY, REALLOC};
use crate::runtime::bindings::{ArenaUsage, PhaseUsage, Request, Response};
use crate::runtime::deadline::Timer;
use crate::runtime::guest_memory::{GuestBytes, GuestMemory, Lift};
use crate::runtime::store::StoreData;

/// A core module, ready to instantiate.
pub(crate) struct CorePre {
    pre: InstancePre<StoreData>,
    functions: Functions,
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
    memory: GuestMemory,
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

/// The size of two texts, and their alignment.
const HEADER: (usize, usize) = (16, 4);

impl CorePre {
    /// Makes it of a compiled module with these functions.
    ///
    /// # Errors
    ///
    /// If an export is missing, or the module imports something.
    pub(crate) fn new(module: &Module, functions: Functions) -> Result<Self> {
        let export = |name: &str| {
            let found = module.get_export_index(name);
            found.ok_or_else(|| wasmtime::format_err!("expected an export {name}"))
        };
        let function = |function: Function| -> Result<Export> {
            let post_return = functions.has_post_return(function);
            Ok(Export {
                function: export(&function.export())?,
                post_return: post_return.then(|| export(&function.post_return())).transpose()?,
            })
        };
        let has_log = functions.has(Function::LogBuffer);
        let exports = Exports {
            memory: export(MEMORY)?,
            realloc: export(REALLOC)?,
            handle: function(Function::Handle)?,
            configure: function(Function::Configure)?,
            usage: function(Function::Usage)?,
            log_buffer: has_log.then(|| function(Function::LogBuffer)).transpose()?,
        };
        let pre = Linker::new(module.engine()).instantiate_pre(module)?;
        Ok(Self { pre, functions, exports: Arc::new(exports) })
    }

    /// The compiled module, and its functions.
    ///
    /// # Errors
    ///
    /// If there is not enough memory.
    pub(crate) fn serialize(&self) -> Result<(Vec<u8>, Functions)> {
        Ok((self.pre.module().serialize()?, self.functions.clone()))
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
        let memory = memory.and_then(Extern::into_memory).map(GuestMemory::new);
        let end_handle = exports.handle.post_return.as_ref();
        Ok(CoreInstance {
            memory: memory.ok_or_else(|| Error::msg("its memory is not a memory"))?,
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
    let function = function.and_then(Extern::into_func);
    function.ok_or_else(|| Error::msg("an export is not a function"))?.typed(store)
}

/// Calls what allocates or frees: without a fiber, unless that has taken long before in this request.
async fn run<P: WasmParams + Sync, R: WasmResults + Sync>(
    function: &TypedFunc<P, R>,
    store: &mut Store<StoreData>,
    timer: &Timer,
    params: P,
) -> Result<R> {
    if timer.may_block() {
        timer.blocking(|| function.call(store, params))
    } else {
        function.call_async(store, params).await
    }
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
        let (list, length) = self.lower_fields(store, timer, settings).await?;
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
        let method = self.lower_bytes(store, timer, method.as_bytes()).await?;
        let path = self.lower_bytes(store, timer, path_with_query.as_bytes()).await?;
        let headers = self.lower_fields(store, timer, headers).await?;
        let body = self.lower_bytes(store, timer, body).await?;
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
            run(function, store, timer, result).await?;
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
            Ok(memory.bytes(start, length))
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
            run(&function, store, timer, result).await?;
        }
        Ok(lifted)
    }

    /// Bytes at a place in the instance's memory.
    pub(crate) fn bytes(&self, start: usize, length: usize) -> GuestBytes {
        self.memory.bytes(start, length)
    }

    /// All that the instance has.
    pub(crate) fn state<'a>(&'a self, store: &'a mut Store<StoreData>) -> CoreState<'a> {
        CoreState { instance: self, store }
    }

    /// Copies bytes into memory that the guest allocates: their address and length.
    async fn lower_bytes(
        &self,
        store: &mut Store<StoreData>,
        timer: &Timer,
        bytes: &[u8],
    ) -> Result<(u32, u32)> {
        let (address, length) = self.allocate(store, timer, bytes.len(), 1).await?;
        self.memory.bytes_mut(store, address, bytes.len())?.copy_from_slice(bytes);
        Ok((address, length))
    }

    /// Copies pairs of texts into memory that the guest allocates: the address and length of the list.
    async fn lower_fields(
        &self,
        store: &mut Store<StoreData>,
        timer: &Timer,
        fields: &[(&str, &str)],
    ) -> Result<(u32, u32)> {
        let (size, align) = HEADER;
        let (list, _) = self.allocate(store, timer, size * fields.len(), align).await?;
        for (index, (name, value)) in fields.iter().enumerate() {
            for (text, half) in [(name, 0), (value, size / 2)] {
                let (address, length) = self.lower_bytes(store, timer, text.as_bytes()).await?;
                let place = list + (size * index + half) as u32;
                let place = self.memory.bytes_mut(store, place, size / 2)?;
                place[..4].copy_from_slice(&address.to_le_bytes());
                place[4..].copy_from_slice(&length.to_le_bytes());
            }
        }
        Ok((list, fields.len() as u32))
    }

    /// Memory of the guest: its address and size. What is empty needs none.
    async fn allocate(
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
        let address = run(&self.realloc, store, timer, (0, 0, align, size)).await?;
        wasmtime::ensure!(address % align == 0, "realloc return: result not aligned");
        self.memory.bytes_mut(store, address, size as usize)?;
        Ok((address, size))
    }
}

impl CoreState<'_> {
    pub(crate) fn memory(&self) -> &[u8] {
        self.instance.memory.all(self.store)
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
        contents(self.memory());
    }
}
