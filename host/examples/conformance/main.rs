//! `conformance COMPONENT LIBJQ OUT.md FILE…`: runs jq's own test files through a component's interface
//! `arenaria:transform/jq` and writes what passed, what differs and what was left out.
//!
//! LIBJQ is the program of `load-tests/rivals`. It says what jq prints, because the test files name values and not
//! texts. Nothing here knows a single test: which group a test falls into follows from the answers. The result depends
//! on the component, on jq and on the tests alone, so that it can be committed and compared.

mod blocks;
mod component;
mod libjq;
mod report;
mod verdict;

use std::path::Path;

use wasmtime::error::Context;
use wasmtime::{Result, bail};

use component::Jq;
use report::File;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [component, libjq, out, paths @ ..] = arguments.as_slice() else {
        bail!("usage: conformance COMPONENT LIBJQ OUT.md FILE…");
    };
    let mut texts = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
        let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
        texts.push((name.into_owned(), text));
    }
    let mut jq = Jq::new(component)?;
    let mut files = Vec::new();
    for (name, text) in &texts {
        let tests = blocks::parse(text);
        let right = libjq::answers(libjq, &tests)?;
        let mut results = Vec::new();
        for (test, right) in tests.into_iter().zip(right) {
            let verdict = verdict::judge(&test, jq.run(&test)?, &right);
            results.push((test, verdict));
        }
        files.push(File { name, results });
    }
    std::fs::write(out, report::page(&files)).with_context(|| format!("cannot write {out}"))
}
