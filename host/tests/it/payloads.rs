//! The requests to the flagship in every host: real payloads, if the machine has them, and ten
//! programs.

use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::client::Request;

/// Programs that give the same results in every implementation of jq.
pub(crate) const PROGRAMS: [&str; 10] = [
    "{action,repo:.repository.full_name}",
    "[paths]|length",
    "to_entries|map({key,type:(.value|type)})",
    "[..|strings|select(test(\"^https://api\"))]|length",
    "[..|numbers]|add",
    "..|objects|select(has(\"login\"))|{login,id,admin:.site_admin}",
    "if .repository then .repository|{name,private,owner:.owner.login} else \"none\" end",
    "walk(if type==\"object\" then with_entries(select(.key|endswith(\"_url\")|not)) else . end)",
    "[paths(type==\"string\") as $p|{path:($p|map(tostring)|join(\".\")),value:getpath($p)}]",
    "\"\\(.action // \"did\") by \\(.sender.login // \"somebody\"|ascii_upcase)\"",
];

/// The characters that are not percent-encoded.
const QUERY: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'%').add(b'&').add(b'+');

/// A request that contains its program.
pub(crate) fn ad_hoc(program: &str, document: impl Into<Vec<u8>>) -> Request {
    Request::post(&target(program), document)
}

/// The path and query of such a request.
pub(crate) fn target(program: &str) -> String {
    format!("/?program={}", utf8_percent_encode(program, QUERY))
}

/// The real payloads. Empty if the machine has none.
pub(crate) fn payloads() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/webhooks");
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}
