//! A route as the workers share it, and how a path finds its route.

use std::rc::Rc;
use std::sync::Arc;

use hyper::header::HeaderName;
use wasmtime::Engine;

use anyhow::{Result, bail};

use crate::bindings::ProcessorPre;
use crate::component;
use crate::config::{Isolation, RouteConfig};
use crate::instance::{Fault, Guest, Instance, MemoryMeter, Start};
use crate::limits::Limits;
use crate::slots::Slots;

/// What answers a path: a compiled component and how it is run.
pub(crate) struct Route {
    /// Its place among the routes.
    pub(crate) index: usize,
    pub(crate) path: String,
    pub(crate) isolation: Isolation,
    pub(crate) records: bool,
    pub(crate) slots: usize,
    pub(crate) forward_headers: Vec<HeaderName>,
    pub(crate) limits: Limits,
    pre: ProcessorPre<Guest>,
    start: Start,
}

impl Route {
    /// Loads the component.
    ///
    /// # Errors
    ///
    /// A sentence that names the file, what is wrong with it, and the remedy.
    pub(crate) fn load(
        engine: &Engine,
        index: usize,
        config: &RouteConfig,
        bytes: &[u8],
    ) -> Result<Self> {
        let memory = config.limits.memory;
        Ok(Self {
            index,
            path: config.path.clone(),
            isolation: config.isolation,
            records: config.records,
            slots: config.slots,
            forward_headers: config.forward_headers.clone(),
            limits: config.limits.clone(),
            pre: component::load(engine, &config.component, bytes, memory)?,
            start: Start {
                settings: config.settings.clone(),
                time: config.limits.configure_time.0,
                memory,
            },
        })
    }

    /// Starts the first instance.
    ///
    /// # Errors
    ///
    /// A sentence for the operator; a backtrace goes to the log.
    pub(crate) async fn start_first(&self, meter: &Arc<MemoryMeter>) -> Result<Instance> {
        let limits = &self.limits;
        let fault = match self.start(meter).await {
            Ok(instance) => return Ok(instance),
            Err(fault) => fault,
        };
        let sentence = match &fault {
            Fault::Refused(sentence) => sentence.clone(),
            Fault::Deadline => {
                format!(
                    "configure ran for longer than configure-time = {}; raise it",
                    limits.configure_time
                )
            }
            Fault::Memory(_) => {
                format!("configure needs more than memory = {}; raise it", limits.memory)
            }
            Fault::Trap(_) | Fault::Stack(_) => {
                tracing::error!(route = self.path, "{fault}");
                "configure trapped; the log says where, mend the component or its settings"
                    .to_owned()
            }
        };
        bail!("route {:?} cannot start: {sentence}", self.path)
    }

    /// Starts an instance, whose memory shows on the worker's `meter`.
    pub(crate) async fn start(&self, meter: &Arc<MemoryMeter>) -> Result<Instance, Fault> {
        Instance::start(&self.pre, &self.start, Arc::clone(meter)).await
    }
}

/// Finds the route of a path.
pub(crate) struct Router {
    /// Longest path first, so that the first match is the nearest.
    slots: Vec<Rc<Slots>>,
}

impl Router {
    pub(crate) fn new(mut slots: Vec<Rc<Slots>>) -> Self {
        slots.sort_by_key(|slots| std::cmp::Reverse(slots.route.path.len()));
        Self { slots }
    }

    pub(crate) fn find(&self, path: &str) -> Option<&Rc<Slots>> {
        self.slots.iter().find(|slots| matches(&slots.route.path, path))
    }

    pub(crate) fn all(&self) -> &[Rc<Slots>] {
        &self.slots
    }
}

/// Whether a path lies below a prefix of whole segments.
fn matches(prefix: &str, path: &str) -> bool {
    prefix == "/"
        || path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_of_whole_segments() {
        let rows = [
            ("/", "/", true),
            ("/", "/a/b", true),
            ("/a", "/a", true),
            ("/a", "/a/", true),
            ("/a", "/a/b", true),
            ("/a", "/ab", false),
            ("/a/b", "/a", false),
            ("/a", "/", false),
        ];
        for (prefix, path, expected) in rows {
            assert_eq!(matches(prefix, path), expected, "{prefix} {path}");
        }
    }
}
