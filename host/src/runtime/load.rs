//! From a file to a component that can be instantiated: read, check, rewrite, compile, link.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::component::core_module::CoreModule;
use crate::component::encode::as_component;
use crate::component::file;
use crate::component::info::{self, ComponentInfo};
use crate::component::stack::Stack;
use crate::component::world::{self, World};
use crate::config::grants::Grants;
use crate::config::units::Size;
use crate::runtime::bindings::ProcessorIndices;
use crate::runtime::clock::{Driven, Pulse};
use crate::runtime::core_call::CorePre;
use crate::runtime::engine::{EngineKind, PoolSize};
use crate::runtime::fault::describe;
use crate::runtime::log_buffer::{LogBuffer, LogMark};
use crate::runtime::store::{self, StoreData};

/// A component's file, read and checked.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    bytes: Vec<u8>,
    /// What the component declares.
    pub info: ComponentInfo,
    /// The world that it is served as.
    pub world: World,
}

/// What tells a component from others, without its bytes: its SHA-256.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Digest([u8; 32]);

/// A component that can be instantiated.
pub(crate) struct Loaded {
    pub(crate) exports: ExportsPre,
    /// Whether its instances need WASI.
    pub(crate) has_imports: bool,
    /// Of the clock of its engine.
    pub(crate) pulse: Pulse,
}

/// A processor that is called through its component, ready to instantiate.
pub(crate) struct ProcessorExports {
    pub(crate) pre: InstancePre<StoreData>,
    pub(crate) indices: ProcessorIndices,
    /// The function that returns its log, if it has one.
    pub(crate) log: Option<ComponentExportIndex>,
}

/// The component, ready to instantiate, by its world.
pub(crate) enum ExportsPre {
    /// A processor that is called without its component, which is the usual one.
    Core(CorePre),
    /// The same, of a snapshot that is configured already, and where its log is.
    Configured(CorePre, Option<LogMark>),
    Processor(ProcessorExports),
    Proxy(ProxyPre<StoreData>),
    Service(ServicePre<StoreData>),
}

impl Source {
    /// Reads the file of a component, or of a core module that carries its WIT, and checks that it can be served
    /// with this memory and these grants.
    ///
    /// # Errors
    ///
    /// If the component cannot be served. The message names the file, the problem and the remedy.
    pub(crate) fn read(path: &Path, memory: Size, grants: &Grants) -> Result<Self> {
        let name = path.display();
        let bytes = file::read(path)?;
        let refused = |refusal| anyhow!("cannot serve {name}: {refusal}");
        let bytes = as_component(bytes).map_err(refused)?;
        let info = ComponentInfo::read(&bytes).map_err(refused)?;
        let world = info.check(memory, grants).map_err(refused)?;
        Ok(Self { path: path.to_owned(), bytes, info, world })
    }

    /// What tells it from other components.
    pub(crate) fn digest(&self) -> Digest {
        Digest(Sha256::digest(&self.bytes).into())
    }

    /// The kind of engine that the component needs.
    #[must_use]
    pub(crate) fn engine_kind(&self) -> EngineKind {
        if self.info.collects || world::is_asynchronous(&self.info.imports, self.world) {
            EngineKind::Async
        } else {
            EngineKind::Sync
        }
    }

    /// Whether its stack lies above data, and its author could change that: one that imports
    /// something has a language's runtime, which is linked already and guards its own stack.
    pub(crate) fn has_unguarded_stack(&self) -> bool {
        self.info.imports.is_empty() && self.info.stack == Some(Stack::AboveData)
    }

    /// The size of a pool for instances of this component only.
    #[must_use]
    pub(crate) fn pool(&self, instances: u32, memory: Size) -> PoolSize {
        let memories = u32::try_from(self.info.memories.len()).unwrap_or(u32::MAX);
        let heap_room = self.info.heap_room(memory);
        PoolSize { instances, memories, memory, heap_room, keeps_pages: false }
    }

    /// Sets the component's memory size, compiles it and links its imports.
    ///
    /// # Errors
    ///
    /// If the component cannot be served. The message names the file, the problem and the remedy.
    pub(crate) fn load(&self, engine: &Driven, memory: Size) -> Result<Loaded> {
        let bounded = self.bounded(memory)?;
        self.load_bounded(engine, &bounded, self.core_module(&bounded).as_ref())
    }

    /// The same for a component with memories of the configured size, and with its core module if it can be called.
    ///
    /// # Errors
    ///
    /// If it cannot be compiled or linked.
    pub(crate) fn load_bounded(
        &self,
        engine: &Driven,
        bounded: &[u8],
        module: Option<&CoreModule>,
    ) -> Result<Loaded> {
        self.link(engine, bounded, module).map_err(|error| {
            let name = self.path.display();
            anyhow!("cannot serve {name}: {}; rebuild the component", describe(&error))
        })
    }

    /// The component with memories of the configured size.
    ///
    /// # Errors
    ///
    /// If a memory cannot have it.
    pub(crate) fn bounded(&self, memory: Size) -> Result<Vec<u8>> {
        let bounded = info::apply(&self.bytes, &self.info, memory);
        bounded.map_err(|refusal| anyhow!("cannot serve {}: {refusal}", self.path.display()))
    }

    /// The core module of a processor that can be called without its component.
    pub(crate) fn core_module(&self, bounded: &[u8]) -> Option<CoreModule> {
        let is_usual = self.world == World::Processor
            && self.engine_kind() == EngineKind::Sync
            && self.info.memories.len() == 1;
        is_usual.then(|| CoreModule::of(bounded)).flatten()
    }

    fn link(
        &self,
        driven: &Driven,
        bounded: &[u8],
        module: Option<&CoreModule>,
    ) -> wasmtime::Result<Loaded> {
        let Driven { engine, pulse } = driven;
        let pulse = pulse.clone();
        if let Some(module) = module {
            let exports = CorePre::new(engine, module, &bounded[module.range.clone()])?;
            return Ok(Loaded { exports: ExportsPre::Core(exports), has_imports: false, pulse });
        }
        let component = Component::new(engine, bounded)?;
        let linker =
            store::linker(engine, &self.info.imports, self.engine_kind() == EngineKind::Async)?;
        let pre = linker.instantiate_pre(&component)?;
        let exports = match self.world {
            World::Processor => ExportsPre::Processor(ProcessorExports {
                indices: ProcessorIndices::new(&pre)?,
                log: LogBuffer::export(&component),
                pre,
            }),
            World::Proxy => ExportsPre::Proxy(ProxyPre::new(pre)?),
            World::Service => ExportsPre::Service(ServicePre::new(pre)?),
        };
        Ok(Loaded { exports, has_imports: !self.info.imports.is_empty(), pulse })
    }
}

impl Loaded {
    /// Whether its calls need nothing of the component model.
    pub(crate) fn is_core(&self) -> bool {
        matches!(self.exports, ExportsPre::Core(_) | ExportsPre::Configured(..))
    }

    /// Whether each of its instances is configured at its start.
    pub(crate) fn is_configured_at_start(&self) -> bool {
        matches!(self.exports, ExportsPre::Core(_) | ExportsPre::Processor(_))
    }

    /// The engine that compiled it.
    pub(crate) fn engine(&self) -> &Engine {
        match &self.exports {
            ExportsPre::Core(pre) | ExportsPre::Configured(pre, _) => pre.engine(),
            ExportsPre::Processor(exports) => exports.pre.engine(),
            ExportsPre::Proxy(pre) => pre.engine(),
            ExportsPre::Service(pre) => pre.engine(),
        }
    }
}
