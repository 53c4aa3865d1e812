//! A component that can be instantiated, and what the host knows of it.

use serde::{Deserialize, Serialize};
use wasmtime::Engine;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::component::info::ComponentInfo;
use crate::component::stack::Stack;
use crate::component::world::{self, World};
use crate::config::units::Size;
use crate::runtime::bindings::ProcessorIndices;
use crate::runtime::clock::{Driven, Pulse};
use crate::runtime::core_call::CorePre;
use crate::runtime::engine::EngineKind;
use crate::runtime::log_buffer::{LogBuffer, LogMark};
use crate::runtime::store::{self, StoreData};

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

/// What the host must know of a component to serve it, beside its code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Needs {
    /// The world that it is served as.
    pub(crate) world: World,
    /// The names of its imports.
    pub(crate) imports: Vec<String>,
    /// The number of its linear memories.
    pub(crate) memories: u32,
    /// The maximum size of its garbage-collected heap, if it has one.
    pub(crate) heap_room: Option<Size>,
    /// Whether its stack lies above data, and its author could change that.
    pub(crate) has_unguarded_stack: bool,
}

impl Needs {
    pub(crate) fn of(info: &ComponentInfo, world: World, memory: Size) -> Self {
        Self {
            world,
            imports: info.imports.clone(),
            memories: u32::try_from(info.memories.len()).unwrap_or(u32::MAX),
            heap_room: info.heap_room(memory),
            // One that imports something has a language's runtime, which is linked already and guards its own stack.
            has_unguarded_stack: info.imports.is_empty() && info.stack == Some(Stack::AboveData),
        }
    }

    pub(crate) fn engine_kind(&self) -> EngineKind {
        if self.heap_room.is_some() || world::is_asynchronous(&self.imports, self.world) {
            EngineKind::Async
        } else {
            EngineKind::Sync
        }
    }
}

impl Loaded {
    /// Of a processor that is called without its component.
    pub(crate) fn core(pre: CorePre, driven: &Driven) -> Self {
        let pulse = driven.pulse.clone();
        Self { exports: ExportsPre::Core(pre), has_imports: false, pulse }
    }

    /// The same of a snapshot that is configured already, and where its log is.
    pub(crate) fn configured(pre: CorePre, log: Option<LogMark>, driven: &Driven) -> Self {
        let pulse = driven.pulse.clone();
        Self { exports: ExportsPre::Configured(pre, log), has_imports: false, pulse }
    }

    /// Links the imports of a component.
    ///
    /// # Errors
    ///
    /// If an import or export has another type.
    pub(crate) fn component(
        component: &Component,
        needs: &Needs,
        driven: &Driven,
    ) -> wasmtime::Result<Self> {
        let is_async = needs.engine_kind() == EngineKind::Async;
        let linker = store::linker(&driven.engine, &needs.imports, is_async)?;
        let pre = linker.instantiate_pre(component)?;
        let exports = match needs.world {
            World::Processor => ExportsPre::Processor(ProcessorExports {
                indices: ProcessorIndices::new(&pre)?,
                log: LogBuffer::export(component),
                pre,
            }),
            World::Proxy => ExportsPre::Proxy(ProxyPre::new(pre)?),
            World::Service => ExportsPre::Service(ServicePre::new(pre)?),
        };
        let (has_imports, pulse) = (!needs.imports.is_empty(), driven.pulse.clone());
        Ok(Self { exports, has_imports, pulse })
    }

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
