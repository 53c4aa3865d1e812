//! The programs, and their documents in every size.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Map, Number, Value};

/// The sizes: their names, and how many bytes a document has at least. The first one is the file itself.
pub(crate) const SIZES: [(&str, usize); 3] = [("1K", 0), ("10K", 10_000), ("100K", 100_000)];

/// A program of `programs.toml` or `hostile.toml`.
#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) name: String,
    /// A file of `documents`, or in `hostile.toml` the document itself.
    pub(crate) document: String,
    pub(crate) program: String,
    /// Why our engine gives other values.
    pub(crate) known: Option<String>,
    /// One line for each output over the file itself.
    #[serde(default)]
    pub(crate) expected: String,
}

/// A file of programs.
#[derive(Deserialize)]
struct Cases {
    program: Vec<Case>,
}

/// Reads a file of programs, and keeps those with an id that starts with `only`.
pub(crate) fn read(path: &Path, only: &str) -> Result<Vec<Case>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut cases: Cases = toml::from_str(&text).with_context(|| format!("{} is not right", path.display()))?;
    cases.program.retain(|case| case.id.starts_with(only));
    Ok(cases.program)
}

/// Documents by name, each in every size that it has.
pub(crate) type Documents = BTreeMap<String, Vec<Vec<u8>>>;

/// Adds the documents that hostile programs have in place of a name. They have one size.
pub(crate) fn add(documents: &mut Documents, cases: &[Case]) {
    documents.extend(cases.iter().map(|case| (case.document.clone(), vec![case.document.clone().into_bytes()])));
}

/// Reads the folder of documents.
pub(crate) fn documents(folder: &Path) -> Result<Documents> {
    let mut documents = Documents::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let texts = texts(&path)?;
        documents.insert(name, SIZES.iter().map(|(_, bytes)| grown(&texts, *bytes)).collect());
    }
    Ok(documents)
}

/// Reads one document of the folder, in a size of its own.
#[cfg(feature = "sandbox")]
pub(crate) fn document(folder: &Path, name: &str, bytes: usize) -> Result<Vec<u8>> {
    Ok(grown(&texts(&folder.join(name))?, bytes))
}

/// The JSON texts of a file.
fn texts(path: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let texts: Vec<Value> = serde_json::Deserializer::from_str(&text).into_iter().collect::<Result<_, _>>()?;
    ensure!(!texts.is_empty(), "{} is empty", path.display());
    Ok(texts)
}

/// A document of at least so many bytes: its records again and again, each time with other ids (see [`vary`]).
/// The records are the lines, or the elements of the array, or those of the first member that is an array of objects.
fn grown(texts: &[Value], bytes: usize) -> Vec<u8> {
    let mut texts = texts.to_vec();
    let base = records(&mut texts).clone();
    for copy in 1.. {
        let printed = texts.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
        if printed.len() >= bytes {
            return printed.into_bytes();
        }
        let mut more = base.clone();
        more.iter_mut().for_each(|record| vary(record, "", copy));
        records(&mut texts).append(&mut more);
    }
    unreachable!("every copy adds bytes")
}

/// Where the records of a document are.
fn records(texts: &mut Vec<Value>) -> &mut Vec<Value> {
    if texts.len() > 1 {
        return texts;
    }
    let array = match texts.first() {
        Some(Value::Array(_)) => texts[0].as_array_mut(),
        Some(Value::Object(members)) => {
            let key = members.iter().find(|(_, member)| member[0].is_object()).map(|(key, _)| key.clone());
            key.and_then(|key| texts[0].get_mut(key)).and_then(Value::as_array_mut)
        }
        _ => None,
    };
    array.expect("every document has records")
}

/// Changes a record for its copy number `copy`: the integer `id` grows by 1000 a copy; the integers `ms`, `bytes`,
/// `qty` and `seq` by the copy's number modulo 97; the texts `id`, `sku` and `entity` get that number as a suffix.
fn vary(value: &mut Value, key: &str, copy: u64) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| vary(item, key, copy)),
        Value::Object(members) => members.iter_mut().for_each(|(key, member)| vary(member, key, copy)),
        Value::String(text) if ["id", "sku", "entity"].contains(&key) => text.push_str(&format!("-{}", copy % 97)),
        Value::Number(number) if ["id", "ms", "bytes", "qty", "seq"].contains(&key) => {
            let step = if key == "id" { 1000 * copy } else { copy % 97 };
            if let Some(integer) = number.as_u64() {
                *number = Number::from(integer.saturating_add(step));
            }
        }
        _ => {}
    }
}

/// Whether two answers are the same JSON values, line by line: numbers as doubles, objects in any order.
pub(crate) fn same_values(left: &[u8], right: &[u8]) -> bool {
    let values = |text: &[u8]| {
        let mut reader = serde_json::Deserializer::from_slice(text);
        reader.disable_recursion_limit();
        reader.into_iter().collect::<Result<Vec<Value>, _>>()
    };
    match (values(left), values(right)) {
        (Ok(left), Ok(right)) => same(&Value::Array(left), &Value::Array(right)),
        _ => left == right,
    }
}

/// Whether two values are the same.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => left.len() == right.len() && includes(left, right),
        _ => left == right,
    }
}

/// Whether every member of one object is in the other.
fn includes(left: &Map<String, Value>, right: &Map<String, Value>) -> bool {
    left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
}
