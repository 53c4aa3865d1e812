//! The flagship over HTTP: programs transform documents. The expectations are written by hand.

use serde_json::{Value, json};

use crate::client::{Request, Response};
use crate::config::Config;
use crate::harness::Server;
use crate::payloads::ad_hoc;

/// Runs an ad-hoc program on a document.
#[track_caller]
pub(crate) fn run(server: &Server, program: &str, document: &str) -> Response {
    server.exchange(&ad_hoc(program, document))
}

#[track_caller]
fn check(server: &Server, program: &str, document: &str, expected: &str) {
    let response = run(server, program, document);
    let text = response.text();
    let got = (response.status, text.trim_end());
    assert_eq!(got, (200, expected), "{program} on {document}");
    assert_eq!(response.header("content-type"), Some("application/json"), "{response:?}");
}

const PUSH: &str = r#"{
  "ref": "refs/heads/main", "before": "95790bf", "after": "6113728", "created": false,
  "repository": {"id": 186853002, "name": "castle", "full_name": "sand/castle", "private": false,
    "owner": {"login": "sand", "email": null}, "topics": ["arena", "b\u00fccket"]},
  "pusher": {"name": "Ada", "email": "ada@example.org"},
  "commits": [
    {"id": "6113728", "message": "smooth it over\n\nCloses #2", "timestamp": "2026-05-15T15:20:41Z",
     "author": {"name": "Ada"}, "added": ["a", "b"], "removed": [], "modified": ["c"]},
    {"id": "7a1f0c9", "message": "dig", "timestamp": "2026-05-15T15:21:00Z",
     "author": {"name": "Grace"}, "added": [], "removed": ["d"], "modified": []}]
}"#;

#[test]
fn a_push_is_reshaped() {
    let server = Server::start(&Config::ad_hoc());
    for (program, expected) in [
        (".ref", r#""refs/heads/main""#),
        ("{ref,repo:.repository.full_name}", r#"{"ref":"refs/heads/main","repo":"sand/castle"}"#),
        ("[.commits[].author.name]", r#"["Ada","Grace"]"#),
        (
            ".commits|map({id,files:(.added+.removed+.modified|length)})",
            r#"[{"id":"6113728","files":3},{"id":"7a1f0c9","files":1}]"#,
        ),
        (r#".ref|split("/")|last"#, r#""main""#),
        (
            r#""\(.pusher.name) pushed \(.commits|length) commits to \(.repository.name)""#,
            r#""Ada pushed 2 commits to castle""#,
        ),
        (".repository.owner.email // .pusher.email", r#""ada@example.org""#),
        (r#"[.commits[].message|split("\n")[0]]"#, r#"["smooth it over","dig"]"#),
        (".repository.topics", r#"["arena","bücket"]"#),
        (r#"[.commits[]|select(.author.name|test("^A"))|.id]"#, r#"["6113728"]"#),
        (
            "del(.commits,.pusher)|keys_unsorted",
            r#"["ref","before","after","created","repository"]"#,
        ),
        ("reduce .commits[].added[] as $f ({}; .[$f]=true)", r#"{"a":true,"b":true}"#),
        (".commits[0].timestamp|fromdateiso8601", "1778858441"),
        ("if .created then 1 elif .repository.private then 2 else 3 end", "3"),
        ("[.. | numbers]", "[186853002]"),
        (
            r#".repository|with_entries(select(.value|type=="string"))"#,
            r#"{"name":"castle","full_name":"sand/castle"}"#,
        ),
        ("[limit(2; .commits[].id, .before)]", r#"["6113728","7a1f0c9"]"#),
        ("try error(\"sand\") catch .", r#""sand""#),
        (".commits|group_by(.author.name)|map(length)", "[1,1]"),
        ("[paths(type==\"boolean\")]", r#"[["created"],["repository","private"]]"#),
    ] {
        check(&server, program, PUSH, expected);
    }
    server.until_settled();
}

#[test]
fn the_call_of_the_readme_works_as_curl_sends_it() {
    let server = Server::start(&Config::ad_hoc());
    let request = Request::post(
        "/?program={action,repo:.repository.full_name}",
        r#"{"action":"opened","number":2,"repository":{"full_name":"sand/castle"}}"#,
    );
    let request = request
        .header("user-agent", "curl/8")
        .header("accept", "*/*")
        .header("content-type", "application/x-www-form-urlencoded");
    let response = server.exchange(&request);
    let text = response.text();
    assert_eq!(text.trim_end(), r#"{"action":"opened","repo":"sand/castle"}"#, "{response:?}");
    assert_eq!(response.header("content-type"), Some("application/json"));
}

#[test]
fn a_plus_in_a_query_is_a_space() {
    let server = Server::start(&Config::ad_hoc());
    assert_eq!(server.post("/?program=.a+%2B+1", "{\"a\":41}").json(), 42);
    let answer = server.post("/?other=1&program=.a%2B1&more", "{\"a\":41}");
    assert_eq!(answer.json(), 42);
    server.post("/?program=.&program=.", "1").check_problem(400, "program");
    let problem = server.post("/?program=%zz", "1");
    let detail = problem.check_problem(400, "program")["detail"].to_string();
    assert!(detail.contains("got `%zz`"), "{detail}");
}

#[test]
fn a_program_may_come_in_a_header() {
    let server = Server::start(&Config::ad_hoc());
    let request = |program: &str| Request::post("/", "{\"a\":41}").header("jq-program", program);
    assert_eq!(server.exchange(&request(".a + 1")).json(), 42);
    let twice = request(".").header("jq-program", ".");
    server.exchange(&twice).check_problem(400, "program");
    // Where requests must not bring programs, the field is not passed on.
    let server = Server::start(&Config::program(".a"));
    assert_eq!(server.exchange(&request(".a + 1")).json(), 41);
}

#[test]
fn a_run_that_nests_too_deeply_costs_no_instance() {
    let server = Server::start(&Config::ad_hoc());
    for program in
        ["def f: 1+f; f", "def f: [f]; f", "def f: path(f); f", "(def f: del(f); f) |= 1"]
    {
        let problem = run(&server, program, "1");
        let problem = problem.check_problem(422, "run");
        assert_eq!(problem["limit"], "call-depth", "{program}: {problem}");
    }
    let settled = server.until_settled();
    assert_eq!(settled.sum("arenaria_retirements_total", &[]), 0.0, "{settled:?}");
}

#[test]
fn a_program_of_the_settings_is_run() {
    let server = Server::start(&Config::program("{n:.a}"));
    for a in 0..50 {
        assert_eq!(server.post("/", format!("{{\"a\":{a}}}")).json(), json!({"n": a}));
    }
    // Here a request must not contain a program.
    let refused = server.post("/?program=.", "{\"secret\":1}");
    assert_eq!(refused.status, 403, "{refused:?}");
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert!(!refused.text().contains("secret"));
    assert_eq!(server.post("/", "{\"a\":1}").json(), json!({"n": 1}));
    server.until_settled();
}

#[test]
fn many_outputs_are_lines_or_one_array() {
    let lines = Server::start(&Config::program(".[]"));
    let response = lines.post("/", "[1,{\"a\":2},null]");
    response.check(200, "1\n{\"a\":2}\nnull\n");
    assert_eq!(response.header("content-type"), Some("application/x-ndjson"));
    let array = Server::start(&Config::program(".[]").setting("output", "array"));
    let response = array.post("/", "[1,{\"a\":2},null]");
    assert_eq!(response.text().trim_end(), "[1,{\"a\":2},null]");
    assert_eq!(response.header("content-type"), Some("application/json"));
}

#[test]
fn no_output_is_204() {
    let server = Server::start(&Config::program("empty"));
    let mut connection = server.connect();
    for _ in 0..3 {
        let response = connection.exchange(&Request::post("/", "{}"));
        assert_eq!(response.status, 204, "{response:?}");
        assert_eq!(response.header("content-type"), None);
    }
}

#[test]
fn a_document_that_is_not_json_is_refused_with_its_place() {
    let server = Server::start(&Config::program("."));
    for (document, offset) in [
        ("[1,2,x]", Some(5)),
        ("{\"a\":1,}", Some(7)),
        ("{'a':1}", Some(1)),
        ("[1] 2", Some(4)),
        ("[NaN]", Some(1)),
        ("", None),
        ("   ", None),
        ("[1", None),
        ("\"open", None),
        ("[01]", None),
        ("[+1]", Some(1)),
        ("[1.]", None),
        ("[.5]", Some(1)),
        ("[1e]", None),
        ("{1:2}", Some(1)),
        ("{\"a\"}", None),
        ("// comment\n1", Some(0)),
        ("# comment\n1", Some(0)),
        ("tru", None),
        ("\"\\x\"", None),
        ("\"\\ud800\"", None),
        ("\"tab\t\"", None),
        ("Infinity", Some(0)),
        ("[1,]", Some(3)),
    ] {
        let problem = server.post("/", document);
        let problem = problem.check_problem(400, "document");
        let got = problem["offset"].as_u64();
        assert!(got.is_some_and(|got| got <= document.len() as u64), "{document:?}: {problem}");
        assert!(offset.is_none() || got == offset, "{document:?}: {problem}");
        assert_eq!(server.post("/", "1").json(), 1);
    }
    for bytes in [&b"\"\xff\""[..], b"\"\xc3\"", b"\xff\xfe1\0", b"\"\xed\xa0\x80\"", b"\0"] {
        server.post("/", bytes).check_problem(400, "document");
    }
    server.until_settled();
}

#[test]
fn a_program_that_fails_is_told_why() {
    let server = Server::start(&Config::ad_hoc());
    for (program, document, says) in [
        (".a.b", "{\"a\":5}", "number"),
        ("error(\"out of sand\")", "{}", "out of sand"),
        (".[0]+1", "[\"x\"]", "x"),
        ("keys", "3", "3"),
    ] {
        let problem = run(&server, program, document);
        let problem = problem.check_problem(422, "run");
        let detail = problem["detail"].as_str().expect("checked");
        assert!(detail.contains(says), "{program}: {problem}");
    }
    assert_eq!(run(&server, ".", "1").json(), 1);
    server.until_settled();
}

#[test]
fn a_program_that_is_not_one_is_refused_with_its_place() {
    let server = Server::start(&Config::ad_hoc());
    for (program, offset) in [
        ("{a", None),
        (".a |", None),
        (".a | nosuchfunction", Some(5)),
        ("$nosuchvariable", None),
        ("\"\\(", None),
        (")", Some(0)),
        ("import \"a\" as a; .", None),
        ("include \"a\"; .", None),
    ] {
        let problem = run(&server, program, "{}").check_problem(400, "program");
        let got = problem["offset"].as_u64();
        assert!(got.is_some_and(|got| got <= program.len() as u64), "{program}: {problem}");
        assert!(offset.is_none() || got == offset, "{program}: {problem}");
    }
    server.post("/?program=%ff", "{}").check_problem(400, "program");
    server.post("/", "{}").check_problem(400, "program");
    assert_eq!(run(&server, ".", "1").json(), 1);
    server.until_settled();
}

#[test]
fn a_program_sees_nothing_of_the_host() {
    let server = Server::start(&Config::ad_hoc());
    for program in ["env", "$ENV"] {
        assert_eq!(run(&server, program, "1").json(), json!({}), "{program}");
    }
    for program in ["debug", "debug(2)", "stderr"] {
        assert_eq!(run(&server, program, "1").json(), 1, "{program}");
    }
    assert_eq!(run(&server, "input_filename", "1").json(), Value::Null);
    assert_eq!(run(&server, "halt", "1").status, 204);
    for program in ["halt_error", "halt_error(1)", "input_line_number"] {
        let response = run(&server, program, "{}");
        assert!(matches!(response.status, 400 | 422), "{program}: {response:?}");
    }
    // The clock shows the time at which the request arrived.
    let now = run(&server, "now|floor", "{}").json().as_u64().expect("a number");
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    assert!(clock.expect("after 1970").as_secs().abs_diff(now) < 300, "{now}");
    server.until_settled();
}

#[test]
fn a_request_without_a_document_is_told_the_method() {
    let server = Server::start(&Config::ad_hoc());
    for method in ["GET", "HEAD"] {
        let response = server.exchange(&Request::new(method, "/?program=."));
        assert_eq!(response.status, 405, "{response:?}");
        assert!(response.header("allow").is_some_and(|allow| allow.contains("POST")));
    }
    assert_eq!(server.exchange(&Request::new("PUT", "/?program=.").body("1")).json(), 1);
}

#[test]
fn settings_of_the_flagship_bound_it() {
    let config = Config::ad_hoc()
        .setting("depth-max", "10")
        .setting("program-bytes-max", "100")
        .setting("outputs-max", "5")
        .setting("programs-cached-max", "2");
    let server = Server::start(&config);
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(run(&server, ".", &nested(10)).text().trim_end(), nested(10));
    run(&server, ".", &nested(11)).check_problem(400, "document");
    run(&server, &format!("{}1", "1+".repeat(60)), "1").check_problem(400, "program");
    assert_eq!(run(&server, "range(5)", "1").status, 200);
    let response = run(&server, "range(6)", "1");
    assert!(matches!(response.status, 413 | 422), "{response:?}");
    // More programs than the cache holds, one after the other.
    for round in 0..3 {
        for n in 0..10 {
            let program = format!(".+{n}");
            assert_eq!(run(&server, &program, "1").json(), Value::from(n + 1), "{round}");
        }
    }
    server.until_settled();
}
