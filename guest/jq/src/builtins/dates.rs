//! Builtins of dates. Local time is UTC.

use alloc::string::String;
use alloc::vec::Vec;

use super::native::Native;
use crate::dates::{self, Zone};
use crate::run::{Run, Stop};
use crate::value::{Kind, Value};

pub(super) const TABLE: &[Native] = &[
    Native::new("gmtime", 0, |run, input, _| {
        gmtime(run, input, "gmtime() requires numeric inputs")
    }),
    Native::new("localtime", 0, |run, input, _| {
        gmtime(run, input, "localtime() requires numeric inputs")
    }),
    Native::new("mktime", 0, |run, input, _| {
        if input.kind() != Kind::Array {
            return run.fail("mktime requires array inputs");
        }
        let fields = fields(run, input, "mktime requires parsed datetime inputs")?;
        match dates::mktime(&fields) {
            Ok(seconds) => Ok(Value::Number(seconds)),
            Err(message) => run.fail(message),
        }
    }),
    Native::new("strftime", 1, |run, input, arguments| {
        strftime(run, input, arguments[0], "strftime/1", Zone::Universal)
    }),
    Native::new("strflocaltime", 1, |run, input, arguments| {
        strftime(run, input, arguments[0], "strflocaltime/1", Zone::Local)
    }),
    Native::new("strptime", 1, strptime),
];

fn gmtime(run: &mut Run<'_>, input: Value, message: &str) -> Result<Value, Stop> {
    let Some(seconds) = run.heap.double(&input) else { return run.fail(message) };
    match dates::gmtime(seconds) {
        Ok(fields) => Ok(run.heap.array(&fields.map(Value::Number))?),
        Err(message) => run.fail(message),
    }
}

fn fields(run: &mut Run<'_>, input: Value, message: &str) -> Result<Vec<f64>, Stop> {
    let cells = run.heap.cells(input);
    let fields: Option<Vec<f64>> = cells.iter().take(8).map(|cell| run.heap.double(cell)).collect();
    match fields {
        Some(fields) => Ok(fields),
        None => run.fail(message),
    }
}

fn strftime(
    run: &mut Run<'_>,
    input: Value,
    format: Value,
    name: &str,
    zone: Zone,
) -> Result<Value, Stop> {
    let input = match input.kind() {
        Kind::Number => gmtime(run, input, "")?,
        Kind::Array => input,
        _ => return run.fail(&alloc::format!("{name} requires parsed datetime inputs")),
    };
    if !format.is_string() {
        return run.fail(&alloc::format!("{name} requires a string format"));
    }
    let fields = fields(run, input, &alloc::format!("{name} requires parsed datetime inputs"))?;
    let format = String::from(run.heap.str(&format));
    match dates::strftime(&fields, &format, zone) {
        Ok(text) => Ok(run.heap.string(text.as_bytes())?),
        Err(message) => run.fail(&message),
    }
}

fn strptime(run: &mut Run<'_>, input: Value, arguments: &[Value]) -> Result<Value, Stop> {
    if !input.is_string() || !arguments[0].is_string() {
        return run.fail("strptime/1 requires string inputs and arguments");
    }
    let (text, format) =
        (String::from(run.heap.str(&input)), String::from(run.heap.str(&arguments[0])));
    match dates::strptime(&text, &format) {
        Ok(parsed) => {
            let mut cells: Vec<Value> = parsed.fields.into_iter().map(Value::Number).collect();
            if !parsed.rest.is_empty() {
                cells.push(run.heap.string(parsed.rest.as_bytes())?);
            }
            Ok(run.heap.array(&cells)?)
        }
        Err(message) => run.fail(&message),
    }
}
