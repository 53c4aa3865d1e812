//! `arenaria bridge`: the components that it writes, and the files that it refuses. Here arenaria
//! serves the bridged components; the tests in `other_hosts` serve them with other hosts.

use std::path::{Path, PathBuf};

use crate::client::Request;
use crate::config::Config;
use crate::harness::{Finished, Server, arenaria, component, finished};

const GENERATIONS: [(&str, &str); 2] =
    [("p2", "wasi:http/incoming-handler@0.2."), ("p3", "wasi:http/handler@0.3.")];
const SOURCES: [(&str, &str); 2] =
    [("environment", "wasi:cli/environment@"), ("config", "wasi:config/store@")];

/// Bridges a file.
fn bridge(file: &Path, output: &Path, more: &[&str]) -> Finished {
    let mut command = arenaria(&["bridge".as_ref(), file.as_os_str(), "-o".as_ref()]);
    finished(command.arg(output).args(more))
}

/// A folder, and a bridged component in it.
#[track_caller]
pub(crate) fn bridged(name: &str, world: &str, settings: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let output = folder.path().join("bridged.wasm");
    let ended = bridge(&component(name), &output, &["--world", world, "--settings", settings]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("bridged.wasm: component, "), "{ended:?}");
    (folder, output)
}

#[test]
fn what_comes_out_imports_nothing_of_ours_and_exports_http() {
    for (world, export) in GENERATIONS {
        for (source, import) in SOURCES {
            let (_folder, output) = bridged("hello", world, source);
            let output = output.display().to_string();
            let ended = finished(&mut arenaria(&["inspect", &output, "--memory", "32MiB"]));
            let lines = |what: &str| {
                let lines = ended.stdout.lines().filter_map(move |line| line.strip_prefix(what));
                lines.map(str::to_owned).collect::<Vec<_>>()
            };
            let (imports, exports) = (lines("imports: "), lines("exports: "));
            assert!(exports.iter().any(|name| name.starts_with(export)), "{ended:?}");
            assert!(imports.iter().any(|name| name.starts_with(import)), "{ended:?}");
            assert!(imports.iter().all(|name| name.starts_with("wasi:")), "{ended:?}");
            // Nor any import of a language's standard library.
            for unwanted in ["wasi:cli/std", "wasi:cli/exit", "wasi:filesystem", "wasi:random"] {
                assert!(!ended.stdout.contains(unwanted), "{ended:?}");
            }
        }
    }
}

#[track_caller]
fn served(file: PathBuf, folder: tempfile::TempDir, more: &[&str]) -> Server {
    let file = file.display().to_string();
    let mut arguments = vec!["serve", &file, "--listen", "127.0.0.1:0", "--memory", "32MiB"];
    arguments.extend(["--operator-listen", "off", "--workers", "1", "--slots", "1"]);
    arguments.extend(["--guest-time", "20s", "--queue-time", "30s", "--isolation", "reuse"]);
    arguments.extend(more);
    Server::start_command(arenaria(&arguments), folder)
}

/// The request as the processor saw it, and the time at which it arrived.
fn head(server: &Server) -> (String, u64) {
    let request = Request::new("PUT", "/head?a=%20b").header("Content-Type", "x/y");
    let response = server.exchange(&request.header("cookie", "c").body("abc"));
    assert_eq!(response.status, 200, "{response:?}");
    let text = response.text();
    let (given, moment) = text.split_once("received at ").expect("the probe reports it");
    (given.to_owned(), moment.trim().parse().expect("a number"))
}

#[test]
fn a_bridged_processor_is_given_what_it_would_be_given_unbridged() {
    let (plain, begun) = head(&Server::start(&Config::probe()));
    assert!(plain.contains("content-type: x/y") && !plain.contains("cookie"), "{plain}");
    for (world, _) in GENERATIONS {
        let (folder, output) = bridged("probe", world, "environment");
        let (given, moment) = head(&served(output, folder, &[]));
        assert_eq!(given, plain, "{world}");
        assert!(moment > begun, "{world}: {moment}, {begun}");
    }
}

#[test]
fn settings_come_from_the_environment_or_the_store() {
    for (world, _) in GENERATIONS {
        let (folder, output) = bridged("probe", world, "environment");
        let set = ["--grant", "environment", "--set", "ARENARIA_SET_GREETING=ahoy"];
        let greeting = served(output, folder, &set).get("/greeting").text();
        assert!(greeting.contains("ahoy"), "{world}: {greeting}");

        let (folder, output) = bridged("probe", world, "config");
        let own = "bridge-request-body=1KiB";
        let set = ["--grant", "config", "--set", "greeting=ahoy", "--set", own];
        let server = served(output, folder, &set);
        let greeting = server.get("/greeting").text();
        assert!(greeting.contains("ahoy"), "{world}: {greeting}");
        let refused = server.post("/echo", "x".repeat(1025));
        refused.check_limit(413, "body-too-large", "request-body", "1KiB");
        server.check_alive();
    }
}

/// A problem without the id of its request, which only the host's have.
fn without_instance(problem: String) -> String {
    let Some((before, rest)) = problem.split_once(",\"instance\":\"") else { return problem };
    let (_, after) = rest.split_once('"').expect("a string ends");
    format!("{before}{after}")
}

#[test]
fn a_problem_has_the_same_words_as_unbridged() {
    let with_field =
        |field: &[u8]| [b"GET /head HTTP/1.1\r\nhost: a\r\n", field, b"\r\n\r\n"].concat();
    let kind = "v".repeat(64 << 10);
    let requests = [
        Request::post("/echo", "x".repeat((1 << 20) + 1)).bytes(),
        with_field(b"content-type: \xff"),
        Request::get("/status/99").bytes(),
        Request::get("/header?name=a%20b&value=c").bytes(),
        Request::get("/header?name=a&value=%0d%0a").bytes(),
        Request::get("/header?name=content-length&value=7").bytes(),
        Request::get("/headers?count=257").bytes(),
        Request::post("/echo", "x").header("content-type", &kind).bytes(),
    ];
    let answers = |server: &Server| {
        requests.each_ref().map(|request| {
            let mut connection = server.connect();
            connection.send(request);
            let response = connection.response();
            (response.status, without_instance(response.text()))
        })
    };
    let plain = answers(&Server::start(&Config::probe().limit("request-head", "128KiB")));
    assert!(plain.iter().all(|(status, _)| *status >= 400), "{plain:?}");
    for (world, _) in GENERATIONS {
        let (folder, output) = bridged("probe", world, "environment");
        let more = ["--request-body", "2MiB", "--request-head", "128KiB"];
        assert_eq!(answers(&served(output, folder, &more)), plain, "{world}");
    }
}

#[test]
fn a_coded_body_is_refused_by_the_bridge() {
    for (world, _) in GENERATIONS {
        let (folder, output) = bridged("probe", world, "environment");
        let server = served(output, folder, &[]);
        let request = Request::post("/echo", "x").header("content-encoding", "gzip");
        let response = server.exchange(&request);
        response.check_problem(415, "unsupported-coding");
        assert_eq!(response.header("accept-encoding"), Some("identity"), "{world}");
        let identity = Request::post("/echo", "x").header("content-encoding", "identity");
        server.exchange(&identity).check(200, "x");
    }
}

#[test]
fn settings_that_are_refused_are_an_answer_every_time() {
    for (world, _) in GENERATIONS {
        let (folder, output) = bridged("probe", world, "environment");
        let set = ["--grant", "environment", "--set", "ARENARIA_SET_NO_SUCH=1"];
        let server = served(output, folder, &set);
        for _ in 0..2 {
            let problem = server.post("/echo", "x").check_problem(500, "settings");
            let detail = problem["detail"].as_str().expect("a text");
            assert!(detail.contains("no-such"), "{problem}");
        }
    }
}

#[test]
fn only_a_processor_is_bridged() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = |name: &str| folder.path().join(name);
    let output = file("out.wasm");
    let text = |name: &str, text: &str| {
        std::fs::write(file(name), wat::parse_str(text).expect("it is a text"))
            .expect("there is room");
    };
    text("module.wasm", "(module)");
    text("other.wasm", "(component (instance (export \"a:b/c@1.0.0\")))");
    std::fs::write(file("no.wasm"), "hello").expect("there is room");
    let (_other, http) = bridged("hello", "p2", "environment");
    for (input, words) in [
        (file("module.wasm"), &["core module"][..]),
        (file("other.wasm"), &["exports a:b/c@1.0.0", "arenaria:processor/processor@0.1.0"]),
        (file("no.wasm"), &["no.wasm", "expected a WebAssembly component"]),
        (file("missing.wasm"), &["missing.wasm", "check the path"]),
        (http, &["wasi:http/proxy@0.2", "as it is"]),
    ] {
        let ended = bridge(&input, &output, &[]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        for word in words {
            assert!(ended.stderr.contains(word), "no {word:?} in {ended:?}");
        }
        assert!(!output.exists(), "{ended:?}");
    }
}

#[test]
fn the_processor_is_not_written_over() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("hello.wasm");
    std::fs::copy(component("hello"), &file).expect("there is room");
    let link = folder.path().join("link.wasm");
    std::os::unix::fs::symlink(&file, &link).expect("the folder is ours");
    let ended = bridge(&file, &link, &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("a different file"), "{ended:?}");
    let unchanged = std::fs::read(&file).expect("it is there");
    assert!(unchanged == std::fs::read(component("hello")).expect("it is there"));
}

#[test]
fn a_bridge_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = component("hello");
    let mut command = arenaria(&["bridge".as_ref(), file.as_os_str(), "-o".as_ref()]);
    command.arg(folder.path().join("out.wasm")).args(["--world", "p3", "--settings", "config"]);
    let ended = finished(command.env("ARENARIA_ASSETS", folder.path()));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("bridge-p3-config.wasm"), "{ended:?}");
    assert!(ended.stderr.contains("cargo xtask guests"), "{ended:?}");
}
