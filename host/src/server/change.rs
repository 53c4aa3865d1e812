//! What a route is to be from now on, and what a change of all routes has changed.

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use serde::Serialize;

use crate::component::file::Digest;
use crate::config::route::RouteConfig;
use crate::runtime::load::Source;
use crate::server::memory_plan::Term;

/// What a route is to be from now on.
pub(crate) struct Change {
    pub(super) identity: Arc<Identity>,
    pub(super) source: Source,
}

/// What a route is made of. Two that are equal serve in the same way.
#[derive(PartialEq)]
pub(super) struct Identity {
    pub(super) config: RouteConfig,
    component: Digest,
}

impl Change {
    /// Reads the component of a route, or what was compiled of it.
    ///
    /// # Errors
    ///
    /// If the component cannot be served. The message names the file, the problem and the remedy.
    pub(crate) fn read(config: RouteConfig) -> Result<Arc<Self>> {
        let source = match &config.compiled {
            Some(compiled) => Source::read_compiled(compiled, &config)?,
            None => Source::read(&config.component, config.limits.memory, &config.grants)?,
        };
        let identity = Arc::new(Identity { component: source.digest.clone(), config });
        Ok(Arc::new(Self { identity, source }))
    }

    pub(super) fn config(&self) -> &RouteConfig {
        &self.identity.config
    }

    /// The path of the route.
    pub(crate) fn path(&self) -> &str {
        &self.config().path
    }

    /// Whether an instance may leave its pages to the next one.
    pub(super) fn may_keep_pages(&self) -> bool {
        self.config().keep_pages
    }

    /// The memory of its instances.
    pub(crate) fn term(&self) -> Term {
        Term::new(self.config(), Some(&self.source))
    }
}

/// What has changed: the paths of routes, the token, and the access log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Changed {
    pub(crate) added: Vec<String>,
    pub(crate) changed: Vec<String>,
    pub(crate) removed: Vec<String>,
    /// Whether the operator's listener requires another token.
    #[serde(rename = "operator-token", skip_serializing_if = "std::ops::Not::not")]
    pub(crate) operator_token: bool,
    /// Which requests have a line in the access log, if these are others.
    #[serde(rename = "access-log", skip_serializing_if = "Option::is_none")]
    pub(crate) access_log: Option<String>,
}

impl Changed {
    /// Whether no route has changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts =
            [("added", &self.added), ("changed", &self.changed), ("removed", &self.removed)];
        let parts = parts.into_iter().filter(|(_, paths)| !paths.is_empty());
        let mut parts: Vec<_> =
            parts.map(|(what, paths)| format!("{what} {}", paths.join(", "))).collect();
        parts.extend(self.operator_token.then(|| "the operator's token changed".to_owned()));
        parts.extend(self.access_log.iter().map(|which| format!("the access log has {which}")));
        let whole = parts.join("; ");
        f.write_str(if whole.is_empty() { "nothing has changed" } else { &whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_in_one_line() {
        let paths = |paths: &[&str]| paths.iter().map(ToString::to_string).collect();
        let mut changed = Changed::default();
        assert_eq!(changed.to_string(), "nothing has changed");
        changed.changed = paths(&["/", "/a"]);
        changed.removed = paths(&["/b"]);
        assert_eq!(changed.to_string(), "changed /, /a; removed /b");
        changed.operator_token = true;
        assert!(changed.to_string().ends_with("/b; the operator's token changed"));
        changed.access_log = Some("errors".to_owned());
        assert!(changed.to_string().ends_with("; the access log has errors"));
    }
}
