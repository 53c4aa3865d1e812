//! Our engine in the sandbox: the jq component, called through `arenaria::embed` as the server calls it.
//!
//! A run is one request: the document is copied in, the response is copied out. What HTTP costs is not in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use arenaria::embed::{Fault, Options, Processor, Request, Response};
use memchr::memchr;
use tokio::runtime::Runtime;

use super::engine::{Compiled, Engine};

/// The memory of an instance. It is the component's own size.
pub(crate) const MEMORY: u64 = 16 << 20;
/// No program here takes so long.
const GUEST_TIME: Duration = Duration::from_mins(1);

/// The component's file, and where its compiled form is kept.
pub(crate) struct Component {
    file: PathBuf,
    cache: PathBuf,
    runtime: Rc<Runtime>,
}

impl Component {
    /// The component in this folder. It is compiled once, and kept beside it.
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join("transform.wasm");
        let file =
            file.canonicalize().with_context(|| format!("{} is missing: run `cargo xtask guests`", file.display()))?;
        let cache = file.with_extension("compiled");
        fs::create_dir_all(&cache)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(Self { file, cache, runtime: Rc::new(runtime) })
    }

    /// The component's size in bytes.
    pub(crate) fn size(&self) -> anyhow::Result<u64> {
        Ok(fs::metadata(&self.file)?.len())
    }

    /// An instance with these settings.
    pub(crate) fn load(&self, settings: &[(&str, &str)]) -> anyhow::Result<Program> {
        let mut options = Options::new(MEMORY, GUEST_TIME).cache(&self.cache).may_block(true);
        for (name, value) in settings {
            options = options.setting(*name, *value);
        }
        let processor = self.runtime.block_on(Processor::load(&self.file, options))?;
        Ok(Program { processor, runtime: Rc::clone(&self.runtime) })
    }
}

impl Engine for Component {
    fn name(&self) -> &'static str {
        super::SANDBOX
    }

    fn compile(&mut self, program: &str) -> Result<Box<dyn Compiled>, String> {
        let program = self.load(&[("program", program), ("outputs-max", "1000000")]);
        program.map(|program| Box::new(program) as _).map_err(|error| error.to_string())
    }
}

/// An instance with a program.
pub(crate) struct Program {
    processor: Processor,
    runtime: Rc<Runtime>,
}

impl Program {
    /// One request. A client says in the content type that a document has several lines; one of one line has no line feed
    /// here.
    pub(crate) fn handle(&self, document: &[u8]) -> Result<Response, Fault> {
        let is_lines = memchr(b'\n', document).is_some();
        let content_type = if is_lines { "application/x-ndjson" } else { "application/json" };
        let headers = [("content-type", content_type)];
        let request = Request { headers: &headers, ..Request::post("/", document) };
        self.runtime.block_on(self.processor.handle(request))
    }
}

impl Compiled for Program {
    fn run(&mut self, document: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let Response { status, mut body, .. } = self.handle(document).map_err(|fault| fault.to_string())?;
        match status {
            200 | 204 => out.append(&mut body),
            _ => return Err(String::from_utf8_lossy(&body).into_owned()),
        }
        Ok(())
    }

    fn high_water(&mut self) -> Option<usize> {
        let usages = self.runtime.block_on(self.processor.arena_usages()).ok()?;
        usages.first().map(|usage| usage.request_high_water as usize)
    }
}
