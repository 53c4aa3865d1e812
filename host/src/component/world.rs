//! Classifies components by their exports and decides which imports the host provides.
//!
//! Only names are checked here. Wasmtime checks the types.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::grants::Grants;
use crate::config::isolation::Isolation;

/// The worlds that the host supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum World {
    /// `arenaria:processor/processor@0.1.0`: whole requests and responses.
    Processor,
    /// `wasi:http/proxy@0.2`: streamed bodies, one request at a time.
    Proxy,
    /// `wasi:http/service@0.3`: streamed bodies, asynchronous.
    Service,
}

/// The exports of the world `arenaria:processor/processor@0.1.0`.
pub(crate) const PROCESSOR_EXPORTS: [&str; 3] = [
    "arenaria:processor/handler@0.1.0",
    "arenaria:processor/lifecycle@0.1.0",
    "arenaria:processor/memory@0.1.0",
];

/// The interface `log`, which a processor may export besides.
pub(crate) const LOG_EXPORT: &str = "arenaria:processor/log@0.1.0";

/// An import that the host does not provide, and the grant that would change this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ungranted {
    /// The name of the import.
    pub name: String,
    /// The grant that provides it, if there is one.
    pub grant: Option<&'static str>,
}

impl World {
    /// The world of a component with these exports.
    #[must_use]
    pub(crate) fn of(exports: &[String]) -> Option<Self> {
        let has = |begin: &str| exports.iter().any(|export| export.starts_with(begin));
        if PROCESSOR_EXPORTS.into_iter().all(|name| exports.iter().any(|export| export == name)) {
            Some(Self::Processor)
        } else if has("wasi:http/incoming-handler@0.2.") {
            Some(Self::Proxy)
        } else if has("wasi:http/handler@0.3.") {
            Some(Self::Service)
        } else {
            None
        }
    }

    /// How the requests of a route share instances of such a component.
    pub(crate) fn isolation(self, configured: Option<Isolation>) -> Isolation {
        // Our SDK resets the arena, so processors default to `reuse`; other components to `fresh`.
        configured.unwrap_or(match self {
            Self::Processor => Isolation::Reuse,
            Self::Proxy | Self::Service => Isolation::Fresh,
        })
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Processor => "arenaria:processor/processor@0.1.0",
            Self::Proxy => "wasi:http/proxy@0.2",
            Self::Service => "wasi:http/service@0.3",
        })
    }
}

/// The imports that the host does not provide with these grants.
#[must_use]
pub(crate) fn ungranted(imports: &[String], grants: &Grants) -> Vec<Ungranted> {
    let ungranted = imports.iter().filter_map(|name| {
        let grant = match import_support(name) {
            ImportSupport::Given => return None,
            ImportSupport::Config if grants.config => return None,
            ImportSupport::Config => Some("config"),
            ImportSupport::Unknown => None,
        };
        Some(Ungranted { name: name.clone(), grant })
    });
    ungranted.collect()
}

/// Whether a component needs the asynchronous features of the component model.
#[must_use]
pub(crate) fn is_asynchronous(imports: &[String], world: World) -> bool {
    let third = |name: &String| name.starts_with("wasi:") && name.contains("@0.3.");
    world == World::Service || imports.iter().any(third)
}

/// How the host supports an import.
enum ImportSupport {
    /// Always provided. The implementation gives no access by itself.
    Given,
    /// Provided with the grant `config`.
    Config,
    /// None.
    Unknown,
}

/// Interfaces of WASI 0.2 and 0.3 that every component may import, by package.
const GIVEN: [(&str, [&[&str]; 2]); 7] = [
    ("wasi:io", [&["error", "poll", "streams"], &[]]),
    (
        "wasi:clocks",
        [&["monotonic-clock", "wall-clock"], &["monotonic-clock", "system-clock", "types"]],
    ),
    (
        "wasi:random",
        [&["random", "insecure", "insecure-seed"], &["random", "insecure", "insecure-seed"]],
    ),
    ("wasi:cli", [&CLI, &CLI]),
    ("wasi:filesystem", [&["types", "preopens"], &["types", "preopens"]]),
    (
        "wasi:sockets",
        [
            &[
                "network",
                "instance-network",
                "tcp",
                "tcp-create-socket",
                "udp",
                "udp-create-socket",
                "ip-name-lookup",
            ],
            &["types", "ip-name-lookup"],
        ],
    ),
    ("wasi:http", [&["types", "outgoing-handler"], &["types", "client"]]),
];

const CLI: [&str; 11] = [
    "environment",
    "exit",
    "stdin",
    "stdout",
    "stderr",
    "terminal-input",
    "terminal-output",
    "terminal-stdin",
    "terminal-stdout",
    "terminal-stderr",
    "types",
];

fn import_support(import: &str) -> ImportSupport {
    let parts = import.split_once('@').and_then(|(path, version)| {
        path.split_once('/').map(|(package, interface)| (package, interface, version))
    });
    let Some((package, interface, version)) = parts else { return ImportSupport::Unknown };
    if (package, interface) == ("wasi:config", "store") && version.starts_with("0.2.0-rc") {
        return ImportSupport::Config;
    }
    let second = version.strip_prefix("0.2.").is_some_and(is_patch);
    let third = version.strip_prefix("0.3.").is_some_and(is_patch);
    let given = GIVEN.iter().find(|(name, _)| *name == package).is_some_and(|(_, versions)| {
        let of = |index: usize| versions[index].contains(&interface);
        (second && of(0)) || (third && of(1))
    });
    if given { ImportSupport::Given } else { ImportSupport::Unknown }
}

/// Whether the last part of a version is a plain number. Pre-releases are other interfaces.
fn is_patch(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(import: &str, grants: &Grants, expected: Result<(), Option<&'static str>>) {
        let found = ungranted(&[import.to_owned()], grants);
        let found = found.first().map_or(Ok(()), |ungranted| Err(ungranted.grant));
        assert_eq!(found, expected, "{import}");
    }

    #[test]
    fn imports_are_given_granted_or_unknown() {
        let (none, config) = (Grants::default(), Grants { config: true, ..Grants::default() });
        check("wasi:io/poll@0.2.6", &none, Ok(()));
        check("wasi:http/client@0.3.0", &none, Ok(()));
        check("wasi:http/client@0.2.0", &none, Err(None));
        check("wasi:http/types@0.3.0-rc-2026-01-01", &none, Err(None));
        check("wasi:io/poll@0.3.0", &none, Err(None));
        check("wasi:keyvalue/store@0.2.0-draft", &none, Err(None));
        check("wasi:config/store@0.2.0-rc.1", &none, Err(Some("config")));
        check("wasi:config/store@0.2.0-rc.1", &config, Ok(()));
        check("open-the-door", &config, Err(None));
    }

    #[test]
    fn worlds_are_recognized_by_their_exports() {
        let of = |names: &[&str]| {
            World::of(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(of(&PROCESSOR_EXPORTS), Some(World::Processor));
        assert_eq!(of(&PROCESSOR_EXPORTS[..2]), None);
        assert_eq!(of(&["wasi:http/incoming-handler@0.2.9"]), Some(World::Proxy));
        assert_eq!(of(&["wasi:http/handler@0.3.0"]), Some(World::Service));
        assert_eq!(of(&["wasi:cli/run@0.2.0"]), None);
    }
}
