//! The HTTP face: statuses, content types, shapes of answers, problems.

use arenaria_guest::{Processor, Request, Response, Settings};
use serde_json::{Value, json};
use transform::transform::Transform;

pub(crate) fn configure(settings: &[(&str, &str)]) -> Result<Transform, String> {
    let settings: Vec<_> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Transform::configure(Settings::new(&settings))
}

#[track_caller]
pub(crate) fn transform(settings: &[(&str, &str)]) -> Transform {
    configure(settings).expect("good settings")
}

#[track_caller]
fn answers(response: &Response, status: u16, content_type: &str, body: &str) {
    let got = (
        response.status(),
        response.header("content-type").unwrap_or_default(),
        String::from_utf8_lossy(response.bytes()),
    );
    assert_eq!(got, (status, content_type, body.into()));
}

#[track_caller]
fn is_problem(response: &Response, expected: Value) {
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    let body: Value = serde_json::from_slice(response.bytes()).expect("a problem is JSON");
    assert_eq!(body["status"], response.status());
    assert!(body["title"].is_string());
    for (member, value) in expected.as_object().expect("expected members") {
        assert_eq!(body[member], *value, "{member} in {body}");
    }
    assert_eq!(
        body.as_object().map(|members| members.len()),
        expected.as_object().map(|members| members.len() + 1),
        "{body}"
    );
}

fn post<'a>(path: &'a str, body: &'a str) -> Request<'a> {
    Request::new("POST", path).with_body(body.as_bytes())
}

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

#[test]
fn the_number_of_outputs_decides_the_shape() {
    let mut lines = transform(&[("program", ".[]")]);
    answers(&lines.handle(post("/", "[{\"a\":1}]")), 200, JSON, "{\"a\":1}\n");
    answers(&lines.handle(post("/", "[1,[2]]")), 200, NDJSON, "1\n[2]\n");
    answers(&lines.handle(post("/", "[]")), 204, "", "");
    let mut array = transform(&[("program", ".[]"), ("output", "array")]);
    answers(&array.handle(post("/", "[1]")), 200, JSON, "1\n");
    answers(&array.handle(post("/", "[\"a\\n\",[2]]")), 200, JSON, "[\"a\\n\",[2]]\n");
    answers(&array.handle(post("/", "[]")), 204, "", "");
}

#[test]
fn the_content_type_of_one_document_does_not_matter() {
    let mut identity = transform(&[("program", ".")]);
    for content_type in ["application/json", "text/plain", "application/xml", "nonsense"] {
        let fields = [("content-type".to_owned(), content_type.to_owned())];
        let request = post("/any/path?x=1", "1").with_headers(&fields);
        answers(&identity.handle(request), 200, JSON, "1\n");
    }
}

#[test]
fn a_request_without_a_document_is_refused() {
    let mut identity = transform(&[("program", ".")]);
    for method in ["GET", "HEAD"] {
        let response = identity.handle(Request::new(method, "/"));
        assert_eq!((response.status(), response.header("allow")), (405, Some("POST, PUT, PATCH")));
        is_problem(
            &response,
            json!({
                "type": "urn:arenaria:problem:method", "status": 405,
                "detail": "send a JSON document, for example with POST",
            }),
        );
    }
    answers(&identity.handle(Request::new("GET", "/").with_body(b"1")), 200, JSON, "1\n");
    answers(&identity.handle(Request::new("PUT", "/").with_body(b"1")), 200, JSON, "1\n");
    is_problem(
        &identity.handle(post("/", "")),
        json!({
            "type": "urn:arenaria:problem:document", "status": 400, "offset": 0,
            "detail": "expected JSON, got the end of the document",
        }),
    );
}

#[test]
fn a_bad_document_is_a_problem_with_its_offset() {
    let mut identity = transform(&[("program", "."), ("depth-max", "2")]);
    is_problem(
        &identity.handle(post("/", "[1,]")),
        json!({
            "type": "urn:arenaria:problem:document", "status": 400, "offset": 3,
            "detail": "expected JSON, got `]`",
        }),
    );
    is_problem(
        &identity.handle(post("/", "[[[]]]")),
        json!({
            "type": "urn:arenaria:problem:document", "status": 400, "offset": 2,
            "detail": "the document nests more than 2 arrays and objects",
            "limit": "depth-max", "value": 2,
        }),
    );
    answers(&identity.handle(post("/", "[[]]")), 200, JSON, "[[]]\n");
}

#[test]
fn a_program_that_fails_is_a_problem_in_its_words() {
    let mut failing = transform(&[("program", "error(.)"), ("outputs-max", "1")]);
    is_problem(
        &failing.handle(post("/", "\"x\\n\\\"\"")),
        json!({
            "type": "urn:arenaria:problem:run", "status": 422, "detail": "x\n\"",
        }),
    );
    let mut many = transform(&[("program", ".[]"), ("outputs-max", "1")]);
    is_problem(
        &many.handle(post("/", "[1,2]")),
        json!({
            "type": "urn:arenaria:problem:output", "status": 422,
            "detail": "the program gives more than 1 outputs", "limit": "outputs-max", "value": 1,
        }),
    );
    crate::with_large_stack(|| {
        let mut deep = transform(&[("program", "def f: 1 + f; f")]);
        is_problem(
            &deep.handle(post("/", "1")),
            json!({
                "type": "urn:arenaria:problem:run", "status": 422,
                "detail": "calls of filters nest more than 1200 levels",
                "limit": "call-depth", "value": 1200,
            }),
        );
    });
}

#[test]
fn a_request_may_bring_its_program_if_the_operator_says_so() {
    let mut ad_hoc = transform(&[("ad-hoc", "true")]);
    answers(&ad_hoc.handle(post("/?program=.a", "{\"a\":1}")), 200, JSON, "1\n");
    answers(&ad_hoc.handle(post("/?x=y&program=.%2B1", "1")), 200, JSON, "2\n");
    answers(
        &ad_hoc.handle(post("/?program=1+as+%24x|+%22%2B%22+%2B+%22%25%22", "1")),
        200,
        JSON,
        "\"+%\"\n",
    );
    answers(
        &ad_hoc.handle(post("/?program=.%5B%5D%20%7C%20.%20%2B%201&x", "[1]")),
        200,
        JSON,
        "2\n",
    );
    answers(&ad_hoc.handle(post("/?program=%22%C3%A4%22", "1")), 200, JSON, "\"ä\"\n");
    is_problem(
        &ad_hoc.handle(post("/", "1")),
        json!({
            "type": "urn:arenaria:problem:program", "status": 400,
            "detail": "give a program in the query (?program=…) or in the header `jq-program`",
        }),
    );
    is_problem(
        &ad_hoc.handle(post("/?program=.a%20%7C", "1")),
        json!({
            "type": "urn:arenaria:problem:program", "status": 400, "offset": 4,
            "detail": "expected an expression, found the end of the program",
        }),
    );
    is_problem(
        &ad_hoc.handle(post("/?program=a%FF", "1")),
        json!({
            "type": "urn:arenaria:problem:program", "status": 400, "offset": 1,
            "detail": "the program is not valid UTF-8",
        }),
    );
    for (value, found) in
        [("%zz", "%zz"), ("1%2", "%2"), ("1%", "%"), ("%%41", "%%4"), ("%é", "%é")]
    {
        let detail =
            format!("expected two hexadecimal digits after `%` in `program`, got `{found}`");
        is_problem(
            &ad_hoc.handle(post(&format!("/?program={value}"), "1")),
            json!({ "type": "urn:arenaria:problem:program", "status": 400, "detail": detail }),
        );
    }
    let mut both = transform(&[("ad-hoc", "true"), ("program", "\"operator's\"")]);
    answers(&both.handle(post("/", "1")), 200, JSON, "\"operator's\"\n");
    answers(&both.handle(post("/?program=.", "1")), 200, JSON, "1\n");
    let mut fixed = transform(&[("program", ".")]);
    is_problem(
        &fixed.handle(post("/?program=1", "1")),
        json!({
            "type": "urn:arenaria:problem:ad-hoc", "status": 403,
            "detail": "the operator has not set `ad-hoc`",
        }),
    );
    answers(&fixed.handle(post("/?programs=1", "2")), 200, JSON, "2\n");
}

#[test]
fn a_program_may_come_in_a_header() {
    let mut ad_hoc = transform(&[("ad-hoc", "true"), ("program", "\"operator's\"")]);
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let program = [field("jq-program", ".a + \"%2B+\"")];
    let request = post("/", "{\"a\":\"x\"}").with_headers(&program);
    answers(&ad_hoc.handle(request), 200, JSON, "\"x%2B+\"\n");
    let more = json!({
        "type": "urn:arenaria:problem:program", "status": 400,
        "detail": "expected one program, got more: `program` in the query, or `jq-program`",
    });
    is_problem(&ad_hoc.handle(post("/?program=.", "1").with_headers(&program)), more.clone());
    is_problem(&ad_hoc.handle(post("/?program=.&program=.", "1")), more.clone());
    let two = [field("jq-program", "1"), field("JQ-Program", "2")];
    is_problem(&ad_hoc.handle(post("/", "1").with_headers(&two)), more);
    let mut fixed = transform(&[("program", ".")]);
    assert_eq!(fixed.handle(post("/", "1").with_headers(&program)).status(), 403);
}

#[test]
fn the_same_request_gives_the_same_answer() {
    let mut now = transform(&[("program", "now")]);
    for _ in 0..2 {
        let request = post("/", "1").with_received_at(1_500_000_000_500_000_000);
        answers(&now.handle(request), 200, JSON, "1500000000.5\n");
    }
}
