//! Finds the core module of a processor that can be called without the component around it.
//!
//! A processor has no imports, so its component only describes one core module: which of its functions is which
//! function of the contract, and with which options the canonical ABI passes values. If that is just what
//! `wit-component` writes, the host can pass the values itself, which costs less. What a processor exports besides does
//! not matter. A component that is made in any other way is not a [`CoreModule`], and wasmtime passes its values.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ExternalKind, Instance, Parser, Payload,
};
use wit_parser::{Resolve, WorldId};

use crate::component::world::{LOG_EXPORT, PROCESSOR_EXPORTS};

/// The functions of a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Function {
    Handle,
    Configure,
    Usage,
    LogBuffer,
}

/// The core module of a processor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CoreModule {
    /// Where the module is in the component.
    pub(crate) range: Range<usize>,
    pub(crate) functions: Functions,
}

/// The functions that a core module exports, and whether each has a post-return function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Functions(BTreeMap<Function, bool>);

/// The export that is the memory.
pub(crate) const MEMORY: &str = "memory";
/// The export that allocates what the host passes.
pub(crate) const REALLOC: &str = "cabi_realloc";

impl Function {
    const ALL: [Self; 4] = [Self::Handle, Self::Configure, Self::Usage, Self::LogBuffer];

    /// The interface and the name in it.
    fn path(self) -> (&'static str, &'static str) {
        let [handler, lifecycle, memory] = PROCESSOR_EXPORTS;
        match self {
            Self::Handle => (handler, "handle"),
            Self::Configure => (lifecycle, "configure"),
            Self::Usage => (memory, "usage"),
            Self::LogBuffer => (LOG_EXPORT, "buffer"),
        }
    }

    /// The export of the core module.
    pub(crate) fn export(self) -> String {
        let (interface, name) = self.path();
        format!("{interface}#{name}")
    }

    /// The export of the core module that frees a result.
    pub(crate) fn post_return(self) -> String {
        format!("cabi_post_{}", self.export())
    }

    /// Whether its parameters are allocated in the guest.
    fn allocates(self) -> bool {
        matches!(self, Self::Handle | Self::Configure)
    }
}

impl CoreModule {
    /// The core module of a component, if that is valid, and a processor as `wit-component` makes it.
    pub(crate) fn of(component: &[u8]) -> Option<Self> {
        let module = Parts::read(component)?.core_module()?;
        conforms(component, module.functions.has(Function::LogBuffer)).then_some(module)
    }
}

impl Functions {
    /// The same for instances of which each serves one request. Nothing is freed after it.
    pub(crate) fn for_one_request(mut self) -> Self {
        self.0.insert(Function::Handle, false);
        self
    }

    /// Whether the component has this function.
    pub(crate) fn has(&self, function: Function) -> bool {
        self.0.contains_key(&function)
    }

    /// Whether the function has a post-return function.
    pub(crate) fn has_post_return(&self, function: Function) -> bool {
        self.0.get(&function) == Some(&true)
    }
}

/// Whether a component is valid, and its functions have the types of the contract.
fn conforms(component: &[u8], has_log: bool) -> bool {
    let world = || -> anyhow::Result<(Resolve, WorldId)> {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("processor.wit", include_str!("../../wit/processor.wit"))?;
        let world = resolve.select_world(&[package], Some("processor"))?;
        if has_log {
            let text = "package arenaria:host; world processor-with-log {
                include arenaria:processor/processor@0.1.0;
                export arenaria:processor/log@0.1.0;
            }";
            let package = resolve.push_str("host.wit", text)?;
            let world = resolve.select_world(&[package], Some("processor-with-log"))?;
            return Ok((resolve, world));
        }
        Ok((resolve, world))
    };
    let (resolve, world) = world().expect("the contract is valid WIT");
    wit_component::targets(&resolve, world, component).is_ok()
}

/// A function of a component that is one of its core module.
#[derive(Clone, Debug)]
struct Lifted<'a> {
    core: &'a str,
    /// None if they are other ones than those of [`Parts::options`].
    options: Option<[Option<&'a str>; 3]>,
}

/// The parts of a component that `wit-component` writes for a processor.
#[derive(Debug, Default)]
struct Parts<'a> {
    module: Option<Range<usize>>,
    core_instances: usize,
    core_functions: Vec<&'a str>,
    core_memories: Vec<&'a str>,
    functions: Vec<Lifted<'a>>,
    /// The function that is the only argument of each instance, by the instance's index.
    instances: Vec<Option<usize>>,
    exports: Vec<(&'a str, usize)>,
}

impl<'a> Parts<'a> {
    /// Reads the parts. None if there is any other one.
    fn read(component: &'a [u8]) -> Option<Self> {
        let mut parts = Self::default();
        // The component, and what is nested in it. A nested component only gives names to what it is passed: it has no
        // modules, instances or functions of its own.
        let (mut depth, mut in_module) = (0, false);
        for payload in Parser::new(0).parse_all(component) {
            match payload.ok()? {
                Payload::Version { encoding, .. } => {
                    depth += 1;
                    in_module = encoding == wasmparser::Encoding::Module;
                    if in_module && depth != 2 {
                        return None;
                    }
                }
                Payload::End(_) => {
                    depth -= 1;
                    in_module = false;
                }
                _ if in_module => {}
                Payload::ModuleSection { unchecked_range, .. } => {
                    if depth != 1 || parts.module.replace(unchecked_range).is_some() {
                        return None;
                    }
                }
                Payload::ComponentTypeSection(_) | Payload::CustomSection(_) => {}
                Payload::ComponentSection { .. } if depth == 1 => {}
                Payload::ComponentImportSection(_) | Payload::ComponentExportSection(_)
                    if depth == 2 => {}
                payload if depth == 1 => parts.add(&payload)?,
                _ => return None,
            }
        }
        Some(parts)
    }

    /// Adds a section of the outermost component.
    fn add(&mut self, payload: &Payload<'a>) -> Option<()> {
        match payload {
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    let Instance::Instantiate { module_index: 0, args } = instance.ok()? else {
                        return None;
                    };
                    self.core_instances += 1;
                    args.is_empty().then_some(())?;
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    match alias.ok()? {
                        ComponentAlias::CoreInstanceExport { kind, name, .. } => match kind {
                            ExternalKind::Func => self.core_functions.push(name),
                            ExternalKind::Memory => self.core_memories.push(name),
                            _ => return None,
                        },
                        ComponentAlias::InstanceExport {
                            kind: ComponentExternalKind::Type,
                            ..
                        } => {}
                        _ => return None,
                    }
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section.clone() {
                    let CanonicalFunction::Lift { core_func_index, options, .. } = function.ok()?
                    else {
                        return None;
                    };
                    let core = self.core_functions.get(core_func_index as usize)?;
                    let options = self.options(&options);
                    self.functions.push(Lifted { core, options });
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section.clone() {
                    let ComponentInstance::Instantiate { args, .. } = instance.ok()? else {
                        return None;
                    };
                    let mut others =
                        args.iter().filter(|other| other.kind != ComponentExternalKind::Type);
                    let function = others.next().filter(|_| others.next().is_none());
                    let function =
                        function.filter(|other| other.kind == ComponentExternalKind::Func);
                    self.instances.push(function.map(|function| function.index as usize));
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export.ok()?;
                    (export.kind == ComponentExternalKind::Instance).then_some(())?;
                    self.exports.push((export.name.name, export.index as usize));
                    // An export makes one more instance, which nothing may use.
                    self.instances.push(None);
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// The exports of the core module that a function names in its options: memory, allocation, post-return.
    fn options(&self, options: &[CanonicalOption]) -> Option<[Option<&'a str>; 3]> {
        let function = |index: u32| self.core_functions.get(index as usize).copied();
        let mut found = [None; 3];
        for option in options {
            match *option {
                CanonicalOption::UTF8 => {}
                CanonicalOption::Memory(index) => {
                    found[0] = Some(*self.core_memories.get(index as usize)?);
                }
                CanonicalOption::Realloc(index) => found[1] = Some(function(index)?),
                CanonicalOption::PostReturn(index) => found[2] = Some(function(index)?),
                _ => return None,
            }
        }
        Some(found)
    }

    fn core_module(&self) -> Option<CoreModule> {
        let mut functions = BTreeMap::new();
        for (name, instance) in &self.exports {
            let function = Function::ALL.into_iter().find(|one| one.path().0 == *name);
            let Some(function) = function else { continue };
            let lifted = self.functions.get((*self.instances.get(*instance)?)?)?;
            let [memory, realloc, post_return] = lifted.options?;
            let is_usual = lifted.core == function.export()
                && memory == Some(MEMORY)
                && realloc.map_or(!function.allocates(), |name| name == REALLOC)
                && post_return.is_none_or(|name| name == function.post_return());
            is_usual.then_some(())?;
            functions.insert(function, post_return.is_some());
        }
        let is_whole = self.core_instances == 1
            && [Function::Handle, Function::Configure, Function::Usage]
                .iter()
                .all(|function| functions.contains_key(function));
        let range = self.module.clone()?;
        is_whole.then_some(CoreModule { range, functions: Functions(functions) })
    }
}
