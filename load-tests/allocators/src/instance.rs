//! Components, and instances of them.
//!
//! All are compiled for the same plain processor with SIMD, so that valgrind can count what is timed. A memory may grow,
//! up to its maximum or 4 GiB, unless that is refused.

use std::path::Path;

use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::error::{Context as _, ensure, format_err};
use wasmtime::{Cache, CacheConfig, Config, Engine, ResourceLimiter, Result, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::subjects::Program;

mod world {
    #![allow(missing_docs, clippy::allow_attributes_without_reason, reason = "generated")]
    wasmtime::component::bindgen!({ path: "../../wit/processor", world: "processor" });
}

/// What every x86-64 processor since 2013 has, and valgrind too.
const FEATURES: [&str; 6] =
    ["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt", "has_avx"];

/// A component, ready to be instantiated.
pub(crate) struct Subject {
    pub(crate) program: Program,
    pub(crate) engine: Engine,
    before: world::ProcessorPre<Host>,
    /// Bytes of code in it.
    pub(crate) code: usize,
}

/// What an instance's store holds.
struct Host {
    wasi: WasiCtx,
    table: ResourceTable,
    growth: Growth,
}

/// How the memory has grown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Growth {
    /// How often `memory.grow` was called with success.
    pub(crate) calls: u32,
    /// Bytes of linear memory.
    pub(crate) memory: usize,
    /// Whether it must not grow any more.
    refused: bool,
}

/// An instance.
pub(crate) struct Instance {
    store: Store<Host>,
    exports: world::Processor,
}

/// The engine for all. What it compiles is kept beside the components, because valgrind would take minutes to do it.
pub(crate) fn engine(components: &Path) -> Result<Engine> {
    let mut cache = CacheConfig::new();
    cache.with_directory(std::path::absolute(components)?.join("compiled"));
    let mut config = Config::new();
    config.cache(Some(Cache::new(cache)?));
    config.concurrency_support(false);
    if cfg!(target_arch = "x86_64") {
        config.target("x86_64-unknown-linux-gnu")?;
        for feature in FEATURES {
            enable(&mut config, feature);
        }
    }
    Engine::new(&config)
}

#[expect(unsafe_code, reason = "wasmtime has no other way to say for which processor it compiles")]
fn enable(config: &mut Config, feature: &str) {
    // SAFETY: the compiler's own feature; whoever runs the code checks that this processor has it.
    unsafe { config.cranelift_flag_enable(feature) };
}

impl Subject {
    /// Compiles a component.
    pub(crate) fn load(
        engine: &Engine,
        components: &Path,
        program: Program,
        allocator: &str,
    ) -> Result<Self> {
        let file = program.file(components, allocator);
        let bytes =
            std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let component = Component::new(engine, &bytes)?;
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        let before = world::ProcessorPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Self { program, engine: engine.clone(), before, code: code(&bytes)? })
    }
}

/// The code of all modules in a component.
fn code(component: &[u8]) -> Result<usize> {
    let mut bytes = 0;
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        if let wasmparser::Payload::CodeSectionStart { size, .. } = payload? {
            bytes += size as usize;
        }
    }
    Ok(bytes)
}

impl Instance {
    /// Instantiates and configures.
    pub(crate) fn start(subject: &Subject, sample: &str) -> Result<Self> {
        let host = Host {
            wasi: WasiCtx::builder().build(),
            table: ResourceTable::new(),
            growth: Growth::default(),
        };
        let mut store = Store::new(&subject.engine, host);
        store.limiter(|host| &mut host.growth);
        let exports = subject.before.instantiate(&mut store)?;
        let settings = [("sample".to_owned(), sample.to_owned())];
        let configured =
            exports.arenaria_processor_lifecycle().call_configure(&mut store, &settings)?;
        configured.map_err(|sentence| format_err!("configure failed: {sentence}"))?;
        Ok(Self { store, exports })
    }

    /// Sends a body, and gives that of the response.
    pub(crate) fn call(&mut self, path: &str, body: &[u8]) -> Result<Vec<u8>> {
        let request = world::exports::arenaria::processor::handler::Request {
            method: "POST".to_owned(),
            path_with_query: path.to_owned(),
            headers: Vec::new(),
            body: body.to_vec(),
            received_at: 0,
        };
        let response =
            self.exports.arenaria_processor_handler().call_handle(&mut self.store, &request)?;
        ensure!(response.status == 200, "expected status 200, got {}", response.status);
        Ok(response.body)
    }

    pub(crate) fn growth(&self) -> Growth {
        self.store.data().growth
    }

    pub(crate) fn refuse_growth(&mut self, refused: bool) {
        self.store.data_mut().growth.refused = refused;
    }
}

impl ResourceLimiter for Growth {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        if self.refused {
            return Ok(false);
        }
        self.calls += u32::from(current > 0);
        self.memory = self.memory.max(desired);
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
        Ok(true)
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
