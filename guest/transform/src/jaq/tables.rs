//! `@csv` and `@tsv`: one array becomes one row of a table, as in jq.

use super::encoder;
use jaq_json::{Error, Num, Val, ValR};

/// Strings in double quotes, double quotes doubled.
pub(crate) fn csv(row: &Val) -> ValR {
    write_row(row, b',', |text, out| {
        out.push(b'"');
        for byte in text {
            if *byte == b'"' {
                out.push(b'"');
            }
            out.push(*byte);
        }
        out.push(b'"');
    })
}

/// Strings bare, with tabs, line ends, backslashes and NUL escaped.
pub(crate) fn tsv(row: &Val) -> ValR {
    write_row(row, b'\t', |text, out| {
        for byte in text {
            match byte {
                b'\t' => out.extend_from_slice(b"\\t"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\\' => out.extend_from_slice(b"\\\\"),
                0 => out.extend_from_slice(b"\\0"),
                byte => out.push(*byte),
            }
        }
    })
}

fn write_row(row: &Val, separator: u8, string: fn(&[u8], &mut Vec<u8>)) -> ValR {
    let Val::Arr(fields) = row else { return Err(Error::typ(row.clone(), "table row (array)")) };
    let mut out = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push(separator);
        }
        match field {
            Val::Null => {}
            // As in jq, which has no text for it.
            Val::Num(Num::Float(number)) if number.is_nan() => {}
            Val::TStr(text) => string(text, &mut out),
            Val::Bool(_) | Val::Num(_) => encoder::encode(field, 0, &mut out)
                .map_err(|error| Error::str(format_args!("cannot be written: {error}")))?,
            Val::BStr(_) | Val::Arr(_) | Val::Obj(_) => {
                return Err(Error::typ(
                    field.clone(),
                    "table field (null, boolean, number, string)",
                ));
            }
        }
    }
    Ok(Val::utf8_str(out))
}
