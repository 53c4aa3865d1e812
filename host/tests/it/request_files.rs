//! `arenaria test`: files of requests with expected responses, against components of all worlds.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::config::Config;
use crate::harness::{Finished, arenaria, component, finished};

/// A project: its folder, with `arenaria.toml` and `requests/cases.http`.
struct Project(TempDir);

impl Project {
    fn new(config: &Config, requests: &str) -> Self {
        let project = Self(tempfile::tempdir().expect("the system has room for a folder"));
        std::fs::create_dir(project.folder().join("requests")).expect("the folder is ours");
        project.write("arenaria.toml", &config.to_toml());
        project.write("requests/cases.http", requests);
        project
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder().join(name), text).expect("the folder is ours");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = arenaria(&[&["test"], arguments].concat());
        command.current_dir(self.folder());
        command
    }

    fn test(&self, arguments: &[&str]) -> Finished {
        finished(&mut self.command(arguments))
    }

    /// The cases of the report as JSON.
    #[track_caller]
    fn cases(&self, arguments: &[&str]) -> Vec<Value> {
        let ended = self.test(&[&["--format", "json"], arguments].concat());
        let report: Value = serde_json::from_str(&ended.stdout)
            .unwrap_or_else(|error| panic!("{error}: {ended:?}"));
        report["cases"].as_array().expect("a list").clone()
    }
}

#[track_caller]
fn check(ended: &Finished, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    for part in parts {
        assert!(ended.stdout.contains(part), "no {part:?} in {}", ended.stdout);
    }
}

/// Ends with code 2 and this sentence, and without a report.
#[track_caller]
fn check_refused(ended: &Finished, parts: &[&str]) {
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
    for part in parts {
        assert!(ended.stderr.contains(part), "no {part:?} in {}", ended.stderr);
    }
}

#[test]
fn cases_that_pass_show_what_they_used() {
    let requests = "GET /greeting\nHTTP 200\n\nahoy\n\n### remembers the first\nGET /remember\nHTTP 200\n\n1\n\n\
                    ### echoes\nPOST /echo\ncontent-type: application/json\n\n{\"a\": [1]}\n\n\
                    HTTP/1.1 200 OK\ncontent-type: application/json\n\n{ \"a\" : [1.0] }\n\n\
                    ### any status\nGET /status/418\nHTTP *\n";
    let project = Project::new(&Config::probe().setting("greeting", "ahoy"), requests);
    let ended = project.test(&[]);
    check(
        &ended,
        0,
        &["requests/cases.http\n", "ok   GET /greeting ", "ok   remembers the first "],
    );
    check(
        &ended,
        0,
        &["418", " ms  ", " B of 3.5 MiB (<1 %), 0 B left\n", "4 cases: 4 passed, 0 failed\n"],
    );
    assert!(
        ended.stdout.contains("most memory: ") && ended.stdout.contains(", by echoes\n"),
        "{ended:?}"
    );
    let fresh = project.test(&["--fresh", "--filter", "REMEMBERS"]);
    check(
        &fresh,
        1,
        &["FAIL remembers", "requests/cases.http:8: expected (-), got (+):", "-1", "+0", "1 case:"],
    );
}

#[test]
fn what_differs_is_shown() {
    let requests = "### status\nGET /status/400\nHTTP 201\n### field\nGET /greeting\n\nHTTP 200\nx-one: 1\n\n\
                    ### json\nPOST /echo\ncontent-type: application/json\n\n{\"items\": [{\"total\": 1}]}\n\
                    HTTP 200\n\n{\"items\": [{\"total\": 0}]}\n### text\nPOST /echo\n\na\nb\nHTTP 200\n\na\nc\n";
    let project = Project::new(&Config::probe(), requests);
    check(
        &project.test(&[]),
        1,
        &[
            "requests/cases.http:3: expected status 201, got 400\n",
            "requests/cases.http:7: expected x-one: 1, got none\n",
            "$.items[0].total: expected 0, got 1\n",
            "         -c\n         +b\n",
            "4 cases: 0 passed, 4 failed\n",
        ],
    );
    let cases = project.cases(&[]);
    let whats: Vec<_> =
        cases.iter().map(|case| case["failures"][0]["what"].as_str().unwrap()).collect();
    assert_eq!(whats, ["status", "header", "body", "body"]);
    assert_eq!(
        (&cases[0]["passed"], &cases[0]["line"], &cases[0]["status"]),
        (&false.into(), &2.into(), &400.into())
    );
    assert_eq!(cases[1]["request"], "GET /greeting");
}

#[test]
fn a_request_gets_what_it_would_get_from_the_server() {
    let config = Config::empty()
        .limit("request-body", "100KiB")
        .limit("guest-time", "300ms")
        // The probe answers by path, so its routes have its paths.
        .route("/echo", "probe")
        .route("/header", "probe")
        .route("/echo/b", "transform")
        .route_limit("memory", "16MiB")
        .route_key("records", true)
        .setting("program", ".a");
    let problem = |status: u16, kind: &str| {
        format!("HTTP {status}\ncontent-type: application/problem+json\n\n< {kind}.json\n")
    };
    let requests = [
        "### called\nPOST /echo\n\nabc\nHTTP 200\n\nabc\n".to_owned(),
        format!("### too large\nPOST /echo\n\n< large.txt\n\n{}", problem(413, "too-large")),
        format!("### no route\nGET /echoes\n{}", problem(404, "no-route")),
        "### records\nPOST /echo/b?x=1\ncontent-type: application/x-ndjson\n\n{\"a\":1}\n{\"a\":2}\n\nHTTP 200\n\n1\n2\n"
            .to_owned(),
        "### framing\nGET /header?name=connection&value=close\nHTTP 500\n".to_owned(),
        "### two hosts\nGET /echo\nhost: a\nhost: b\nHTTP 400\n".to_owned(),
    ];
    let project = Project::new(&config, &requests.join("\n"));
    project.write("requests/large.txt", &"x".repeat(1 << 20));
    let document =
        |kind: &str, rest: &str| format!("{{\"type\":\"urn:arenaria:problem:{kind}\",{rest}}}");
    let rest = "\"title\":\"the request body is too large\",\"status\":413,\"detail\":\"the request body is larger \
                than request-body = 100KiB\",\"limit\":\"request-body\",\"value\":\"100KiB\"";
    project.write("requests/too-large.json", &document("body-too-large", rest));
    let rest =
        "\"title\":\"no such route\",\"status\":404,\"detail\":\"no route matches this path\"";
    project.write("requests/no-route.json", &document("no-route", rest));
    let ended = project.test(&[]);
    check(&ended, 0, &["6 cases: 6 passed", " ms  no route\n"]);
    let not_called = ended.stdout.lines().filter(|line| line.ends_with(" ms  not called"));
    assert_eq!(not_called.count(), 2, "{ended:?}");
}

#[test]
fn header_fields_are_forwarded_as_by_the_server() {
    let requests = "GET http://a.example/head?x=1\nX-One: 1\nx-two: 2\n\nHTTP 200\n\nGET /head?x=1\nx-one: 1\n";
    let config = Config::probe().route_key("forward-headers", vec!["x-one"]);
    let ended = Project::new(&config, requests).test(&[]);
    // The last two lines of the response change: the length of the body and the time.
    check(&ended, 1, &[" GET /head?x=1\n", " x-one: 1\n", "+body 0 bytes\n", "+received at 1"]);
    assert!(!ended.stdout.contains("x-two"), "{ended:?}");
}

#[test]
fn a_fault_is_shown_and_the_next_case_has_a_new_instance() {
    let requests = "GET /remember\nHTTP 200\n\n0\n### trap\nGET /trap\nHTTP 500\n### loop\nGET /loop\nHTTP 504\n\
                    ### memory\nGET /exhaust\nHTTP 507\n### panic\nGET /panic\nHTTP 200\n\
                    ### bad response\nGET /status/99\nHTTP 500\n\
                    ### full\nGET /fail-usage\nHTTP 204\n### new\nGET /remember\nHTTP 200\n\n0\n";
    let project = Project::new(&Config::probe().limit("guest-time", "300ms"), requests);
    let cases = project.cases(&[]);
    let passed: Vec<_> = cases.iter().map(|case| case["passed"].as_bool().unwrap()).collect();
    assert_eq!(passed, [true, true, true, true, false, true, false, true], "{cases:#?}");
    for (index, part) in
        [(1, "trapped"), (2, "time limit"), (3, "memory"), (4, "panic"), (6, "phase_usage")]
    {
        let fault = cases[index]["fault"].as_str().unwrap();
        assert!(fault.contains(part), "{fault}");
        assert!(cases[index]["memory"].is_null(), "{cases:#?}");
    }
    assert_eq!(cases[6]["failures"][0]["what"], "fault");
    assert!(cases[0]["fault"].is_null() && cases[7]["memory"]["capacity"].is_u64(), "{cases:#?}");
    let ended = project.test(&["--filter", "panic"]);
    check(
        &ended,
        1,
        &[
            "instance lost\n",
            "expected status 200, got 500\n",
            "       fault: the guest panicked: ",
        ],
    );
}

#[test]
fn a_panic_is_shown_with_its_text_and_its_remedy() {
    let requests = "### panic\nGET /panic?text=out%20of%20tea\nHTTP 500\n### clock\nGET /clock\nHTTP 500\n\
                    ### log\nGET /log?text=steep&count=1\nHTTP 204\n";
    let ended = Project::new(&Config::probe(), requests).test(&[]);
    check(
        &ended,
        0,
        &[
            "       fault: the guest panicked: guest/fixtures/probe/src/lib.rs:",
            ": out of tea; ",
            "use `Request::received_at` instead",
            "\n         in probe.wasm: __rustc::rust_panic",
            "3 cases: 3 passed",
        ],
    );
    // The report has the faults, and the log has what the guest logs.
    assert!(ended.stderr.contains("steep"), "{ended:?}");
    assert!(!ended.stderr.contains("lost an instance"), "{ended:?}");
}

#[test]
fn a_record_that_fails_is_a_part_of_a_good_response() {
    let requests =
        "POST /\ncontent-type: application/x-ndjson\n\n{\"a\":1}\n{\"loop\":true}\n\nHTTP 200\n";
    let config = Config::program("if .loop then until(false; .) else .a end");
    let config = config.limit("guest-time", "300ms").route_key("records", true);
    let cases = Project::new(&config, requests).cases(&[]);
    assert_eq!(
        (&cases[0]["passed"], &cases[0]["no_memory"]),
        (&true.into(), &"instance-lost".into())
    );
    let fault = cases[0]["fault"].as_str().unwrap();
    assert!(fault.contains("time limit"), "{fault}");
}

#[test]
fn budgets_are_checked_for_each_request() {
    let requests = "### small\nGET /greeting\nHTTP 200\n### large\nGET /respond?bytes=100000\nHTTP 200\n\
                    ### leaves\nGET /survive?bytes=1000\nHTTP 200\n### after\nGET /greeting\nHTTP 200\n";
    let project = Project::new(&Config::probe(), requests);
    check(
        &project.test(&["--high-water-max", "1MiB", "--survivors-max", "2KiB"]),
        0,
        &["4 passed"],
    );
    let most = project.test(&["--high-water-max", "64KiB", "--survivors-max", "0B"]);
    check(
        &most,
        1,
        &[
            "requests/cases.http:5: expected a high water of at most 64KiB (--high-water-max), got ",
            "requests/cases.http:8: expected survivors of at most 0B (--survivors-max), got ",
            "2 passed, 2 failed",
        ],
    );
    let cases = project.cases(&["--filter", "large"]);
    let high_water = cases[0]["memory"]["high_water"].as_u64().unwrap();
    let exact = format!("{high_water}B");
    check(&project.test(&["--filter", "large", "--high-water-max", &exact]), 0, &[]);
    let less = format!("{}B", high_water - 1);
    check(&project.test(&["--filter", "large", "--high-water-max", &less]), 1, &[]);
}

#[test]
fn a_budget_that_checks_nothing_is_refused() {
    let requests =
        "### no arena\nGET /\nHTTP 200\n\nhello, world\n### b\nGET /b\nHTTP 200\n\nhello, world\n";
    let config = Config::of("peer-p2").route("/b", "hello");
    let project = Project::new(&config, requests);
    let ended = project.test(&["--high-water-max", "1MiB"]);
    check(&ended, 0, &["no arena", "no budget was checked for 1 of them"]);
    let ended = project.test(&["--survivors-max", "0B", "--filter", "no arena"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("expected a processor with an arena"), "{ended:?}");
}

#[test]
fn components_of_wasi_http_are_tested_too() {
    let requests = "GET /\nHTTP 200\n\nhello, world\n###\nPOST /\n\n{\nHTTP 400\n###\nPOST /three\n\n\
                    {\"action\":\"opened\",\"repository\":{\"full_name\":\"sand/box\"}}\nHTTP 200\n\n\
                    {\"action\":\"opened\",\"repo\":\"sand/box\",\"sender\":null,\"labels\":[]}\n\
                    ###\nGET /three\nHTTP 200\n";
    for isolation in ["fresh", "reuse"] {
        let config = Config::of("peer-p2").route_key("isolation", isolation);
        let config = config.route("/three", "peer-p3").route_key("isolation", isolation);
        let project = Project::new(&config, requests);
        for options in [&[][..], &["--fresh"]] {
            check(&project.test(options), 0, &["4 passed", "no arena\n"]);
        }
    }
}

#[test]
fn an_isolated_route_has_a_new_instance_for_each_case() {
    let requests =
        "GET /remember\nHTTP 200\n\n0\n".to_owned() + "###\nGET /remember\nHTTP 200\n\n0\n";
    let config = Config::probe().route_key("isolation", "fresh");
    let cases = Project::new(&config, &requests).cases(&[]);
    assert!(cases.iter().all(|case| case["passed"] == true), "{cases:#?}");
    assert!(cases.iter().all(|case| case["memory"]["high_water"].as_u64() > Some(0)), "{cases:#?}");
}

#[test]
fn what_cannot_be_run_is_told_apart_from_a_failure() {
    let project = Project::new(&Config::probe(), "GET /greeting\nHTTP 200\n");
    check_refused(
        &project.test(&["--filter", "nothing"]),
        &["--filter", "got \"nothing\"", "1 cases"],
    );
    check_refused(
        &project.test(&["none"]),
        &["cannot read the requests none", "requests/first.http"],
    );
    check_refused(&project.test(&["--config", "none.toml"]), &["none.toml", "--config"]);
    check_refused(&project.test(&["--high-water-max", "much"]), &["16MiB", "much"]);
    std::fs::create_dir(project.folder().join("empty")).unwrap();
    check_refused(
        &project.test(&["empty"]),
        &["expected files such as empty/first.http, got none"],
    );
    project.write("bad.http", "GET /\nHTTP 2xx\n");
    check_refused(
        &project.test(&["bad.http"]),
        &["bad.http:2: expected a status", "got \"HTTP 2xx\""],
    );
    let missing = Config::probe().to_toml().replace(".wasm", ".wasn");
    project.write("arenaria.toml", &missing);
    check_refused(&project.test(&[]), &["cannot read the component", "arenaria build"]);
    project.write("arenaria.toml", &Config::probe().setting("configure", "error").to_toml());
    check_refused(&project.test(&[]), &["route \"/\" cannot start: configure was told to fail"]);
    project.write("arenaria.toml", "nonsense = 1\n");
    check_refused(&project.test(&[]), &["line 1", "nonsense"]);
}

#[test]
fn requests_are_found_beside_the_configuration() {
    let project = Project::new(&Config::of("hello"), "GET /\nHTTP 200\n\nhello, world\n");
    std::fs::create_dir(project.folder().join("requests/more")).unwrap();
    project.write("requests/more/b.http", "GET /b\nHTTP 200\n");
    project.write("requests/more/notes.txt", "not a request");
    let config = project.folder().join("arenaria.toml");
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = arenaria(&["test".as_ref(), "--config".as_ref(), config.as_os_str()]);
    check(
        &finished(command.current_dir(elsewhere.path())),
        0,
        &["requests/more/b.http\n", "2 passed"],
    );
    // A file that is named may have another name, and the component is what the configuration says.
    check(&project.test(&["requests/more"]), 0, &["1 case: 1 passed"]);
    let hello = component("hello").display().to_string();
    assert!(std::fs::read_to_string(config).unwrap().contains(&hello));
}

#[test]
fn the_page_about_tests_is_true() {
    let page = include_str!("../../../docs/test-a-processor.md");
    let block = |kind: &str| {
        let (_, rest) =
            page.split_once(&format!("```{kind}\n")).expect("the page has such a block");
        rest.split_once("```").expect("it ends").0
    };
    // The probe answers none of these as they expect, but they are well-formed.
    let project = Project::new(&Config::probe(), block("http"));
    check(&project.test(&[]), 1, &["creates an order", "2 cases: 0 passed, 2 failed"]);

    let malformed = Project::new(&Config::probe(), "\n\n\n\n\nGET /\nHTTP 2xx\n");
    let said = malformed.test(&[]).stderr.replace("cases.http", "orders.http");
    assert!(page.contains(&said), "{said}");

    let keys =
        |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let shown: Value = serde_json::from_str(block("json")).unwrap();
    let report =
        Project::new(&Config::probe(), "GET /greeting\nHTTP 200\n").test(&["--format", "json"]);
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(keys(&report), keys(&shown));
    assert_eq!(keys(&report["cases"][0]), keys(&shown["cases"][0]));
    assert_eq!(keys(&report["cases"][0]["memory"]), keys(&shown["cases"][0]["memory"]));

    let help = finished(&mut arenaria(&["test", "--help"])).stdout;
    let options = help.lines().filter_map(|line| line.trim_start().strip_prefix("--"));
    for option in options.filter_map(|option| option.split(' ').next()) {
        assert!(page.contains(&format!("`--{option}")), "the page does not have --{option}");
    }
}
