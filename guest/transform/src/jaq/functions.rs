//! The functions that a program may call.
//!
//! The list is composed by hand: jaq's functions, without those that do I/O, and with our own in
//! place of those that would read outside the request, nest without limit, or be inexact because
//! `isize` has 32 bits in the sandbox.
//!
//! Invariant: no function reads a clock, an environment or a file, ends the process, or leaves
//! memory behind when its request is over.

use super::{decoder, encoder, tables};
use jaq_core::native::{bome, run, v};
use jaq_core::{DataT, Lut, RunPtr, data::HasLut, native};
use jaq_json::{Error, Num, Val, ValR};

/// A native function over our values and our context.
pub(crate) type Fun = native::Fun<Kind>;

/// Ties jaq's interpreter to our values and our context.
pub(crate) struct Kind;

impl DataT for Kind {
    type V<'a> = Val;
    type Data<'a> = Context<'a>;
}

/// The inputs of a function besides its value.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The program.
    pub(crate) lut: &'a Lut<Kind>,
    /// When the request was received, in seconds since 1970, if it is known.
    pub(crate) now: Option<f64>,
    /// How deeply documents may nest.
    pub(crate) depth_max: usize,
}

impl<'a> HasLut<'a, Kind> for Context<'a> {
    fn lut(&self) -> &'a Lut<Kind> {
        self.lut
    }
}

/// Functions of jq that are not available here, with the reason for the error message.
pub(crate) const ABSENT: [(&str, &str); 12] = [
    ("env", "a program has no environment"),
    ("$ENV", "a program has no environment"),
    ("debug", "a program can write only outputs"),
    ("stderr", "a program can write only outputs"),
    ("input_filename", "a document has no file name"),
    ("input_line_number", "a document is read whole"),
    ("halt", "a program cannot stop the server"),
    ("halt_error", "a program cannot stop the server"),
    ("$__prog_args", "a program has no arguments"),
    ("$__loc__", "the dialect has no source locations"),
    ("get_search_list", "modules are not available"),
    ("modulemeta", "modules are not available"),
];

/// Native functions of jaq that are left out: they do I/O, or are replaced.
const LEFT_OUT: [&str; 11] = [
    "env",
    "halt",
    "debug_empty",
    "stderr_empty",
    // Replaced below.
    "now",
    "fromjson",
    "tojson",
    "length",
    // The time zone here is UTC; jaq's versions fill a global cache to find that out.
    "localtime",
    "strflocaltime",
    // Wrapped by a definition that refuses names of time zones.
    "strptime",
];

/// All native functions.
pub(crate) fn functions() -> impl Iterator<Item = Fun> {
    let jaq = jaq_core::funs()
        .chain(jaq_std::base_funs())
        .chain(jaq_std::extra_funs())
        .chain(jaq_json::funs())
        .filter_map(|(name, arguments, function)| match name {
            "strptime" => Some(("_strptime", arguments, function)),
            name if LEFT_OUT.contains(&name) => None,
            name => Some((name, arguments, function)),
        });
    jaq.chain(ours().map(|function| run::<Kind>(function)))
}

fn ours() -> impl Iterator<Item = native::Filter<RunPtr<Kind>>> {
    let functions: [native::Filter<RunPtr<Kind>>; 7] = [
        ("now", v(0), |cv| {
            let unknown = || Error::str("the time of the request is not known");
            bome(cv.0.data().now.map(Val::from).ok_or_else(unknown))
        }),
        ("fromjson", v(0), |cv| bome(from_json(&cv.1, cv.0.data().depth_max))),
        ("tojson", v(0), |cv| bome(to_json(&cv.1, cv.0.data().depth_max))),
        ("length", v(0), |cv| bome(length(&cv.1))),
        ("_names_zone", v(0), |cv| bome(Ok(Val::from(names_zone(&cv.1))))),
        ("@csv", v(0), |cv| bome(tables::csv(&cv.1))),
        ("@tsv", v(0), |cv| bome(tables::tsv(&cv.1))),
    ];
    functions.into_iter()
}

/// Reads one JSON document, as strictly as a request's.
fn from_json(value: &Val, depth_max: usize) -> ValR {
    let Val::TStr(text) = value else { return Err(Error::typ(value.clone(), "string")) };
    decoder::decode(text, depth_max, &mut Vec::new()).map_err(|error| {
        let message = match error.flaw {
            decoder::Flaw::Syntax(message) => message,
            decoder::Flaw::Depth => "too many levels of arrays and objects",
            decoder::Flaw::Memory => "not enough memory",
        };
        Error::str(format_args!("not JSON at byte {}: {message}", error.offset))
    })
}

/// Writes strict JSON, as a request's outputs are written.
fn to_json(value: &Val, depth_max: usize) -> ValR {
    let mut text = Vec::new();
    encoder::encode(value, depth_max, &mut text)
        .map_err(|error| Error::str(format_args!("cannot be written as JSON: {error}")))?;
    Ok(Val::utf8_str(text))
}

/// As jaq's, but exact for the smallest machine-sized integer: its absolute value does not fit.
fn length(value: &Val) -> ValR {
    match value {
        Val::Null => Ok(Val::from(0_usize)),
        Val::Bool(_) => Err(Error::str(format_args!("{value} has no length"))),
        Val::Num(Num::Float(number)) => Ok(Val::from(number.abs())),
        Val::Num(Num::Dec(text)) => match Num::from_dec_str(text) {
            Num::Float(number) => Ok(Val::from(number.abs())),
            other => Ok(Val::Num(other)),
        },
        Val::Num(number) if *number < Num::Int(0) => Ok(Val::Num(-number.clone())),
        Val::Num(_) => Ok(value.clone()),
        Val::BStr(bytes) => Ok(Val::from(bytes.len())),
        Val::TStr(text) => Ok(Val::from(characters(text))),
        Val::Arr(items) => Ok(Val::from(items.len())),
        Val::Obj(fields) => Ok(Val::from(fields.len())),
    }
}

/// The number of characters, as in jq. Bytes that are not UTF-8 count as the U+FFFD that is written
/// for them.
fn characters(text: &[u8]) -> usize {
    let chunks = text.utf8_chunks();
    chunks
        .map(|chunk| chunk.valid().chars().count() + usize::from(!chunk.invalid().is_empty()))
        .sum()
}

/// Whether a format of `strptime` contains the name of a time zone, `%Q`. jaq keeps time zones in a
/// global cache, and a request must leave nothing behind.
fn names_zone(format: &Val) -> bool {
    let Val::TStr(format) = format else { return false };
    let mut directive = false;
    format.iter().any(|byte| {
        let found = directive && *byte == b'Q';
        directive = match byte {
            b'%' => !directive,
            byte => directive && !byte.is_ascii_alphabetic(),
        };
        found
    })
}
