//! A component that `arenaria compile` has compiled for a route: what its file says of it, and whether that is what the
//! route needs, on this machine and in this binary. Only then is its code loaded.
//!
//! Only what is inside the code must be as the configuration says: the size of memory, and for a snapshot the settings.
//! Everything else is taken from the configuration.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::component::compiled_file::{self, CompiledFile};
use crate::component::core_module::Functions;
use crate::component::file::{self, Digest};
use crate::component::guest_text::GuestText;
use crate::component::refusal::Refusal;
use crate::component::world::ungranted;
use crate::config::built_in::{TRANSFORM, built_in};
use crate::config::isolation::{Cpu, Isolation};
use crate::config::route::RouteConfig;
use crate::config::units::Size;
use crate::runtime::clock::Driven;
use crate::runtime::core_call::CorePre;
use crate::runtime::cpu;
use crate::runtime::engine::{TARGET, fingerprint};
use crate::runtime::fault::describe;
use crate::runtime::loaded::{ExportsPre, Loaded, Needs};
use crate::runtime::log_buffer::LogMark;
use crate::runtime::trusted_code;

/// A compiled component, not loaded yet.
#[derive(Debug)]
pub(crate) struct Compiled {
    path: PathBuf,
    pub(crate) digest: Digest,
    pub(crate) header: Header,
    code: Vec<u8>,
}

/// What made a file. A header of any version has these.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) arenaria: String,
    pub(crate) wasmtime: String,
    /// The target triple.
    pub(crate) target: String,
}

/// What a file says of its code.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Header {
    #[serde(flatten)]
    pub(crate) origin: Origin,
    /// The features that a CPU must have.
    pub(crate) cpu: Vec<String>,
    /// The [`fingerprint`] of an engine that can run it.
    engine: String,
    /// The file that was compiled.
    pub(crate) component: Digest,
    pub(crate) memory: Size,
    pub(crate) isolation: Isolation,
    /// The settings that the snapshot was made with, as they are written. None without a snapshot: then no setting is
    /// inside, and each instance is configured at its start.
    pub(crate) settings: Option<BTreeMap<String, String>>,
    pub(crate) needs: Needs,
    code: Code,
}

/// What the code is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Code {
    Component,
    Core { functions: Functions },
    Snapshot { functions: Functions, log: Option<LogMark> },
}

/// What it is compiled of, and for which CPUs.
pub(crate) struct Order<'a> {
    pub(crate) route: &'a RouteConfig,
    pub(crate) component: &'a Digest,
    pub(crate) needs: &'a Needs,
    pub(crate) cpu: Cpu,
}

/// What made a file, and its size, whether or not it can be loaded here. None if it is not a compiled component.
///
/// # Errors
///
/// If it is not whole and undamaged.
pub(crate) fn origin(path: &Path) -> Result<Option<(Origin, Size)>> {
    if !compiled_file::is_compiled(path) {
        return Ok(None);
    }
    let file = CompiledFile::read(path)?;
    Ok(Some((Origin::read(&file, path)?, file.size())))
}

impl Origin {
    fn read(file: &CompiledFile, path: &Path) -> Result<Self> {
        serde_json::from_slice(&file.header).map_err(|error| unreadable(path, &error))
    }
}

fn unreadable(path: &Path, error: &serde_json::Error) -> anyhow::Error {
    anyhow!(
        "cannot load {}: its header cannot be read ({}); compile it again with this binary: arenaria compile",
        path.display(),
        GuestText::new(error)
    )
}

impl Compiled {
    /// Reads a file, and checks that this binary can load its code on this machine.
    ///
    /// # Errors
    ///
    /// If it cannot. The message names the file, what differs and the remedy.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = CompiledFile::read(path)?;
        let name = path.display();
        let differs = |what: &str, found: &str, here: &str| {
            ensure!(
                found == here,
                "cannot load {name}: it was compiled by {what} {}, and this is {what} {here}; compile it again with this binary: arenaria compile",
                GuestText::name(found)
            );
            Ok(())
        };
        let origin = Origin::read(&file, path)?;
        differs("arenaria", &origin.arenaria, env!("CARGO_PKG_VERSION"))?;
        differs("wasmtime", &origin.wasmtime, wasmtime_environ::VERSION)?;
        differs("a binary for", &origin.target, TARGET)?;
        let header: Header =
            serde_json::from_slice(&file.header).map_err(|error| unreadable(path, &error))?;
        let here = cpu::features();
        let is_missing = |name: &&String| !here.contains(&name.as_str());
        let missing: Vec<_> = header.cpu.iter().filter(is_missing).map(String::as_str).collect();
        ensure!(
            missing.is_empty(),
            "cannot load {name}: it was compiled for a CPU with {}, which this machine does not have; compile it on this machine, or with --cpu baseline",
            GuestText::names(missing.into_iter())
        );
        let engine = fingerprint(header.needs.engine_kind(), header.needs.heap_room)?;
        differs("an engine with the settings", &header.engine, &engine)?;
        Ok(Self { path: path.to_owned(), digest: file.digest, header, code: file.code })
    }

    pub(crate) fn needs(&self) -> &Needs {
        &self.header.needs
    }

    /// Checks that it is what the route needs.
    ///
    /// # Errors
    ///
    /// If it is not. The message names what differs and the remedy. It has no value of a setting: it goes to the log and
    /// to whoever asks for a reload.
    pub(crate) fn check(&self, route: &RouteConfig) -> Result<()> {
        let (name, path) = (self.path.display(), &route.path);
        let Header { memory, isolation, needs, .. } = &self.header;
        let again = "change it back, compile it again (arenaria compile), or remove compiled";
        let wanted = route.limits.memory;
        ensure!(
            wanted == *memory,
            "cannot load {name}: it was compiled with memory = {memory}, got memory = {wanted} on route {path:?}; {again}"
        );
        let wanted = needs.world.isolation(route.isolation);
        ensure!(
            wanted == *isolation,
            "cannot load {name}: it was compiled with isolation = {isolation}, got isolation = {wanted} on route {path:?}; {again}"
        );
        if let Some(settings) = &self.header.settings {
            let wanted = route.settings.written();
            let mut keys = settings.keys().chain(wanted.keys());
            if let Some(key) = keys.find(|key| settings.get(*key) != wanted.get(*key)) {
                let key = GuestText::name(key);
                bail!(
                    "cannot load {name}: it was compiled with another setting {key} than route {path:?} has; {again}"
                );
            }
        }
        let ungranted = ungranted(&needs.imports, &route.grants);
        if !ungranted.is_empty() {
            bail!("cannot load {name}: {}", Refusal::Imports(ungranted));
        }
        self.check_component(&route.component)
    }

    /// Checks that the component, if it is there, is the one that was compiled.
    ///
    /// # Errors
    ///
    /// If it is another one, or if this cannot be told.
    fn check_component(&self, path: &Path) -> Result<()> {
        let component = if built_in(path).is_some() {
            match file::read(path) {
                Err(error) if path == Path::new(TRANSFORM) && !is_unreadable(&error) => None,
                read => Some(read?),
            }
        } else {
            let is_there = path.try_exists().map_err(|error| {
                let path = path.display();
                anyhow!(
                    "cannot tell whether the component {path} is there: {error}; check the path"
                )
            });
            is_there?.then(|| file::read(path)).transpose()?
        };
        let found = component.map(|component| Digest::of(&component));
        ensure!(
            found.is_none_or(|found| found == self.header.component),
            "cannot load {}: it was compiled of another {} than the one that is there now; compile it again: arenaria compile",
            self.path.display(),
            path.display()
        );
        Ok(())
    }

    /// Loads its code, and links its imports.
    ///
    /// # Errors
    ///
    /// If wasmtime refuses it.
    pub(crate) fn load(&self, driven: &Driven) -> Result<Loaded> {
        let module = || trusted_code::module(&driven.engine, &self.code);
        let loaded = || match &self.header.code {
            Code::Component => {
                let component = trusted_code::component(&driven.engine, &self.code)?;
                Loaded::component(&component, self.needs(), driven)
            }
            Code::Core { functions } => {
                Ok(Loaded::core(CorePre::new(&module()?, functions.clone())?, driven))
            }
            Code::Snapshot { functions, log } => {
                let pre = CorePre::new(&module()?, functions.clone())?;
                Ok(Loaded::configured(pre, *log, driven))
            }
        };
        loaded().map_err(|error: wasmtime::Error| {
            anyhow!(
                "cannot load {}: {}; compile it again with this binary: arenaria compile",
                self.path.display(),
                describe(&error)
            )
        })
    }
}

/// Whether what arenaria brings with it is there and cannot be read, and does not only lack: then the system gives a reason.
fn is_unreadable(error: &anyhow::Error) -> bool {
    error.root_cause().is::<io::Error>()
}

/// Writes what was loaded for a route into a file.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn write(path: &Path, loaded: &Loaded, order: &Order<'_>) -> Result<Size> {
    let Order { route, component, needs, cpu } = order;
    let (code, bytes) = match &loaded.exports {
        ExportsPre::Core(pre) => {
            pre.serialize().map(|(bytes, functions)| (Code::Core { functions }, bytes))
        }
        ExportsPre::Configured(pre, log) => pre
            .serialize()
            .map(|(bytes, functions)| (Code::Snapshot { functions, log: *log }, bytes)),
        ExportsPre::Processor(exports) => component_code(exports.pre.component()),
        ExportsPre::Proxy(pre) => component_code(pre.instance_pre().component()),
        ExportsPre::Service(pre) => component_code(pre.instance_pre().component()),
    }
    .map_err(|error| anyhow!("cannot compile {}: {error:#}", route.component.display()))?;
    let has_snapshot = matches!(code, Code::Snapshot { .. });
    let header = Header {
        origin: Origin {
            arenaria: env!("CARGO_PKG_VERSION").to_owned(),
            wasmtime: wasmtime_environ::VERSION.to_owned(),
            target: TARGET.to_owned(),
        },
        cpu: match cpu {
            Cpu::Native => cpu::features().into_iter().map(str::to_owned).collect(),
            Cpu::Baseline => Vec::new(),
        },
        engine: fingerprint(needs.engine_kind(), needs.heap_room)?,
        component: (*component).clone(),
        memory: route.limits.memory,
        isolation: needs.world.isolation(route.isolation),
        settings: has_snapshot.then(|| route.settings.written()),
        needs: (*needs).clone(),
        code,
    };
    let header = serde_json::to_vec(&header).context("cannot write the header as JSON")?;
    compiled_file::write(path, &header, &bytes)
}

fn component_code(component: &wasmtime::component::Component) -> wasmtime::Result<(Code, Vec<u8>)> {
    component.serialize().map(|bytes| (Code::Component, bytes))
}
