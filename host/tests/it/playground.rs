//! The playground on the data listener: its files, its description of the server, and that it takes
//! precedence over the routes. The page itself is tested in a browser (`examples/playground/test`).

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::client::{Connection, Request, Response};
use crate::harness::{Finished, Server, arenaria, component, finished};

const PAGE: &str = "<!doctype html><title>sand</title>";
const WASM: &[u8] = b"\0asm\x01\0\0\0";

/// A folder of assets. Its playground has a few files, and entries that must not be served.
fn assets() -> TempDir {
    let assets = tempfile::tempdir().expect("the system has room for a folder");
    let folder = assets.path().join("playground");
    let write = |path: &Path, bytes: &[u8]| fs::write(path, bytes).expect("the folder is ours");
    fs::create_dir_all(folder.join("within")).expect("the folder is ours");
    write(&folder.join("index.html"), PAGE.as_bytes());
    write(&folder.join("page.js"), b"export {};\n");
    write(&folder.join("page.js.gz"), b"packed with gzip");
    write(&folder.join("page.js.br"), b"packed with brotli");
    write(&folder.join("transform.core.wasm"), WASM);
    write(&folder.join("notes.txt"), b"not of the page");
    write(&folder.join("within/deep.js"), b"not of the page");
    write(&assets.path().join("secret.js"), b"not of the page");
    std::os::unix::fs::symlink(assets.path().join("secret.js"), folder.join("link.js"))
        .expect("the folder is ours");
    assets
}

/// A server with a playground, this component, and these arguments.
fn start(assets: TempDir, name: &str, arguments: &[&str]) -> Server {
    let file = component(name).display().to_string();
    let mut all = vec!["serve", &file, "--listen", "127.0.0.1:0"];
    all.extend(["--operator-listen", "127.0.0.1:0", "--workers", "1", "--slots", "1"]);
    all.extend(["--guest-time", "20s", "--queue-time", "30s"]);
    all.extend(arguments);
    let mut command = arenaria(&all);
    command.env("ARENARIA_ASSETS", assets.path());
    Server::start_command(command, assets)
}

fn playground() -> Server {
    start(assets(), "transform", &["--set", "ad-hoc=true", "--playground"])
}

/// Sends a head and a body without changes.
fn exchange(server: &Server, head: &str, body: &str) -> Response {
    let mut connection = Connection::open(server.address);
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
    for arguments in [&[][..], &["--playground=false"]] {
        let server = start(assets(), "hello", arguments);
        for path in ["/playground", "/playground/", "/playground/server.json"] {
            assert_eq!(get(&server, path, "").text(), "hello, world\n", "the route has {path}");
        }
    }
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
    // Every other path belongs to the route, which accepts only POST.
    assert_eq!(get(&server, "/playgrounds", "").status, 405);
    // The operator's listener has no playground.
    let asked = Connection::open(server.operator()).exchange(&Request::get("/playground/"));
    assert_eq!(asked.status, 404);
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
    // A file without compressed forms is sent as it is.
    let response = get(&server, "/playground/", "\r\naccept-encoding: br");
    response.check(200, PAGE);
    check_header(&response, "content-encoding", None);
}

#[track_caller]
fn refused(arguments: &[&str], assets: &Path) -> String {
    let file = component("hello").display().to_string();
    let mut all = vec!["serve", &file, "--listen", "127.0.0.1:0", "--workers", "1"];
    all.extend(arguments);
    let Finished { code, stderr, .. } = finished(arenaria(&all).env("ARENARIA_ASSETS", assets));
    assert_eq!(code, Some(1), "{stderr}");
    stderr
}

#[test]
fn a_playground_that_cannot_be_served_ends_the_start() {
    let assets = assets();
    let on = ["--playground", "--operator-listen", "off"];
    fs::remove_file(assets.path().join("playground/index.html")).expect("it was made above");
    let empty = refused(&on, assets.path());
    assert!(empty.contains("has no index.html; build it with `cargo xtask playground`"), "{empty}");
    fs::remove_dir_all(assets.path().join("playground")).expect("it was made above");
    let missing = refused(&on, assets.path());
    assert!(
        missing.contains("cannot find ") && missing.contains("cargo xtask playground"),
        "{missing}"
    );
}

#[test]
fn the_page_is_also_asked_for_by_a_file_or_a_variable() {
    let assets = assets();
    let file = assets.path().join("arenaria.toml");
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

#[test]
fn a_route_cannot_have_the_playgrounds_path() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("arenaria.toml");
    let hello = component("hello").display().to_string();
    for (path, playground, code) in [
        ("/playground", true, 1),
        ("/playground/page", true, 1),
        ("/playgrounds", true, 0),
        ("/playground", false, 0),
    ] {
        let route = format!("[[route]]\npath = {path:?}\ncomponent = {hello:?}\n");
        fs::write(&file, format!("playground = {playground}\n{route}"))
            .expect("the folder is ours");
        let arguments = ["serve", "--check-config", "--config"];
        let ended = finished(arenaria(&arguments).arg(&file));
        assert_eq!(ended.code, Some(code), "{path}: {ended:?}");
        let sentence = format!("path = {path:?} is the playground's");
        assert_eq!(ended.stderr.contains(&sentence), code == 1, "{ended:?}");
    }
}

#[test]
fn the_page_asks_its_own_origin() {
    let server = playground();
    let about = get(&server, "/playground/server.json", "");
    check_header(&about, "content-type", Some("application/json"));
    check_header(&about, "cache-control", Some("no-store"));
    assert_eq!(about.json(), serde_json::json!({ "routes": ["/"] }));
    let head = "POST /?program=.a HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost\r\n\
                sec-fetch-site: same-origin\r\ncontent-type: application/json";
    exchange(&server, head, r#"{"a":[1,2]}"#).check(200, "[1,2]\n");
}

#[test]
fn only_routes_that_take_programs_are_told() {
    let server = start(assets(), "transform", &["--set", "program=.a", "--playground"]);
    assert_eq!(get(&server, "/playground/server.json", "").json()["routes"], serde_json::json!([]));
}

#[test]
fn a_body_that_the_playground_does_not_read_ends_the_connection() {
    let server = playground();
    let head = "POST /playground/ HTTP/1.1\r\nhost: localhost";
    let response = exchange(&server, head, "a body");
    assert_eq!(response.status, 405);
    check_header(&response, "connection", Some("close"));
}
