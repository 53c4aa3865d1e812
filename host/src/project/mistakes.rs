//! Mistakes that nearly every author makes once. Each is reported with the crate that it comes from and the remedy.
//!
//! - A dependency does not compile for the target, such as `getrandom`.
//! - A native library is missing, such as zlib: its build fails, the linker finds no symbols, or the module has imports
//!   that no host provides.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use cargo_metadata::diagnostic::DiagnosticLevel;
use cargo_metadata::{CompilerMessage, Metadata as Workspace, Package, PackageId};

use crate::component::guest_text::GuestText;
use crate::component::refusal::CoreImport;
use crate::project::build_error::BuildError;

/// An error of the compiler.
pub(super) struct Failure {
    package: PackageId,
    /// Its first line.
    title: String,
    /// The symbols that the linker did not find.
    undefined: Vec<String>,
}

impl Failure {
    /// The failure that a message of the compiler reports, if it is an error.
    pub(super) fn of(message: &CompilerMessage) -> Option<Self> {
        if !matches!(message.message.level, DiagnosticLevel::Error | DiagnosticLevel::Ice) {
            return None;
        }
        let title = message.message.message.lines().next().unwrap_or_default().to_owned();
        let mut texts = vec![message.message.message.as_str()];
        texts.extend(message.message.children.iter().map(|child| child.message.as_str()));
        let lines = texts.iter().flat_map(|text| text.lines());
        let undefined: BTreeSet<_> = lines.filter_map(undefined_symbol).collect();
        let package = message.package_id.clone();
        Some(Self { package, title, undefined: undefined.into_iter().collect() })
    }
}

/// The symbol in a line such as `rust-lld: error: x.o: undefined symbol: deflate`.
fn undefined_symbol(line: &str) -> Option<String> {
    let (_, symbol) = line.split_once("undefined symbol: ")?;
    Some(symbol.trim().to_owned())
}

/// A sentence for a build that cargo ended. `stderr` is what cargo itself said.
pub(super) fn not_compiled(
    workspace: &Workspace,
    root: &Package,
    target: &str,
    failures: &[Failure],
    stderr: &str,
) -> String {
    if let Some(failure) = failures.iter().find(|failure| !failure.undefined.is_empty()) {
        return missing_symbols(workspace, root, &failure.undefined);
    }
    if let Some(failure) = failures.iter().find(|failure| failure.package != root.id) {
        let chain = chain(workspace, root, &failure.package);
        let name = workspace[&failure.package].name.as_str();
        let (title, remedy) = (GuestText::new(&failure.title), remedy(name));
        return format!("{name} does not compile for {target} ({chain}): {title}; {remedy}");
    }
    if let Some(name) = failed_build_script(stderr) {
        let package = workspace.packages.iter().find(|package| package.name.as_str() == name);
        let chain = package.map(|package| chain(workspace, root, &package.id));
        let chain = chain.map_or_else(String::new, |chain| format!(" ({chain})"));
        return format!(
            "{name} builds a native library{chain}, and that failed for {target}; use a crate in pure Rust, or switch off the feature that needs it"
        );
    }
    format!("{} does not compile; see the compiler's messages", root.name)
}

/// The error for a module that compiled and has imports that no host provides.
pub(super) fn missing_functions(
    workspace: &Workspace,
    root: &Package,
    imports: &[CoreImport],
) -> BuildError {
    let is_native = imports.iter().all(|import| import.module == "env");
    let symbols: Vec<_> = imports.iter().map(|import| import.name.clone()).collect();
    if is_native {
        return BuildError::new(missing_symbols(workspace, root, &symbols));
    }
    let users = users(workspace, root, &symbols);
    let refusal = crate::component::refusal::Refusal::CoreImports(imports.to_vec());
    BuildError::new(format!("{refusal}{users}"))
}

fn missing_symbols(workspace: &Workspace, root: &Package, symbols: &[String]) -> String {
    let names = GuestText::names(symbols.iter().map(String::as_str));
    let users = users(workspace, root, symbols);
    format!(
        "a native library is missing: nothing defines {names}{users}; use a crate in pure Rust, or link the library for wasm32"
    )
}

/// Which packages declare one of these functions as foreign, as a part of a sentence. It is in their sources.
fn users(workspace: &Workspace, root: &Package, symbols: &[String]) -> String {
    let declares = |text: &str| {
        text.contains("extern") && symbols.iter().any(|symbol| declares_function(text, symbol))
    };
    let users = workspace.packages.iter().filter(|package| {
        let folder = package.manifest_path.with_file_name("src");
        any_source(folder.as_std_path(), &declares)
    });
    let users: Vec<_> = users.map(|package| chain(workspace, root, &package.id)).collect();
    if users.is_empty() { String::new() } else { format!(", used by {}", users.join(", ")) }
}

/// Whether a source in a folder, or below it, is as wanted.
fn any_source(folder: &Path, wanted: &impl Fn(&str) -> bool) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => any_source(&path, wanted),
            Ok(kind) if kind.is_file() && path.extension().is_some_and(|end| end == "rs") => {
                std::fs::read_to_string(&path).is_ok_and(|text| wanted(&text))
            }
            _ => false,
        }
    })
}

/// Whether a source declares a function of this name without a body.
fn declares_function(text: &str, name: &str) -> bool {
    let declaration = format!("fn {name}(");
    text.match_indices(&declaration).any(|(at, _)| {
        let rest = &text[at..];
        let end = rest.find([';', '{']);
        end.is_some_and(|end| rest.as_bytes()[end] == b';')
    })
}

/// How a package is reached: `shop → uuid → getrandom 0.2.15`.
fn chain(workspace: &Workspace, root: &Package, package: &PackageId) -> String {
    let mut parents = BTreeMap::new();
    let mut next = VecDeque::from([&root.id]);
    let nodes = workspace.resolve.iter().flat_map(|resolve| &resolve.nodes);
    let nodes: BTreeMap<_, _> = nodes.map(|node| (&node.id, node)).collect();
    while let Some(id) = next.pop_front() {
        for dependency in nodes.get(id).into_iter().flat_map(|node| &node.dependencies) {
            if *dependency != root.id && !parents.contains_key(dependency) {
                parents.insert(dependency, id);
                next.push_back(dependency);
            }
        }
    }
    let mut path = vec![package];
    while let Some(parent) = path.last().and_then(|last| parents.get(*last)) {
        path.push(parent);
    }
    let name = |id: &PackageId| workspace[id].name.to_string();
    let mut names: Vec<_> = path.iter().rev().map(|id| name(id)).collect();
    if let Some(last) = names.last_mut() {
        *last = format!("{last} {}", workspace[package].version);
    }
    names.join(" → ")
}

/// What to do about a dependency that does not compile.
fn remedy(package: &str) -> &'static str {
    match package {
        "getrandom" => {
            "a processor has no source of randomness: switch off the feature that needs it (default-features = false), or use a generator that is seeded from the request"
        }
        "mio" | "socket2" | "polling" | "async-io" | "tokio" => {
            "a processor has no sockets, files or threads: switch off the features that need them"
        }
        _ => {
            "switch off the feature that needs it (default-features = false), or use another crate"
        }
    }
}

/// The package in a line such as ``error: failed to run custom build command for `zstd-sys v2.0.16` ``.
fn failed_build_script(stderr: &str) -> Option<&str> {
    let (_, rest) = stderr.split_once("failed to run custom build command for `")?;
    rest.split([' ', '`']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_is_a_function_without_a_body() {
        let declares = |text| declares_function(text, "deflate");
        assert!(declares("extern \"C\" { pub fn deflate(z: *mut u8,\n level: i32) -> i32; }"));
        assert!(!declares("extern \"C\" fn deflate(level: i32) -> i32 { level }"));
        assert!(!declares("extern \"C\" { fn deflate_init(level: i32) -> i32; }"));
    }

    #[test]
    fn symbols_and_build_scripts_are_found_in_messages() {
        let line = "rust-lld: error: /t/x.rcgu.o: undefined symbol: deflate";
        assert_eq!(undefined_symbol(line).as_deref(), Some("deflate"));
        assert_eq!(undefined_symbol("error: something else"), None);
        let stderr = "   Compiling a\nerror: failed to run custom build command for `zstd-sys v2.0.16+zstd.1.5.7`\n";
        assert_eq!(failed_build_script(stderr), Some("zstd-sys"));
        assert_eq!(failed_build_script("error: aborting"), None);
    }
}
