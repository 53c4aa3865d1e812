//! Compares documents with the program: the table of limits in `docs/configuration.md` with the flags and
//! defaults of the command, and the tests that `docs/threats.md` names with those that exist.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Table;

use crate::harness::{arenaria, finished};

/// The default and the scope of each limit, by its key.
type Limits = BTreeMap<String, [String; 2]>;

/// The rows of the table.
fn written() -> Limits {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let text = std::fs::read_to_string(file).expect("the document is there");
    let (_, section) = text.split_once("\n## Limits\n").expect("it has a section on limits");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [key, default, _unit, scope, _seen] = cells[..] else {
            panic!("expected 5 cells, got {row}")
        };
        (key.trim_matches('`').to_owned(), [default.to_owned(), scope.to_owned()])
    })
    .collect()
}

/// The flags under "Limits:" in the help, with their defaults.
fn offered() -> Limits {
    let help = finished(&mut arenaria(&["serve", "--help"])).stdout;
    let (_, limits) = help.split_once("\nLimits:\n").expect("the help has a section on limits");
    // Printing the configuration does not load the component, so it need not exist.
    let printed = finished(&mut arenaria(&["serve", "any.wasm", "--print-config"])).stdout;
    let printed: Table = printed.parse().expect("the printed configuration is TOML");
    let of_route = printed["route"][0]["limits"].as_table().expect("a route has limits");
    let flags = limits.split("\n      --").map(|flag| flag.trim_start().trim_start_matches("--"));
    flags
        .map(|flag| {
            let words: Vec<_> = flag.split_whitespace().collect();
            let text = words.join(" ");
            let (_, default) = text.split_once("[default: ").expect("each limit names its default");
            let default = default.split([';', ']']).next().unwrap_or_default();
            let scope = if of_route.contains_key(words[0]) { "route" } else { "server" };
            (words[0].to_owned(), [default.to_owned(), scope.to_owned()])
        })
        .collect()
}

#[test]
fn the_table_of_limits_says_what_the_command_says() {
    let (written, offered) = (written(), offered());
    assert!(!offered.is_empty());
    for (key, limit) in &offered {
        assert_eq!(written.get(key), Some(limit), "the row of {key} in docs/configuration.md");
    }
    for key in written.keys() {
        assert!(offered.contains_key(key), "docs/configuration.md has {key}, which is not a limit");
    }
}

/// The names of all tests of the host, and of the files that they are in.
fn tests() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let folders = std::fs::read_dir(root).expect("it is there").filter_map(Result::ok);
    let files = folders.filter_map(|folder| std::fs::read_dir(folder.path()).ok()).flatten();
    let sources = files.filter_map(Result::ok).map(|file| file.path());
    sources
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let stem = path.file_stem().unwrap_or_default().display().to_string();
            format!("fn {stem}()\n{}", std::fs::read_to_string(&path).expect("it is a text"))
        })
        .collect()
}

#[test]
fn every_test_that_the_table_of_threats_names_exists() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/threats.md");
    let text = std::fs::read_to_string(file).expect("the document is there");
    let tests = tests();
    let mut count = 0;
    for row in text.lines().filter(|line| line.starts_with("| ") && line.contains('`')) {
        let last = row.trim_end_matches(" |").rsplit('|').next().unwrap_or_default();
        let names = last.split('`').skip(1).step_by(2).filter(|name| !name.contains(' '));
        for name in names {
            assert!(tests.contains(&format!("fn {name}(")), "no test {name}");
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
}
