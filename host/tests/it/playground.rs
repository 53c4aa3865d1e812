//! The playground on the operator's listener: its files, and requests that are tried beside it. The
//! page itself is tested in a browser (`examples/playground/test`).

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::client::{Connection, Response};
use crate::harness::{Finished, Server, arenaria, component, finished};

const PAGE: &str = "<!doctype html><title>sand</title>";
const WASM: &[u8] = b"\0asm\x01\0\0\0";

/// A folder that arenaria brings along, with a playground of a few files and things that are none.
fn share() -> TempDir {
    let share = tempfile::tempdir().expect("the system has room for a folder");
    let folder = share.path().join("playground");
    let write = |path: &Path, bytes: &[u8]| fs::write(path, bytes).expect("the folder is ours");
    fs::create_dir_all(folder.join("within")).expect("the folder is ours");
    write(&folder.join("index.html"), PAGE.as_bytes());
    write(&folder.join("page.js"), b"export {};\n");
    write(&folder.join("page.js.gz"), b"packed with gzip");
    write(&folder.join("page.js.br"), b"packed with brotli");
    write(&folder.join("transform.core.wasm"), WASM);
    write(&folder.join("notes.txt"), b"not of the page");
    write(&folder.join("within/deep.js"), b"not of the page");
    write(&share.path().join("secret.js"), b"not of the page");
    std::os::unix::fs::symlink(share.path().join("secret.js"), folder.join("link.js"))
        .expect("the folder is ours");
    share
}

/// A server with a playground. The component, its settings, and whatever else the test adds.
fn start(share: TempDir, name: &str, arguments: &[&str]) -> Server {
    let file = component(name).display().to_string();
    let mut all = vec!["serve", &file, "--listen", "127.0.0.1:0"];
    all.extend(["--operator-listen", "127.0.0.1:0", "--workers", "1", "--slots", "1"]);
    all.extend(["--guest-time", "20s", "--queue-time", "30s"]);
    all.extend(arguments);
    let mut command = arenaria(&all);
    command.env("ARENARIA_SHARE", share.path());
    Server::start_command(command, share)
}

fn playground() -> Server {
    start(share(), "transform", &["--set", "ad-hoc=true", "--playground"])
}

/// Sends a head and a body as they stand.
fn exchange(server: &Server, head: &str, body: &str) -> Response {
    let mut connection = Connection::open(server.operator());
    let length = format!("content-length: {}\r\n\r\n", body.len());
    connection.send(format!("{head}\r\n{length}{body}"));
    if head.starts_with("HEAD ") {
        return connection.try_response(true).expect("an answer").expect("an answer");
    }
    connection.response()
}

fn get(server: &Server, path: &str, headers: &str) -> Response {
    exchange(server, &format!("GET {path} HTTP/1.1\r\nhost: localhost{headers}"), "")
}

#[track_caller]
fn check_header(response: &Response, name: &str, expected: Option<&str>) {
    assert_eq!(response.header(name), expected, "{name}: {response:?}");
}

#[test]
fn the_page_is_off_unless_it_is_asked_for() {
    let server = start(share(), "hello", &[]);
    for path in ["/playground", "/playground/", "/playground/server.json"] {
        assert_eq!(get(&server, path, "").status, 404, "{path}");
    }
    let server = start(share(), "hello", &["--playground=false"]);
    assert_eq!(get(&server, "/playground/", "").status, 404);
    assert_eq!(server.get("/playground/").text(), "hello, world\n", "paths of routes are theirs");
}

#[test]
fn each_file_has_its_type_and_may_do_nothing_but_its_own() {
    let server = playground();
    let types = [
        ("/playground/", "text/html; charset=utf-8", PAGE.as_bytes()),
        ("/playground/index.html", "text/html; charset=utf-8", PAGE.as_bytes()),
        ("/playground/page.js", "text/javascript; charset=utf-8", b"export {};\n"),
        ("/playground/transform.core.wasm", "application/wasm", WASM),
    ];
    for (path, content_type, body) in types {
        let response = get(&server, path, "");
        response.check(200, body);
        check_header(&response, "content-type", Some(content_type));
        check_header(&response, "x-content-type-options", Some("nosniff"));
        check_header(&response, "cache-control", Some("no-cache"));
        let policy = response.header("content-security-policy").expect("every file has one");
        assert!(policy.starts_with("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';"));
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe-inline"));

        let head = exchange(&server, &format!("HEAD {path} HTTP/1.1\r\nhost: x"), "");
        assert_eq!(head.status, 200);
        check_header(&head, "content-length", Some(&body.len().to_string()));
    }
    let response = get(&server, "/playground", "");
    assert_eq!(response.status, 308);
    check_header(&response, "location", Some("/playground/"));
    // What else the operator asks for is as before.
    get(&server, "/livez", "").check(200, "alive\n");
    assert_eq!(get(&server, "/playgrounds", "").status, 404);
}

#[test]
fn only_files_of_the_page_are_served() {
    let server = playground();
    let paths = [
        "/playground/notes.txt",
        "/playground/page.js.gz",
        "/playground/within/deep.js",
        "/playground/link.js",
        "/playground/../secret.js",
        "/playground/..%2fsecret.js",
        "/playground/%2e%2e/secret.js",
        "/playground//etc/passwd",
        "/playground/within/../page.js",
        "/playground/index.html/",
        "/playground/INDEX.HTML",
        "/playground/page.js%00",
    ];
    for path in paths {
        let response = get(&server, path, "");
        assert_eq!(response.status, 404, "{path}: {}", response.text());
        check_header(&response, "x-content-type-options", Some("nosniff"));
    }
    let response = exchange(&server, "POST /playground/ HTTP/1.1\r\nhost: localhost", "");
    assert_eq!(response.status, 405);
    check_header(&response, "allow", Some("GET, HEAD"));
}

#[test]
fn a_file_is_packed_as_the_browser_takes_it_and_sent_once() {
    let server = playground();
    let mut tags = Vec::new();
    for (accepted, encoding, body) in [
        ("", None, "export {};\n"),
        ("gzip, deflate, br, zstd", Some("br"), "packed with brotli"),
        ("gzip, br;q=0", Some("gzip"), "packed with gzip"),
        ("br;q=0.000,gzip;q=0", None, "export {};\n"),
        ("brr, x-gzip", None, "export {};\n"),
    ] {
        let response =
            get(&server, "/playground/page.js", &format!("\r\naccept-encoding: {accepted}"));
        response.check(200, body);
        check_header(&response, "content-encoding", encoding);
        check_header(&response, "vary", Some("accept-encoding"));
        check_header(&response, "content-type", Some("text/javascript; charset=utf-8"));
        let tag = response.header("etag").expect("every file has one").to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let headers = format!("\r\naccept-encoding: {accepted}\r\nif-none-match: {known}");
            let again = get(&server, "/playground/page.js", &headers);
            assert_eq!((again.status, again.header("etag")), (304, Some(tag.as_str())), "{known}");
        }
        tags.push(tag);
    }
    let other = format!("\r\nif-none-match: {}", tags[1]);
    assert_eq!(get(&server, "/playground/page.js", &other).status, 200, "a tag is of one form");
    // A file that is not packed is sent as it is.
    let response = get(&server, "/playground/", "\r\naccept-encoding: br");
    response.check(200, PAGE);
    check_header(&response, "content-encoding", None);
}

#[track_caller]
fn refused(arguments: &[&str], share: &Path) -> String {
    let file = component("hello").display().to_string();
    let mut all = vec!["serve", &file, "--listen", "127.0.0.1:0", "--workers", "1"];
    all.extend(arguments);
    let Finished { code, stderr, .. } = finished(arenaria(&all).env("ARENARIA_SHARE", share));
    assert_eq!(code, Some(1), "{stderr}");
    stderr
}

#[test]
fn a_playground_that_cannot_be_served_ends_the_start() {
    let share = share();
    let off = refused(&["--playground", "--operator-listen", "off"], share.path());
    assert!(off.contains("playground = true needs the operator's listener"), "{off}");
    let on = ["--playground", "--operator-listen", "127.0.0.1:0"];
    fs::remove_file(share.path().join("playground/index.html")).expect("it was made above");
    let empty = refused(&on, share.path());
    assert!(empty.contains("has no index.html; build it with `cargo xtask playground`"), "{empty}");
    fs::remove_dir_all(share.path().join("playground")).expect("it was made above");
    let missing = refused(&on, share.path());
    assert!(
        missing.contains("there is no ") && missing.contains("cargo xtask playground"),
        "{missing}"
    );
}

#[test]
fn the_page_is_also_asked_for_by_a_file_or_a_variable() {
    let share = share();
    let file = share.path().join("arenaria.toml");
    let hello = component("hello").display().to_string();
    let text = format!("playground = true\n[[route]]\npath = \"/\"\ncomponent = {hello:?}\n");
    fs::write(&file, text).expect("the folder is ours");
    let printed = |variable: Option<&str>, flags: &[&str]| {
        let mut command = arenaria(&["serve", "--print-config"]);
        command.args(["--config".as_ref(), file.as_os_str()]).args(flags);
        if let Some(value) = variable {
            command.env("ARENARIA_PLAYGROUND", value);
        }
        let ended = finished(&mut command);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout.contains("playground = true\n")
    };
    assert!(printed(None, &[]));
    assert!(!printed(Some("false"), &[]), "a variable wins over the file");
    assert!(printed(Some("false"), &["--playground"]), "a flag wins over the variable");
}

/// The head of a trial as the page sends it.
fn trial(path: &str) -> String {
    format!(
        "POST /playground/try{path} HTTP/1.1\r\nhost: 127.0.0.1:1\r\norigin: http://127.0.0.1:1\r\n\
         sec-fetch-site: same-origin\r\ncontent-type: application/json"
    )
}

#[test]
fn a_trial_has_the_bytes_of_the_server() {
    let server = playground();
    let about = get(&server, "/playground/server.json", "").json();
    assert_eq!(about["routes"], serde_json::json!(["/"]));
    assert_eq!(about["listen"], server.address.to_string());
    for (program, document) in
        [(".a", r#"{"a":[1,2]}"#), (".[]", "[1,2]"), ("empty", "1"), (".a", "{")]
    {
        let there = server.post(&format!("/?program={program}"), document);
        let here = exchange(&server, &trial(&format!("/?program={program}")), document);
        here.check(there.status, &there.body);
        check_header(&here, "content-type", there.header("content-type"));
        check_header(&here, "cache-control", Some("no-store"));
    }
}

#[test]
fn nobody_but_the_page_can_try() {
    let server = playground();
    let good = trial("/?program=.");
    exchange(&server, &good, "1").check(200, "1\n");
    let swaps = [
        // Another site's page, in the operator's browser.
        ("origin: http://127.0.0.1:1", "origin: http://evil.example", 403),
        ("origin: http://127.0.0.1:1", "origin: http://127.0.0.1:2", 403),
        ("origin: http://127.0.0.1:1", "origin: null", 403),
        ("origin: http://127.0.0.1:1", "x-origin: http://127.0.0.1:1", 403),
        ("sec-fetch-site: same-origin", "sec-fetch-site: same-site", 403),
        // A site whose name has been made to point here.
        ("127.0.0.1:1", "evil.example:1", 403),
        ("host: 127.0.0.1:1", "host: 127.0.0.1:1\r\nhost: 127.0.0.1:1", 403),
        // What a form can send without being asked first.
        ("application/json", "text/plain", 415),
        ("POST", "GET", 405),
        ("POST", "OPTIONS", 405),
    ];
    for (from, to, status) in swaps {
        let head = good.replace(from, to);
        assert_ne!(head, good, "{from}");
        let response = exchange(&server, &head, "1");
        assert_eq!(response.status, status, "{to}: {response:?}");
        check_header(&response, "access-control-allow-origin", None);
    }
    let named = "GET /playground/server.json HTTP/1.1\r\nhost: evil.example";
    assert_eq!(exchange(&server, named, "").status, 403);
}

#[test]
fn only_routes_that_take_programs_can_be_tried() {
    let server = start(share(), "transform", &["--set", "program=.a", "--playground"]);
    assert_eq!(get(&server, "/playground/server.json", "").json()["routes"], serde_json::json!([]));
    assert_eq!(exchange(&server, &trial("/?program=."), "1").status, 404);

    let server = playground();
    for path in ["", "/other", "//", "/../", "/%2e%2e/livez"] {
        assert_eq!(exchange(&server, &trial(path), "1").status, 404, "{path}");
    }
}

#[test]
fn what_is_tried_is_bounded() {
    let arguments = ["--set", "ad-hoc=true", "--playground", "--request-body", "1KiB"];
    let server = start(share(), "transform", &arguments);
    let fits = format!("\"{}\"", "x".repeat(1022));
    exchange(&server, &trial("/?program=length"), &fits).check(200, "1022\n");
    let large = format!("\"{}\"", "x".repeat(1023));
    // Refused here, and not only by the route that it would have reached.
    let sentence = "the document is larger than the route's request-body\n";
    exchange(&server, &trial("/?program=length"), &large).check(413, sentence);
    let mut connection = Connection::open(server.operator());
    let body = crate::client::chunked(large.as_bytes(), 100);
    connection.send(trial("/?program=length") + "\r\ntransfer-encoding: chunked\r\n\r\n");
    let _ = connection.try_send(body);
    connection.response().check(413, sentence);
    server.post("/?program=.", "1").check(200, "1\n");
}
