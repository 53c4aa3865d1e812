//! The software bill of materials of the server's binary, in the form CycloneDX 1.6: what is compiled into the server, and
//! into the components that are inside it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::files::read;
use crate::workspace::{WASM, Workspace, printed};

/// The components inside the binary: their packages, and the features that they are built with.
const EMBEDDED: [(&str, &[&str]); 3] = [
    ("transform", &[]),
    ("bridge-p2", &["--features=config"]),
    ("bridge-p3", &["--features=config"]),
];

/// A package by name and version.
type Id = (String, String);

/// What is compiled into something.
#[derive(Debug, Default, PartialEq, Eq)]
struct Graph {
    /// Each package with its licence, as its manifest states it.
    packages: BTreeMap<Id, String>,
    /// What each package depends on.
    edges: BTreeMap<Id, BTreeSet<Id>>,
}

/// The bill of materials of the server for a target. `created` is its only date.
///
/// # Errors
///
/// If cargo cannot list the packages.
pub(super) fn bill(workspace: &Workspace, target: &str, created: &str) -> anyhow::Result<Value> {
    let mut graph = Graph::default();
    graph.add_tree(&tree(workspace, "arenaria", target, &[])?)?;
    let server = id("arenaria", env!("CARGO_PKG_VERSION"));
    for (package, features) in EMBEDDED {
        graph.add_tree(&tree(workspace, package, WASM, features)?)?;
        let embedded = id(package, env!("CARGO_PKG_VERSION"));
        graph.edges.entry(server.clone()).or_default().insert(embedded);
    }
    let lock = String::from_utf8(read(&workspace.root().join("Cargo.lock"))?)?;
    let checksums = checksums(&lock)?;
    let rustc = printed(std::process::Command::new("rustc").arg("--version"))?;
    let rustc = rustc.split_whitespace().nth(1).context("rustc does not tell its version")?;
    Ok(document(&graph, &server, &checksums, rustc, created))
}

/// The packages that are compiled into one, as cargo prints them: the depth, the package, its licence. What runs only
/// during the build is not among them.
fn tree(
    workspace: &Workspace,
    package: &str,
    target: &str,
    args: &[&str],
) -> anyhow::Result<String> {
    let mut cargo = workspace.cargo();
    cargo.args(["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "depth"]);
    cargo.args(["--format", "|{p}|{l}", "--package", package, "--target", target]).args(args);
    printed(&mut cargo)
}

impl Graph {
    /// Adds the output of `cargo tree`.
    fn add_tree(&mut self, text: &str) -> anyhow::Result<()> {
        let mut path: Vec<Id> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let mut parts = line.split('|');
            let mut part = || parts.next().with_context(|| format!("cannot read {line:?}"));
            let (depth, package, licence) = (part()?, part()?, part()?);
            let depth: usize = depth.parse().with_context(|| format!("cannot read {line:?}"))?;
            let mut words = package.split_whitespace();
            let (name, version) = (words.next(), words.next().and_then(|it| it.strip_prefix('v')));
            let (Some(name), Some(version)) = (name, version) else {
                anyhow::bail!("expected a package and its version, got {package:?}");
            };
            ensure!(depth <= path.len(), "expected a depth of at most {}, got {depth}", path.len());
            path.truncate(depth);
            let package = id(name, version);
            if let Some(parent) = path.last() {
                self.edges.entry(parent.clone()).or_default().insert(package.clone());
            }
            // Cargo marks what it has printed before.
            let licence = licence.trim_end_matches("(*)").trim();
            self.packages.insert(package.clone(), licence.to_owned());
            path.push(package);
        }
        Ok(())
    }
}

fn id(name: &str, version: &str) -> Id {
    (name.to_owned(), version.to_owned())
}

/// The checksums of the registry, as `Cargo.lock` has them.
fn checksums(lock: &str) -> anyhow::Result<BTreeMap<Id, String>> {
    let lock: toml::Table = lock.parse().context("cannot read Cargo.lock")?;
    let packages = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    let checksum = |package: &toml::Value| {
        let text = |key| package.get(key)?.as_str();
        Some((id(text("name")?, text("version")?), text("checksum")?.to_owned()))
    };
    Ok(packages.filter_map(checksum).collect())
}

fn document(
    graph: &Graph,
    server: &Id,
    checksums: &BTreeMap<Id, String>,
    rustc: &str,
    created: &str,
) -> Value {
    let describe = |id: &Id| {
        let (name, version) = id;
        let kind = if id == server { "application" } else { "library" };
        let mut component = json!({
            "type": kind, "bom-ref": url(id), "name": name, "version": version, "purl": url(id),
        });
        // Old manifests separate licences by a slash, which means "or".
        let licence = graph.packages[id].replace(" / ", "/").replace('/', " OR ");
        if !licence.is_empty() {
            component["licenses"] = json!([{ "expression": licence }]);
        }
        if let Some(checksum) = checksums.get(id) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        }
        component
    };
    let others = graph.packages.keys().filter(|id| *id != server);
    let mut components: Vec<_> = others.map(describe).collect();
    let standard = format!("rust-std@{rustc}");
    components.push(json!({
        "type": "framework", "bom-ref": standard, "name": "rust-std", "version": rustc,
        "licenses": [{ "expression": "MIT OR Apache-2.0" }],
    }));
    let dependencies = graph.packages.keys().map(|id| {
        let of = graph.edges.get(id).into_iter().flatten().map(url);
        let of: Vec<_> = of.chain([standard.clone()]).collect();
        json!({ "ref": url(id), "dependsOn": of })
    });
    let mut bill = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "timestamp": created, "component": describe(server) },
        "components": components,
        "dependencies": dependencies.collect::<Vec<_>>(),
    });
    bill["serialNumber"] = Value::from(serial_number(&bill));
    bill
}

fn url((name, version): &Id) -> String {
    format!("pkg:cargo/{name}@{version}")
}

/// A UUID of version 8, made from the content: the same content has the same number.
fn serial_number(bill: &Value) -> String {
    let mut bytes: [u8; 16] = Sha256::digest(bill.to_string())[..16].try_into().expect("32 bytes");
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let [a, b, c, d, e] = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    format!("urn:uuid:{a}-{b}-{c}-{d}-{e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "0|server v1.0.0 (/w/host)|MIT\n1|a v0.1.0|MIT/Apache-2.0\n2|c v3.0.0+z|ISC\n1|b v2.0.0|\n\
                        2|c v3.0.0+z|ISC (*)\n";

    fn graph() -> Graph {
        let mut graph = Graph::default();
        graph.add_tree(TREE).unwrap();
        graph
    }

    #[test]
    fn a_tree_is_read_with_its_edges() {
        let graph = graph();
        let c = BTreeSet::from([id("c", "3.0.0+z")]);
        assert_eq!(graph.edges[&id("a", "0.1.0")], c);
        assert_eq!(graph.edges[&id("b", "2.0.0")], c);
        assert_eq!(graph.edges[&id("server", "1.0.0")].len(), 2);
        assert_eq!(graph.packages[&id("c", "3.0.0+z")], "ISC");
        let error = Graph::default().add_tree("2|a v1.0.0|MIT").unwrap_err();
        assert_eq!(error.to_string(), "expected a depth of at most 0, got 2");
        Graph::default().add_tree("0|a|MIT").unwrap_err();
    }

    #[test]
    fn a_bill_has_licences_checksums_and_dependencies() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"0.1.0\"\nchecksum = \"00ff\"\n\
                    [[package]]\nname = \"server\"\nversion = \"1.0.0\"\n";
        let checksums = checksums(lock).unwrap();
        let server = id("server", "1.0.0");
        let bill = document(&graph(), &server, &checksums, "1.95.0", "1970-01-01T00:00:00Z");
        assert_eq!(bill["metadata"]["component"]["bom-ref"], "pkg:cargo/server@1.0.0");
        let a = &bill["components"][0];
        assert_eq!(a["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(a["hashes"][0]["content"], "00ff");
        let b = &bill["components"][1];
        assert!(b.get("licenses").is_none() && b.get("hashes").is_none());
        assert_eq!(bill["components"][3]["name"], "rust-std");
        let of_a = json!(["pkg:cargo/c@3.0.0+z", "rust-std@1.95.0"]);
        assert_eq!(bill["dependencies"][0]["dependsOn"], of_a);
        let again = document(&graph(), &server, &checksums, "1.95.0", "1970-01-01T00:00:00Z");
        assert_eq!(bill, again);
        assert!(bill["serialNumber"].as_str().unwrap().len() == 45);
    }
}
