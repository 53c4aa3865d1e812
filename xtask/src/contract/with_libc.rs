//! Checks which functions allocate in a component with a libc: arguments of exports must come into the arena, and results of
//! imports into the libc's heap, because the libc frees them.

use std::collections::BTreeSet;

use anyhow::Context;
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ExternalKind, Parser, Payload,
};

/// The functions that `phase_arena::global_arena` exports for this target.
const EXPORT_REALLOC: &str = "cabi_export_realloc";
const IMPORT_REALLOC: &str = "cabi_import_realloc";

/// The names of the functions that allocate when a component is called, and when it calls.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reallocs {
    exports: BTreeSet<String>,
    imports: BTreeSet<String>,
}

/// Fails unless the component allocates with the arena's two functions, each in its place.
///
/// # Errors
///
/// If it does not, or cannot be parsed.
pub(crate) fn check(component: &[u8]) -> anyhow::Result<()> {
    let found = read(component)?;
    let expected = Reallocs {
        exports: BTreeSet::from([EXPORT_REALLOC.to_owned()]),
        imports: BTreeSet::from([IMPORT_REALLOC.to_owned()]),
    };
    anyhow::ensure!(found == expected, "expected {expected:?}, got {found:?}");
    Ok(())
}

fn read(component: &[u8]) -> anyhow::Result<Reallocs> {
    let mut found = Reallocs::default();
    // The names of the core functions of the outermost component, by index. Only exports have one.
    let mut names: Vec<Option<String>> = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload.context("cannot be parsed")? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentAliasSection(section) if depth == 1 => {
                for alias in section {
                    if let ComponentAlias::CoreInstanceExport {
                        kind: ExternalKind::Func,
                        name,
                        ..
                    } = alias?
                    {
                        names.push(Some(name.to_owned()));
                    }
                }
            }
            Payload::ComponentCanonicalSection(section) if depth == 1 => {
                for function in section {
                    let (options, into) = match function? {
                        CanonicalFunction::Lift { options, .. } => (options, &mut found.exports),
                        CanonicalFunction::Lower { options, .. } => {
                            names.push(None);
                            (options, &mut found.imports)
                        }
                        _ => {
                            names.push(None);
                            continue;
                        }
                    };
                    let realloc = options.iter().find_map(|option| match option {
                        CanonicalOption::Realloc(index) => names.get(*index as usize),
                        _ => None,
                    });
                    into.extend(realloc.map(|name| name.clone().unwrap_or_default()));
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component that is called with a text and calls with one, and allocates with these functions.
    fn component(export: &str, import: &str) -> Vec<u8> {
        let text = format!(
            r#"(component
                (import "ask" (func $ask (result string)))
                (core module $memory
                    (memory (export "memory") 1 1)
                    (func (export "{export}") (param i32 i32 i32 i32) (result i32) unreachable)
                    (func (export "{import}") (param i32 i32 i32 i32) (result i32) unreachable)
                    (func (export "tell") (param i32 i32)))
                (core instance $core (instantiate $memory))
                (alias core export $core "memory" (core memory $m))
                (core func $lowered (canon lower (func $ask) (memory $m)
                    (realloc (func $core "{import}"))))
                (func (export "tell") (param "text" string) (canon lift (core func $core "tell")
                    (memory $m) (realloc (func $core "{export}")))))"#
        );
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn each_function_has_its_place() {
        check(&component(EXPORT_REALLOC, IMPORT_REALLOC)).unwrap();
        for (export, import) in [(IMPORT_REALLOC, EXPORT_REALLOC), ("cabi_realloc", IMPORT_REALLOC)]
        {
            let error = check(&component(export, import)).unwrap_err().to_string();
            assert!(error.contains(export), "{error}");
        }
    }
}
