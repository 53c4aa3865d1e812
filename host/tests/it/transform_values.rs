//! The flagship's values and hostile inputs. Numbers are those of jq, output is strict JSON, and no
//! program uses more than its memory and its time.

use crate::config::Config;
use crate::harness::Server;
use crate::transform::run;

#[track_caller]
fn check_text(server: &Server, program: &str, document: &str, expected: &str) {
    let response = run(server, program, document);
    let text = response.text();
    assert_eq!((response.status, text.trim_end()), (200, expected), "{program} on {document}");
}

#[test]
fn numbers_pass_unchanged() {
    let server = Server::start(&Config::ad_hoc());
    for number in [
        "0",
        "1",
        "-1",
        "2147483647",
        "2147483648",
        "-2147483649",
        "9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "123456789012345678901234567890123456789",
        "0.10",
        "1.0",
        "3.141592653589793238462643",
        "1E+2",
        "1E+400",
        "1.5E-300",
    ] {
        check_text(&server, ".", number, number);
        check_text(&server, ".a", &format!("{{\"a\":{number}}}"), number);
    }
}

#[test]
fn integers_are_exact_to_53_bits_as_in_jq() {
    let server = Server::start(&Config::ad_hoc());
    for (program, document, expected) in [
        (".+1", "9223372036854775806", "9223372036854776000"),
        (".*3", "1431655766", "4294967298"),
        (".*.", "3037000499", "9223372030926249000"),
        (".+1", "2147483647", "2147483648"),
        (".-1", "-2147483648", "-2147483649"),
        ("add", "[9007199254740992,1]", "9007199254740992"),
        (".<9007199254740993", "9007199254740992", "true"),
        (". == 9007199254740992", "9007199254740993", "false"),
    ] {
        check_text(&server, program, document, expected);
    }
}

#[test]
fn text_passes_unchanged() {
    let server = Server::start(&Config::ad_hoc());
    for (document, expected) in [
        (r#""\u00e4 \ud83c\udfd6 \/""#, "\"ä 🏖 /\""),
        (r#""\"\\\n\t\r\b\f""#, r#""\"\\\n\t\r\b\f""#),
        (r#"{"b":1,"a":2,"":3}"#, r#"{"b":1,"a":2,"":3}"#),
        (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        ("[ ]", "[]"),
        ("{ }", "{}"),
        (" null ", "null"),
    ] {
        check_text(&server, ".", document, expected);
    }
    // A control character is escaped in the output, in whatever form it was written.
    let response = run(&server, ".", r#""\u0000\u001f""#);
    assert_eq!(response.json(), serde_json::Value::from("\0\u{1f}"));
}

#[test]
fn the_output_is_strict_json() {
    let server = Server::start(&Config::ad_hoc());
    check_text(&server, "nan", "1", "null");
    check_text(&server, "[nan,1]", "1", "[null,1]");
    check_text(&server, "{a:(nan)}", "1", "{\"a\":null}");
    for program in ["infinite", "-infinite", "[1e308*10]", "1/0", "{(1|tostring):infinite}"] {
        let response = run(&server, program, "1");
        match response.status {
            200 => drop(response.json()),
            status => assert_eq!(status, 422, "{program}: {response:?}"),
        }
    }
    // Keys that are not strings cannot be written.
    for program in ["{(1):2}", "{([]):1}", "{(null):1}"] {
        let response = run(&server, program, "1");
        assert!(matches!(response.status, 400 | 422), "{program}: {response:?}");
    }
}

#[test]
fn nesting_is_bounded() {
    let server = Server::start(&Config::ad_hoc());
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    check_text(&server, ".", &nested(10_000), &nested(10_000));
    run(&server, ".", &nested(10_001)).check_problem(400, "document");
    run(&server, ".", &nested(100_000)).check_problem(400, "document");
    run(&server, ".", &"[".repeat(500_000)).check_problem(400, "document");
    run(&server, ".", &"{\"a\":".repeat(100_000)).check_problem(400, "document");
    // Output is limited while it is written, and a program while it is read.
    run(&server, "reduce range(100000) as $i (1; [.])", "1").check_problem(422, "output");
    let programs =
        ["(".repeat(5000) + "1" + &")".repeat(5000), "[".repeat(10_000), "-".repeat(20_000) + "1"];
    for program in programs {
        let deep =
            server.exchange(&crate::client::Request::post(&format!("/?program={program}"), "1"));
        if ![414, 431].contains(&deep.status) {
            deep.check_problem(400, "program");
        }
        check_text(&server, ".", "1", "1");
    }
    let settled = server.until_settled();
    // These are checked in advance, so they do not cost an instance.
    assert_eq!(settled.sum("arenaria_retirements_total", &[]), 0.0, "{settled:?}");
}

/// Programs that use all the memory or time that they can get.
const BOMBS: [&str; 17] = [
    "[range(1e9)]",
    "def f: f; f",
    "def f: 1+f; f",
    "def f: [f]; f",
    "\"x\"*2e9",
    "[0]|until(length>=64e6; .+.)",
    "[limit(1e9; repeat(1))]",
    "last(range(1e12))",
    "reduce range(1e9) as $i (0; .+$i)",
    "9|until(.>1e999; .*.)",
    ".[1e9]=0",
    "[range(300)]|[combinations(6)]",
    "range(0;infinite)",
    "[recurse(.+1)]",
    "\"x\"*1000000|[scan(\".\")]|map([.]*1000)",
    "[range(1000000)]|permutations",
    "repeat(\"x\"*1000000)",
];

#[test]
fn a_bomb_costs_its_own_request() {
    let server = Server::start(&Config::ad_hoc().limit("guest-time", "500ms"));
    for bomb in BOMBS {
        let response = run(&server, bomb, "[]");
        assert!(
            matches!(response.status, 400 | 413 | 422 | 500 | 504 | 507),
            "{bomb}: {} {:.200}",
            response.status,
            response.text()
        );
        assert!(response.complete, "{bomb}");
        assert_eq!(response.header("content-type"), Some("application/problem+json"), "{bomb}");
        check_text(&server, ".+1", "1", "2");
    }
    server.until_settled();
}

#[test]
fn bombs_leave_room_for_others() {
    let config = Config::ad_hoc().with("slots", 2).limit("guest-time", "1s");
    let server = Server::start(&config);
    let mut bombs = ["last(range(1e12))", "def f: f; f"].map(|bomb| {
        server.begin(&crate::client::Request::post(
            &format!("/?program={}", bomb.replace(' ', "%20")),
            "1",
        ))
    });
    // Both slots are busy until their time limit. Queued requests wait longer than that.
    server.until_busy(2.0);
    check_text(&server, ".+1", "1", "2");
    for bomb in &mut bombs {
        bomb.response().check_limit(504, "guest-time", "guest-time", "1s");
    }
    drop(bombs);
    server.until_settled();
}

#[test]
fn a_document_as_large_as_the_limit_is_transformed() {
    let server = Server::start(&Config::program("length"));
    let document = format!("[{}1]", "1,".repeat(((1 << 20) - 3) / 2));
    assert!(document.len() <= 1 << 20 && document.len() + 2 > 1 << 20);
    let response = server.post("/", document.clone());
    assert!(matches!(response.status, 200 | 507), "{response:?}");
    let text = format!("\"{}\"", "x".repeat((1 << 20) - 2));
    assert_eq!(server.post("/", text).json(), (1 << 20) - 2);
    let refused = server.post("/", document + "   ");
    refused.check_limit(413, "body-too-large", "request-body", "1MiB");
    server.until_settled();
}

#[test]
fn a_date_a_format_and_a_regular_expression_leave_nothing_behind() {
    // Each of these initializes something lazily in the instance.
    let server = Server::start(&Config::ad_hoc());
    for _ in 0..30 {
        check_text(&server, "todate", "1778858441", "\"2026-05-15T15:20:41Z\"");
        check_text(&server, "fromdate", "\"2026-05-15T15:20:41Z\"", "1778858441");
        check_text(&server, "strftime(\"%Y %j\")", "1778858441", "\"2026 135\"");
        check_text(&server, "@base64", "\"sand\"", "\"c2FuZA==\"");
        check_text(&server, "@uri", "\"a b\"", "\"a%20b\"");
        check_text(&server, "@html", "\"<b>\"", "\"&lt;b&gt;\"");
        check_text(&server, "sub(\"(?<x>a+)\"; \"<\\(.x)>\")", "\"caat\"", "\"c<aa>t\"");
        check_text(&server, "sqrt|floor", "50", "7");
        check_text(&server, "map(tojson)|join(\"-\")", "[1,[2]]", "\"1-[2]\"");
    }
    let settled = server.until_settled();
    assert_eq!(settled.sum("arenaria_retirements_total", &[]), 0.0, "{settled:?}");
}
