//! Dates of jq: `gmtime`, `mktime`, `strftime`, `strflocaltime` and `strptime`, all in UTC.
//!
//! jq hands these to the C library, so the results follow glibc in the C locale: fields are 32-bit integers,
//! a year has any size that fits, and out-of-range fields are carried over. Date crates stop at the year 9999
//! and reject such fields, therefore the calendar arithmetic is here.

mod civil;
mod completion;
mod formatter;
mod parser;

use alloc::{format, string::String, vec::Vec};

use civil::BrokenDownTime;
pub(crate) use civil::Zone;

/// Error of `gmtime` and `localtime` for a number that cannot be represented as a time.
const SECONDS_OUT_OF_RANGE: &str = "error converting number of seconds since epoch to datetime";

/// What `strptime` read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ParsedTime<'a> {
    /// Year, month from 0, day, hours, minutes, seconds, day of the week, day of the year from 0.
    pub(crate) fields: [f64; 8],
    /// Text behind the date, which begins with white space. If it is not empty, jq appends it as the ninth element.
    pub(crate) rest: &'a str,
}

/// Splits seconds since 1970 into the fields of a date (`gmtime`, and `localtime` in UTC).
///
/// The date is that of the seconds truncated towards zero, while the fraction is measured from the floor.
pub(crate) fn gmtime(seconds: f64) -> Result<[f64; 8], &'static str> {
    // A cast in C gives the smallest integer for NaN and for numbers that do not fit, and no year holds that one.
    let in_range = seconds.abs() < 9e18;
    let time = if in_range { BrokenDownTime::from_seconds(seconds as i64) } else { None };
    let mut fields = time.ok_or(SECONDS_OUT_OF_RANGE)?.to_fields();
    fields[5] += seconds - libm::floor(seconds);
    Ok(fields)
}

/// Seconds since 1970 of a date in UTC (`mktime`).
///
/// Missing fields are 0 (the year is 1900), fields behind the eighth are not looked at, fractions are dropped, and out-of-range fields
/// are carried over. The caller reports an input that is not an array, or that has a non-number among the first eight.
pub(crate) fn mktime(fields: &[f64]) -> Result<f64, &'static str> {
    let time =
        BrokenDownTime::from_fields(fields).ok_or("mktime requires parsed datetime inputs")?;
    match time.to_seconds() {
        None | Some(-1) => Err("invalid gmtime representation"),
        Some(-2) => Err("mktime not supported on this platform"),
        Some(seconds) => Ok(seconds as f64),
    }
}

/// Text of a date by a format (`strftime`, `strflocaltime`). The fields count as in [`mktime`].
pub(crate) fn strftime(fields: &[f64], format: &str, zone: Zone) -> Result<String, String> {
    let Some(time) = BrokenDownTime::from_fields(fields) else {
        return Err(format!("{} requires parsed datetime inputs", zone.builtin()));
    };
    let format = until_nul(format);
    let bytes = formatter::format_time(&time, format, zone)
        .filter(|bytes| !bytes.is_empty() || format.is_empty());
    let Some(bytes) = bytes else {
        return Err(format!("{}: unknown system failure", zone.builtin()));
    };
    Ok(into_string(bytes))
}

/// Reads a date by a format (`strptime`).
pub(crate) fn strptime<'a>(text: &'a str, format: &str) -> Result<ParsedTime<'a>, String> {
    let (text, format) = (until_nul(text), until_nul(format));
    let mismatch = || format!("date \"{text}\" does not match format \"{format}\"");
    let (time, end) =
        parser::parse_time(text.as_bytes(), format.as_bytes()).ok_or_else(mismatch)?;
    let rest = text.get(end..).ok_or_else(mismatch)?;
    if rest.bytes().next().is_some_and(|byte| !civil::is_space(byte)) {
        return Err(mismatch());
    }
    Ok(ParsedTime { fields: time.to_fields(), rest })
}

/// The part of a text that a C function sees.
fn until_nul(text: &str) -> &str {
    text.split('\0').next().unwrap_or(text)
}

fn into_string(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests;
