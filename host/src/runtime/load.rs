//! From a file to a component that can be instantiated: read, check, rewrite, compile, link.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};
use wasmtime::Module;
use wasmtime::component::Component;

use crate::component::compiled_file::is_compiled;
use crate::component::core_module::{CoreModule, Functions};
use crate::component::encode::as_component;
use crate::component::file::{self, Digest};
use crate::component::info::{self, ComponentInfo};
use crate::component::world::World;
use crate::config::grants::Grants;
use crate::config::route::RouteConfig;
use crate::config::units::Size;
use crate::runtime::clock::Driven;
use crate::runtime::compiled::Compiled;
use crate::runtime::core_call::CorePre;
use crate::runtime::engine::{EngineKind, PoolSize};
use crate::runtime::fault::describe;
use crate::runtime::loaded::{Loaded, Needs};

/// A component's file, or a compiled one, read and checked.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    /// What tells it from others.
    pub(crate) digest: Digest,
    pub(crate) needs: Needs,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Component { bytes: Vec<u8>, info: ComponentInfo },
    Compiled(Box<Compiled>),
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
        ensure!(
            !is_compiled(path),
            "expected a component, got {name}, which arenaria compile has made; name it as compiled, beside the component that it was made of"
        );
        let bytes = file::read(path)?;
        let digest = Digest::of(&bytes);
        let refused = |refusal| anyhow!("cannot serve {name}: {refusal}");
        let bytes = as_component(bytes).map_err(refused)?;
        let info = ComponentInfo::read(&bytes).map_err(refused)?;
        let world = info.check(memory, grants).map_err(refused)?;
        let needs = Needs::of(&info, world, memory);
        Ok(Self { path: path.to_owned(), digest, needs, form: Form::Component { bytes, info } })
    }

    /// Reads what `arenaria compile` has written for a route, and checks that it is of this route, and runs here.
    ///
    /// # Errors
    ///
    /// If it is anything else. The message names the file, what differs and the remedy.
    pub(crate) fn read_compiled(path: &Path, route: &RouteConfig) -> Result<Self> {
        let compiled = Compiled::read(path)?;
        compiled.check(route)?;
        let (digest, needs) = (compiled.digest.clone(), compiled.needs().clone());
        Ok(Self { path: path.to_owned(), digest, needs, form: Form::Compiled(Box::new(compiled)) })
    }

    /// The kind of engine that the component needs.
    #[must_use]
    pub(crate) fn engine_kind(&self) -> EngineKind {
        self.needs.engine_kind()
    }

    /// The size of a pool for instances of this component only.
    #[must_use]
    pub(crate) fn pool(&self, instances: u32, memory: Size) -> PoolSize {
        let Needs { memories, heap_room, .. } = self.needs;
        PoolSize { instances, memories, memory, heap_room, keeps_pages: false }
    }

    /// Sets the component's memory size, compiles it and links its imports. What is compiled is only linked.
    ///
    /// # Errors
    ///
    /// If the component cannot be served. The message names the file, the problem and the remedy.
    pub(crate) fn load(&self, engine: &Driven, memory: Size) -> Result<Loaded> {
        match self.prepare(memory)? {
            Prepared::Component(bounded) => self.load_bounded(engine, &bounded),
            Prepared::Compiled(compiled) => compiled.load(engine),
        }
    }

    /// The component with memories of the configured size, or the compiled one.
    ///
    /// # Errors
    ///
    /// If a memory cannot have it.
    pub(crate) fn prepare(&self, memory: Size) -> Result<Prepared<'_>> {
        let (component, info) = match &self.form {
            Form::Compiled(compiled) => return Ok(Prepared::Compiled(compiled)),
            Form::Component { bytes, info } => (bytes, info),
        };
        let bytes = info::apply(component, info, memory)
            .map_err(|refusal| anyhow!("cannot serve {}: {refusal}", self.path.display()))?;
        let is_usual = self.needs.world == World::Processor
            && self.engine_kind() == EngineKind::Sync
            && self.needs.memories == 1;
        let module = is_usual.then(|| CoreModule::of(&bytes)).flatten();
        Ok(Prepared::Component(Bounded { bytes, module }))
    }

    /// Compiles it and links its imports.
    ///
    /// # Errors
    ///
    /// If it cannot be compiled or linked.
    pub(crate) fn load_bounded(&self, engine: &Driven, bounded: &Bounded) -> Result<Loaded> {
        let linked = || match bounded.core() {
            Some((module, functions)) => {
                let module = Module::new(&engine.engine, module)?;
                Ok(Loaded::core(CorePre::new(&module, functions.clone())?, engine))
            }
            None => {
                let component = Component::new(&engine.engine, &bounded.bytes)?;
                Loaded::component(&component, &self.needs, engine)
            }
        };
        linked().map_err(|error: wasmtime::Error| {
            let name = self.path.display();
            anyhow!("cannot serve {name}: {}; rebuild the component", describe(&error))
        })
    }
}

/// What is loaded.
pub(crate) enum Prepared<'a> {
    Component(Bounded),
    Compiled(&'a Compiled),
}

/// A component with memories of the configured size.
pub(crate) struct Bounded {
    bytes: Vec<u8>,
    /// The core module of a processor that can be called without its component.
    module: Option<CoreModule>,
}

impl Bounded {
    /// The core module, if it can be called, and its functions.
    pub(crate) fn core(&self) -> Option<(&[u8], &Functions)> {
        self.module.as_ref().map(|module| (&self.bytes[module.range.clone()], &module.functions))
    }
}
