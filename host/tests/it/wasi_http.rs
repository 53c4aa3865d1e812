//! Components of `wasi:http` 0.2 and 0.3, built with the usual tools. They are also used for the
//! comparisons. Faults are tested with the components in other languages.

use crate::client::Request;
use crate::config::Config;
use crate::harness::{Server, arenaria, component, finished};

const GENERATIONS: [&str; 2] = ["peer-p2", "peer-p3"];
const DOCUMENT: &str = r#"{"action":"opened","repository":{"full_name":"sand/box"}}"#;
const ANSWER: &str = r#"{"action":"opened","repo":"sand/box","sender":null,"labels":[]}"#;

#[track_caller]
fn check(server: &Server) {
    server.get("/").check(200, "hello, world\n");
    let answer = server.post("/", DOCUMENT);
    assert_eq!((answer.status, answer.text().trim_end()), (200, ANSWER));
    assert_eq!(server.post("/", "{").status, 400);
}

#[test]
fn both_generations_are_served_fresh_and_reused() {
    for name in GENERATIONS {
        for isolation in ["fresh", "reuse"] {
            let config = Config::of(name).route_key("isolation", isolation).with("slots", 2);
            let server = Server::start(&config);
            for _ in 0..20 {
                check(&server);
            }
            let metrics = server.metrics();
            for reason in ["trap", "memory", "deadline", "handle-leak", "memory-grown", "cancelled"]
            {
                assert_eq!(metrics.retired(reason), 0.0, "{name} {isolation}: {reason}");
            }
        }
    }
}

#[test]
fn one_process_serves_components_of_all_worlds() {
    let config = Config::of("hello").route("/second", "peer-p2").route("/third", "peer-p3");
    let server = Server::start(&config);
    for path in ["/", "/second", "/third"] {
        server.get(path).check(200, "hello, world\n");
    }
}

#[test]
fn a_chunked_body_that_grows_too_large_is_refused() {
    for name in GENERATIONS {
        let server = Server::start(&Config::of(name).limit("request-body", "100KiB"));
        let announced = server.post("/", "x".repeat((100 << 10) + 1));
        announced.check_limit(413, "body-too-large", "request-body", "100KiB");
        let chunks = format!("{:x}\r\n{}\r\n", 64 << 10, "x".repeat(64 << 10)).repeat(2);
        let request = Request::post("/", format!("{chunks}0\r\n\r\n"));
        let chunked = server.exchange(&request.header("transfer-encoding", "chunked"));
        chunked.check_limit(413, "body-too-large", "request-body", "100KiB");
        check(&server);
    }
}

#[test]
fn a_component_is_called_and_inspected() {
    for (name, world) in
        GENERATIONS.into_iter().zip(["wasi:http/proxy@0.2", "wasi:http/service@0.3"])
    {
        let file = component(name).display().to_string();
        let said = finished(&mut arenaria(&["inspect", &file]));
        assert!(said.stdout.contains(&format!("served: yes, as {world}")), "{said:?}");
        let called = finished(&mut arenaria(&["call", &file, "--data", DOCUMENT]));
        assert_eq!((called.code, called.stdout.trim_end()), (Some(0), ANSWER), "{called:?}");
    }
}

#[test]
fn what_hosts_a_client_names_costs_no_instance() {
    for name in GENERATIONS {
        let server = Server::start(&Config::of(name).route_key("isolation", "reuse"));
        let send = |head: &str| {
            let mut connection = server.connect();
            connection.send(head);
            connection.response()
        };
        send("GET / HTTP/1.0\r\n\r\n").check(200, "hello, world\n");
        send("GET / HTTP/1.1\r\nhost:\r\n\r\n").check_problem(400, "bad-request");
        send("GET / HTTP/1.1\r\nhost: a b\r\n\r\n").check_problem(400, "bad-request");
        send("GET / HTTP/1.1\r\nhost: \u{e4}\r\n\r\n").check_problem(400, "bad-request");
        send("GET http://a.example/ HTTP/1.1\r\nhost: b\r\n\r\n").check(200, "hello, world\n");
        assert_eq!(server.metrics().retired("trap"), 0.0);
    }
}

#[test]
fn records_need_a_processor() {
    let file = component("peer-p2").display().to_string();
    let listen = ["--listen", "127.0.0.1:0", "--operator-listen", "off", "--records"];
    let ended = finished(&mut arenaria(&[&["serve", &file], &listen[..]].concat()));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("records") && ended.stderr.contains("wasi:http"), "{ended:?}");
}
