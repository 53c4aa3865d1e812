//! Secrets in the configuration: only the component and the operator's listener learn them.

use std::path::Path;

use crate::client::{Connection, Request, Response};
use crate::harness::{Server, arenaria, finished, until};
use crate::reloaded::{Reloaded, put, route, server_keys};

/// What a file and a variable hold.
const OF_FILE: &str = "of-a-file-55aa0417";
const OF_VARIABLE: &str = "of-a-variable-92b1c3d8";

/// A route with a setting that is made of the file `secret.txt` and the variable `A_SECRET`.
fn secret_route(isolation: &str) -> String {
    let greeting = "settings.greeting = \"${file:secret.txt} ${env:A_SECRET}\"";
    route("/", &format!("isolation = \"{isolation}\"\n{greeting}"))
}

/// A server with these routes to the probe, with the secrets and a cache of its own.
#[track_caller]
fn start(routes: &str) -> Reloaded {
    Reloaded::start_with("probe", routes, |command| {
        let folder = command.get_current_dir().expect("it is set").to_owned();
        put(&folder, "secret.txt", format!("{OF_FILE}\n"));
        command.env("A_SECRET", OF_VARIABLE).env("ARENARIA_LOG", "debug");
        command.env("ARENARIA_CACHE", folder.join("cache"));
    })
}

/// Whether a file of the cache, which is compressed, has this text.
fn is_cached(folder: &Path, text: &str) -> bool {
    let mut files = Vec::new();
    let mut folders = vec![folder.join("cache")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the cache exists") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert!(!files.is_empty(), "nothing was compiled");
    let has = |bytes: &[u8]| memchr::memmem::find(bytes, text.as_bytes()).is_some();
    files.into_iter().any(|file| {
        let bytes = std::fs::read(file).expect("it can be read");
        has(&bytes) || zstd::decode_all(&bytes[..]).is_ok_and(|bytes| has(&bytes))
    })
}

#[test]
fn a_secret_reaches_its_component_and_nothing_else() {
    for isolation in ["reuse", "fresh"] {
        let reloaded = start(&secret_route(isolation));
        let whole = format!("{OF_FILE} {OF_VARIABLE}\n");
        reloaded.server.get("/greeting").check(200, whole);
        // Read again at each reload.
        put(&reloaded.folder, "secret.txt", "another-of-a-file-31c9\r\n");
        reloaded.check_reloaded([&[], &["/"], &[]]);
        let whole = format!("another-of-a-file-31c9 {OF_VARIABLE}\n");
        reloaded.server.get("/greeting").check(200, whole);
        reloaded.check_reloaded([&[], &[], &[]]);
        reloaded.put_routes(&(secret_route(isolation) + "settings.other = \"${env:A_SECRET}\"\n"));
        let refused = reloaded.check_refused(422, "not-reloaded");
        assert!(refused.contains("cannot start"), "{refused}");
        let metrics = reloaded.ask(&Request::get("/metrics")).text();
        let print = ["serve", "--config", "arenaria.toml", "--print-config"];
        let mut print = arenaria(&print);
        let printed = finished(print.current_dir(&reloaded.folder).env("A_SECRET", OF_VARIABLE));
        let reference = "greeting = \"${file:secret.txt} ${env:A_SECRET}\"";
        assert!(printed.stdout.contains(reference), "{printed:?}");
        until("the log has the last reload", || {
            reloaded.server.log().contains(&refused).then_some(())
        });
        for secret in [OF_FILE, OF_VARIABLE, "another-of-a-file-31c9"] {
            for shown in [&refused, &metrics, &printed.stdout, &printed.stderr] {
                assert!(!shown.contains(secret), "{isolation}: {secret} in {shown}");
            }
            assert!(!reloaded.server.log().contains(secret), "{isolation}: {secret} in the log");
            assert!(!is_cached(&reloaded.folder, secret), "{isolation}: {secret} in the cache");
        }
    }
}

#[test]
fn the_cache_has_settings_that_are_no_secret() {
    let plain = route("/", "isolation = \"fresh\"\nsettings.greeting = \"plain-77cc09e1\"");
    let reloaded = start(&plain);
    reloaded.server.get("/greeting").check(200, "plain-77cc09e1\n");
    assert!(is_cached(&reloaded.folder, "plain-77cc09e1"), "the other test could not fail");
}

#[test]
fn a_secret_that_cannot_be_read_is_refused_by_name() {
    let reloaded = start(&secret_route("reuse"));
    for (text, part) in [
        ("${file:gone.txt}", "cannot read the secret gone.txt: No such file"),
        ("${env:NEVER_SET}", "the environment variable NEVER_SET, which is not set"),
        ("${vault:a}", "expected ${file:PATH} or ${env:NAME}, got ${vault:a}"),
        ("${env:A_SECRET", "expected } after ${, got the end"),
    ] {
        let routes = route("/", &format!("settings.greeting = \"{text}\""));
        reloaded.put_routes(&routes);
        let refused = reloaded.check_refused(422, "not-reloaded");
        let place = "route \"/\": setting greeting: ";
        assert!(refused.starts_with(place) && refused.contains(part), "{refused}");
        let mut check = arenaria(&["serve", "--check-config"]);
        let checked = finished(check.current_dir(&reloaded.folder));
        assert_eq!(checked.code, Some(1), "{checked:?}");
        assert!(checked.stderr.contains(&refused), "{checked:?}");
    }
    let escaped = route("/", "settings.greeting = \"$${env:A_SECRET}\"");
    reloaded.put_routes(&escaped);
    reloaded.check_reloaded([&[], &["/"], &[]]);
    reloaded.server.get("/greeting").check(200, "${env:A_SECRET}\n");
}

#[test]
fn a_setting_of_the_command_line_can_be_a_secret_and_a_jq_program_is_none() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let probe = crate::harness::component("probe");
    let listeners = ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"];
    let mut command = arenaria(&["serve"]);
    command.arg(probe).args(["--set", "greeting=${env:A_SECRET}"]).args(listeners);
    let server = Server::start_command(
        {
            command.env("A_SECRET", OF_VARIABLE);
            command
        },
        folder,
    );
    server.get("/greeting").check(200, format!("{OF_VARIABLE}\n"));
    let print = ["serve", "--jq", "\"${env:A}\"", "--print-config"];
    let printed = finished(&mut arenaria(&print));
    assert!(printed.stdout.contains("$${env:A}"), "{printed:?}");
}

const TOKEN: &str = "3f9c-first-token-07b2";
const NEXT_TOKEN: &str = "a81e-next-token-55d0";

#[track_caller]
fn ask(server: &Server, method: &str, path: &str, headers: &str) -> Response {
    let mut connection = Connection::open(server.operator());
    let head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n");
    connection.send(format!("{head}{headers}\r\n"));
    connection.response()
}

#[test]
fn requests_without_the_token_are_refused_except_those_of_probes() {
    let toml = "operator-token = \"${file:token.txt}\"\n".to_owned() + &server_keys();
    let reloaded = Reloaded::start_with("hello", "", |command| {
        let folder = command.get_current_dir().expect("it is set").to_owned();
        put(&folder, "token.txt", format!("{TOKEN}\n"));
        put(&folder, "arenaria.toml", toml.clone() + &route("/", ""));
    });
    let server = &reloaded.server;
    let good = format!("authorization: Bearer {TOKEN}\r\n");
    for headers in [
        String::new(),
        "authorization: Bearer\r\n".to_owned(),
        format!("authorization: {TOKEN}\r\n"),
        format!("authorization: Basic {TOKEN}\r\n"),
        format!("authorization: Bearer  {TOKEN}\r\n"),
        format!("authorization: Bearer {TOKEN}x\r\n"),
        format!("authorization: Bearer {}\r\n", &TOKEN[1..]),
        format!("authorization: Bearer {NEXT_TOKEN}\r\n"),
        good.repeat(2),
    ] {
        for (method, path) in
            [("GET", "/metrics"), ("POST", "/-/reload"), ("GET", "/other"), ("POST", "/metrics")]
        {
            let response = ask(server, method, path, &headers);
            assert_eq!(response.status, 401, "{method} {path} {headers}");
            assert_eq!(response.header("www-authenticate"), Some("Bearer"));
        }
        for path in ["/livez", "/readyz"] {
            assert_eq!(ask(server, "GET", path, &headers).status, 200, "{path}");
        }
    }
    let other_site = good.clone() + "origin: http://evil.example\r\n";
    assert_eq!(ask(server, "POST", "/-/reload", &other_site).status, 403);
    let metrics = ask(server, "GET", "/metrics", &good.replace("Bearer", "bearer"));
    assert_eq!(metrics.status, 200);
    assert!(
        metrics.text().contains("arenaria_reloads_total{result=\"ok\"} 0"),
        "none was asked for"
    );
    // A token that could be guessed is refused, and not shown.
    put(&reloaded.folder, "token.txt", "too-short-15\n");
    let refused = ask(server, "POST", "/-/reload", &good).check_problem(422, "not-reloaded");
    let refused = refused["detail"].as_str().expect("checked").to_owned();
    assert!(refused.ends_with("got 12 bytes") && !refused.contains("short"), "{refused}");
    // The next one holds from the reload on.
    put(&reloaded.folder, "token.txt", NEXT_TOKEN);
    let next = format!("authorization: Bearer {NEXT_TOKEN}\r\n");
    assert_eq!(ask(server, "GET", "/metrics", &next).status, 401);
    let changed = ask(server, "POST", "/-/reload", &good);
    assert_eq!(changed.json()["operator-token"], true, "{}", changed.text());
    assert_eq!(ask(server, "GET", "/metrics", &good).status, 401);
    let metrics = ask(server, "GET", "/metrics", &next);
    assert_eq!(metrics.status, 200);
    for secret in [TOKEN, NEXT_TOKEN] {
        assert!(!metrics.text().contains(secret) && !server.log().contains(secret), "{secret}");
    }
}

#[test]
fn a_token_is_not_printed() {
    let print = ["serve", "any.wasm", "--print-config"];
    let printed = finished(arenaria(&print).env("ARENARIA_OPERATOR_TOKEN", TOKEN));
    assert!(printed.stdout.contains("operator-token = \"(hidden)\"\n"), "{printed:?}");
    let mut command = arenaria(&print);
    command.args(["--operator-token", "${env:A_SECRET}"]).env("A_SECRET", TOKEN);
    let printed = finished(&mut command);
    assert!(printed.stdout.contains("operator-token = \"${env:A_SECRET}\"\n"), "{printed:?}");
    assert!(!printed.stdout.contains(TOKEN));
    let printed = finished(arenaria(&print).env("ARENARIA_OPERATOR_TOKEN", "(hidden)"));
    assert_eq!(printed.code, Some(1), "{printed:?}");
    assert!(printed.stderr.contains("got 8 bytes"), "{printed:?}");
    // Not even one that is a number.
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    put(folder.path(), "arenaria.toml", "operator-token = 1234567890123456\n");
    let printed = finished(arenaria(&["serve", "--print-config"]).current_dir(folder.path()));
    assert!(
        printed.stderr.contains("line 1") && printed.stderr.contains("in quotes"),
        "{printed:?}"
    );
    assert!(!printed.stderr.contains("123456"), "{printed:?}");
}
