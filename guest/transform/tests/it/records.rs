//! Streams of records: one document per line, one line per output or error.

use crate::http::transform;
use arenaria_guest::{Processor, Request};
use transform::transform::Transform;

#[track_caller]
fn records(transform: &mut Transform, headers: &[(&str, &str)], body: &str, expected: &str) {
    let mut fields = vec![("content-type".to_owned(), "application/x-ndjson".to_owned())];
    fields.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let request = Request::new("POST", "/").with_headers(&fields).with_body(body.as_bytes());
    let response = transform.handle(request);
    assert_eq!(response.status(), 200);
    assert_eq!(response.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(String::from_utf8_lossy(response.bytes()), expected);
}

fn error(kind: &str, title: &str, status: u16, detail: &str, rest: &str) -> String {
    format!(
        "{{\"error\":{{\"type\":\"urn:arenaria:problem:{kind}\",\"title\":\"{title}\",\
         \"status\":{status},\"detail\":\"{detail}\",{rest}}}}}\n"
    )
}

#[test]
fn each_line_is_a_document() {
    let mut each = transform(&[("program", ".[]")]);
    records(&mut each, &[], "[1,2]\n[]\n[3]", "1\n2\n3\n");
    records(&mut each, &[], "[1]\r\n\r\n  \n\t[2] \n", "1\n2\n");
    records(&mut each, &[], "\n\n", "");
    records(&mut each, &[], "[]", "");
    let mut array = transform(&[("program", ".[]"), ("output", "array")]);
    records(&mut array, &[], "[1,2]\n", "1\n2\n");
}

#[test]
fn a_bad_record_is_told_in_its_place_and_the_rest_goes_on() {
    let mut inverse = transform(&[("program", "if . == 0 then error(\"zero\") else . * 2 end")]);
    let syntax = error(
        "document",
        "the document is not acceptable JSON",
        400,
        "expected JSON, got `\\\\u{7f}`",
        "\"record\":3,\"offset\":1",
    );
    let zero = error("run", "the program failed on this document", 422, "zero", "\"record\":5");
    records(&mut inverse, &[], "1\n\n[\u{7f}\n2\n0\n3\n", &format!("2\n{syntax}4\n{zero}6\n"));
}

#[test]
fn records_are_counted_within_the_whole_stream() {
    let mut failing = transform(&[("program", "error(\"no\")")]);
    let no = |record: u64| {
        let title = "the program failed on this document";
        error("run", title, 422, "no", &format!("\"record\":{record}"))
    };
    let first = [("arenaria-first-record", "1000")];
    records(&mut failing, &first, "1\n\n2\n", &(no(1000) + &no(1002)));
    records(&mut failing, &[], "1\n2", &(no(1) + &no(2)));
    records(&mut failing, &[("arenaria-first-record", "x")], "1", &no(1));
}

#[test]
fn other_names_of_the_format_are_known() {
    let mut identity = transform(&[("program", ".")]);
    for name in [
        "application/jsonl",
        "application/ndjson",
        "Application/X-NDJSON; charset=utf-8",
        " application/x-ndjson ;x",
    ] {
        let fields = [("content-type".to_owned(), name.to_owned())];
        let request = Request::new("POST", "/").with_headers(&fields).with_body(b"1\n2\n");
        assert_eq!(identity.handle(request).bytes(), b"1\n2\n", "{name}");
    }
    let fields = [("content-type".to_owned(), "application/json".to_owned())];
    let request = Request::new("POST", "/").with_headers(&fields).with_body(b"1\n2\n");
    assert_eq!(identity.handle(request).status(), 400);
}
