//! A folder of the host imports from itself and from folders below, and no files import in a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, Source};
use super::rust::{line, split, without_tests};

/// The host's folders, or files beside them, from the lowest floor to the highest.
const FLOORS: [&[&str]; 9] = [
    &["config"],
    &["component"],
    &["runtime"],
    &["pool", "embed"],
    &["http"],
    &["server"],
    &["project"],
    &["cli"],
    &["main", "lib"],
];

/// Files of one crate by module path, such as `http::problem`; the root's is empty.
type Modules<'a> = BTreeMap<Vec<String>, &'a Source>;

/// Imports of higher floors, files on no floor, and imports in circles.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for modules in crates(sources).values() {
        let mut imports: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
        for (module, source) in modules {
            for (target, line) in imported(module, source, modules) {
                imports.entry(&source.path).or_default().entry(target).or_insert(line);
            }
            if source.path.starts_with("host/src/") && floor(&source.path).is_none() {
                let message = "expected the file in a folder that has a floor".to_owned();
                findings.push(Finding { path: source.path.clone(), line: 1, message });
            }
        }
        for (path, targets) in &imports {
            for (target, line) in targets {
                let finding = |message| Finding { path: (*path).to_owned(), line: *line, message };
                if floor(target) > floor(path) && floor(path).is_some() {
                    findings.push(finding(format!("imports {target}, which is above")));
                }
                if reaches(&imports, target, path) {
                    findings.push(finding(format!("imports {target}, which imports this file")));
                }
            }
        }
    }
    findings
}

fn floor(path: &str) -> Option<usize> {
    let first = path.strip_prefix("host/src/")?.split(['/', '.']).next()?;
    FLOORS.iter().position(|floor| floor.contains(&first))
}

fn reaches(imports: &BTreeMap<&str, BTreeMap<&str, usize>>, from: &str, to: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(path) = next.pop() {
        if path == to {
            return true;
        }
        if seen.insert(path) {
            next.extend(imports.get(path).into_iter().flat_map(BTreeMap::keys));
        }
    }
    false
}

fn crates(sources: &[Source]) -> BTreeMap<&str, Modules<'_>> {
    let mut crates: BTreeMap<&str, Modules<'_>> = BTreeMap::new();
    for source in sources {
        let Some(end) = source.path.find("/src/") else { continue };
        let mut root = end + "/src/".len();
        if let Some(binary) = source.path[root..].strip_prefix("bin/") {
            root += "bin/".len() + binary.find('/').map_or(0, |at| at + 1);
        }
        let (folder, file) = source.path.split_at(root);
        let Some(file) = file.strip_suffix(".rs") else { continue };
        let mut module: Vec<String> = file.split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
            module.pop();
        }
        if module.last().is_none_or(|last| last != "tests") {
            crates.entry(folder).or_default().entry(module).or_insert(source);
        }
    }
    crates
}

/// The files that this one names, each with a line.
fn imported<'a>(
    module: &[String],
    source: &'a Source,
    modules: &Modules<'a>,
) -> Vec<(&'a str, usize)> {
    let (code, _) = split(&source.text);
    let code = without_tests(&code);
    let mut found = Vec::new();
    let is_child = |path: &&Vec<String>| path.len() == module.len() + 1 && path.starts_with(module);
    let children: Vec<_> = modules.keys().filter(is_child).filter_map(|path| path.last()).collect();
    for (at, path) in paths(code, &children) {
        let mut place = match path[0].as_str() {
            "crate" => Vec::new(),
            "self" => module.to_vec(),
            "super" => module[..module.len().saturating_sub(1)].to_vec(),
            child => [module, &[child.to_owned()]].concat(),
        };
        for part in &path[1..] {
            if part == "super" {
                place.pop();
            } else {
                place.push(part.clone());
            }
        }
        while !place.is_empty() && !modules.contains_key(&place) {
            place.pop();
        }
        if let Some(target) = modules.get(&place).filter(|target| target.path != source.path) {
            found.push((target.path.as_str(), line(code, at)));
        }
    }
    found
}

/// Every path that begins at the crate, at this module, above it or at one of its children, with the
/// trees of `use` unfolded.
fn paths(code: &str, children: &[&String]) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let names = ["crate", "super", "self"].into_iter();
    for name in names.chain(children.iter().map(|child| child.as_str())) {
        let start = format!("{name}::");
        for (at, _) in code.match_indices(&start) {
            let in_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
            let visibility = code[..at].ends_with("in ");
            if !code[..at].ends_with(in_path) && !visibility {
                unfold(at, &code[at..], &[], &mut found);
            }
        }
    }
    found
}

/// Adds the paths of one tree; gives what follows it.
fn unfold<'a>(
    at: usize,
    text: &'a str,
    before: &[String],
    found: &mut Vec<(usize, Vec<String>)>,
) -> &'a str {
    let mut path = before.to_vec();
    let mut rest = text.trim_start();
    loop {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if end > 0 {
            path.push(rest[..end].to_owned());
            rest = &rest[end..];
        } else if let Some(inner) = rest.strip_prefix('{') {
            rest = inner.trim_start();
            while !rest.is_empty() && !rest.starts_with('}') {
                let after = unfold(at, rest, &path, found);
                let next = after.find([',', '}']).unwrap_or(after.len());
                rest = after[next..].trim_start_matches(',').trim_start();
            }
            return rest.strip_prefix('}').unwrap_or(rest);
        }
        match rest.strip_prefix("::") {
            Some(inner) if !inner.starts_with('<') => rest = inner,
            _ => break,
        }
    }
    found.push((at, path));
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let source = |(path, text): &(&str, &str)| Source {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        let sources: Vec<Source> = files.iter().map(source).collect();
        check(&sources)
            .into_iter()
            .map(|finding| format!("{}:{}", finding.path, finding.line))
            .collect()
    }

    #[test]
    fn an_import_from_above_is_found() {
        let http = ("host/src/http/problem.rs", "use crate::runtime::fault::Fault;");
        let fault = ("host/src/runtime/fault.rs", "// crate::http::problem");
        assert_eq!(found(&[http, fault]), [""; 0]);
        let fault = ("host/src/runtime/fault.rs", "\nfn f() { crate::http::problem::g() }");
        assert_eq!(
            found(&[("host/src/http/problem.rs", ""), fault]),
            ["host/src/runtime/fault.rs:2"]
        );
    }

    #[test]
    fn a_file_on_no_floor_is_found() {
        assert_eq!(found(&[("host/src/other.rs", "")]), ["host/src/other.rs:1"]);
    }

    #[test]
    fn a_circle_is_found_through_the_tree_of_a_use() {
        let a = ("guest/x/src/a.rs", "use crate::{\n    b::{self, Two},\n    c::Three,\n};");
        let b = ("guest/x/src/b.rs", "");
        let c = ("guest/x/src/c.rs", "use super::a;");
        assert_eq!(found(&[a, b, c]), ["guest/x/src/a.rs:1", "guest/x/src/c.rs:1"]);
        assert_eq!(
            found(&[a, b, ("guest/x/src/c.rs", "#[cfg(test)]\nmod tests { use super::a; }")]),
            [""; 0]
        );
    }

    #[test]
    fn a_circle_of_a_file_and_its_child_is_found() {
        let child = ("guest/x/src/a/b.rs", "use super::One;");
        let uses = |text| found(&[("guest/x/src/a.rs", text), child]);
        assert_eq!(
            uses("mod b;\nfn f() { b::g() }"),
            ["guest/x/src/a.rs:2", "guest/x/src/a/b.rs:1"]
        );
        assert_eq!(uses("mod b;\nuse other::b::g;"), [""; 0]);
    }
}
