//! Answers a stream of records, one line of JSON each, with one line for each.
//!
//! The host passes the lines on in batches, so a stream may be larger than the memory.

use std::io::Write as _;

use arenaria_guest::{Processor, Request, Response, Settings};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Sale<'a> {
    #[serde(borrow)]
    id: &'a str,
    cents: u64,
    count: u64,
}

#[derive(Serialize)]
struct Total<'a> {
    id: &'a str,
    total_cents: u64,
}

#[derive(Serialize)]
struct Refused {
    record: u64,
    error: String,
}

struct Totals;

impl Processor for Totals {
    fn configure(settings: Settings<'_>) -> Result<Self, String> {
        settings.expect_only(&[]).map(|()| Self)
    }

    fn handle(&mut self, request: Request<'_>) -> Response {
        // The number of the batch's first record, from 1. A request that is not a stream has none.
        let first = request.header("arenaria-first-record").and_then(|text| text.parse().ok());
        let mut answers = Vec::with_capacity(request.body().len());
        let lines = request.body().split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        for (record, line) in (first.unwrap_or(1)..).zip(lines) {
            answer(record, line, &mut answers);
        }
        Response::new(200).with_header("content-type", "application/x-ndjson").body(answers)
    }
}

/// Adds the line that answers a record.
fn answer(record: u64, line: &[u8], answers: &mut Vec<u8>) {
    let total = serde_json::from_slice(line).map_err(|error| error.to_string()).and_then(
        |Sale { id, cents, count }| {
            let total_cents = cents.checked_mul(count).ok_or("the total is too large")?;
            Ok(Total { id, total_cents })
        },
    );
    let written = match total {
        Ok(total) => serde_json::to_writer(&mut *answers, &total),
        Err(error) => serde_json::to_writer(&mut *answers, &Refused { record, error }),
    };
    written.expect("a vector takes every byte");
    answers.write_all(b"\n").expect("a vector takes every byte");
}

arenaria_guest::export!(Totals);

#[cfg(test)]
mod tests {
    use super::*;

    fn post(body: &str) -> String {
        let response = Totals.handle(Request::new("POST", "/").with_body(body.as_bytes()));
        String::from_utf8(response.bytes().to_vec()).expect("JSON is text")
    }

    #[test]
    fn every_record_has_an_answer() {
        let answers = post("{\"id\":\"a\",\"cents\":5,\"count\":2}\n{\"id\":\"b\",\"cents\":1,\"count\":1}\n");
        assert_eq!(answers, "{\"id\":\"a\",\"total_cents\":10}\n{\"id\":\"b\",\"total_cents\":1}\n");
    }

    #[test]
    fn a_bad_record_is_answered_in_its_place() {
        let answers = post("{}\n{\"id\":\"b\",\"cents\":1,\"count\":1}\n");
        let lines: Vec<_> = answers.lines().collect();
        assert!(lines[0].starts_with("{\"record\":1,\"error\":"), "{answers}");
        assert_eq!(lines[1], "{\"id\":\"b\",\"total_cents\":1}");
    }
}
