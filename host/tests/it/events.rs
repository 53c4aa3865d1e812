//! The stream of events of the operator's listener, and the page that shows it.

use serde_json::Value;

use crate::client::{Connection, Request};
use crate::config::Config;
use crate::harness::{Server, until};
use crate::reloaded::{Reloaded, put, route, server_keys};

/// A stream, of which the head was read.
struct Events(Connection);

impl Events {
    #[track_caller]
    fn open(server: &Server, fields: &[(&str, &str)]) -> Self {
        let mut connection = Connection::open(server.operator());
        let request = Request::get("/events");
        let request =
            fields.iter().fold(request, |request, (key, value)| request.header(key, value));
        connection.send(request.bytes());
        let (status, headers) = connection.try_head().expect("a head").expect("a response");
        assert_eq!(status, 200, "{headers:?}");
        let field =
            |name| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(field("content-type"), Some("text/event-stream"));
        assert_eq!(field("cache-control"), Some("no-store"));
        Self(connection)
    }

    /// The text of the next event, `None` at the end of the stream.
    #[track_caller]
    fn text(&mut self) -> Option<String> {
        let chunk = self.0.chunk().expect("a chunk").expect("the stream is not cut");
        let text = String::from_utf8(chunk).expect("UTF-8");
        assert!(text.is_empty() || text.ends_with("\n\n"), "one chunk is one event: {text:?}");
        (!text.is_empty()).then_some(text)
    }

    #[track_caller]
    fn event(&mut self) -> Value {
        let text = self.text().expect("the stream goes on");
        let json = text.strip_prefix("data: ").expect("its data");
        serde_json::from_str(json).expect("JSON")
    }
}

#[test]
fn each_event_is_the_state_of_the_whole_server() {
    let server = Server::start(&Config::probe().with("slots", 2).route("/status", "probe"));
    let mut events = Events::open(&server, &[]);
    let first = events.event();
    assert_eq!(first["is-ready"], true);
    assert_eq!(first["routes"].as_array().expect("an array").len(), 2);
    server.check_alive();
    server.get("/status/404");
    server.get("/trap");
    let mut last = first.clone();
    let last = until("the requests are counted", || {
        let next = events.event();
        assert!(next["uptime"].as_f64() > last["uptime"].as_f64(), "{last} {next}");
        last = next.clone();
        (next["routes"][0]["responses"]["classes"][4] == 1).then_some(next)
    });
    let of =
        |path| last["routes"].as_array().into_iter().flatten().find(|route| route["path"] == path);
    let (root, status) = (of("/").expect("it is shown"), of("/status").expect("it is shown"));
    assert_eq!(root["responses"]["classes"], serde_json::json!([0, 1, 0, 0, 1]));
    assert_eq!(status["responses"]["classes"], serde_json::json!([0, 0, 0, 1, 0]));
    assert_eq!(root["retirements"]["trap"], 1);
    let observed = |kind: &str| {
        root[kind].as_array().into_iter().flatten().filter_map(Value::as_u64).sum::<u64>()
    };
    assert_eq!((observed("durations"), observed("queue-waits")), (2, 2));
    let bounds = last["bounds"].as_array().expect("an array").len();
    assert_eq!(root["durations"].as_array().expect("an array").len(), bounds + 1);
    assert_eq!(root["rows"].as_array().expect("an array").len(), 2);
    assert!(last["resident-memory-bytes"].as_u64() > Some(1 << 20));
    assert_eq!(last["reloads"]["refusal"], Value::Null);
}

#[test]
fn a_stream_outlives_other_connections_and_only_get_begins_one() {
    // Every other connection ends after 200 ms.
    let config = Config::probe().limit("head-time", "100ms").limit("response-time", "100ms");
    let server = Server::start(&config);
    let mut idle = Connection::open(server.operator());
    let mut events = Events::open(&server, &[]);
    assert!(idle.closed());
    for _ in 0..4 {
        events.event();
    }
    for method in ["POST", "HEAD"] {
        let request = Request::new(method, "/events");
        let response = Connection::open(server.operator()).exchange(&request);
        assert_eq!((response.status, response.header("allow")), (405, Some("GET")));
    }
}

#[test]
fn streams_leave_connections_to_probes() {
    let server = Server::start(&Config::probe().limit("operator-connections", 4));
    let mut streams: Vec<_> = (0..2).map(|_| Events::open(&server, &[])).collect();
    let get = |target| Connection::open(server.operator()).exchange(&Request::get(target));
    let refused = get("/events");
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.text().contains("half of operator-connections"), "{}", refused.text());
    get("/livez").check(200, "alive\n");
    streams.pop();
    until("the place is free again", || {
        let mut connection = Connection::open(server.operator());
        connection.send(Request::get("/events").bytes());
        let head = connection.peek_head().expect("a head");
        head.filter(|(status, _)| *status == 200)
    });
}

#[test]
fn a_stream_that_is_not_read_ends() {
    let config = Config::probe().limit("operator-connections", 2).limit("response-time", "100ms");
    // Large events fill what the system keeps.
    let server = Server::start(&config.with("slots", 250).limit("memory", "1MiB"));
    let unread = Events::open(&server, &[]);
    until("another one has its place", || {
        let mut connection = Connection::open(server.operator());
        connection.send(Request::get("/events").bytes());
        let head = connection.peek_head().expect("a head");
        head.filter(|(status, _)| *status == 200)
    });
    drop(unread);
}

#[test]
fn a_stream_ends_with_the_server() {
    let mut server = Server::start(&Config::probe().limit("guest-time", "2s"));
    let mut events = Events::open(&server, &[]);
    events.event();
    let mut looping = server.begin(&Request::get("/loop"));
    server.until_busy(1.0);
    server.signal("TERM");
    let last = until("the last event", || events.text().filter(|text| text.starts_with("event: ")));
    assert_eq!(last, "event: end\ndata: {}\n\n");
    assert_eq!(events.text(), None, "the stream is complete");
    assert_eq!(looping.response().status, 504);
    assert_eq!(server.until_exit().code(), Some(0));
}

#[test]
fn the_page_is_open_and_holds_no_data_and_its_stream_needs_the_token() {
    let [token, next] = ["a-token-of-the-operator", "the-next-token-of-the-operator"];
    let keys = format!("operator-token = \"${{file:token}}\"\n{}", server_keys());
    let reloaded = Reloaded::start_with("hello", "", |command| {
        let folder = command.get_current_dir().expect("it is set").to_owned();
        put(&folder, "token", token);
        put(&folder, "arenaria.toml", keys.clone() + &route("/a-route", ""));
    });
    for (path, kind) in
        [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")]
    {
        let response = reloaded.ask(&Request::get(path));
        assert_eq!(response.status, 200, "{path}");
        assert!(response.header("content-type").is_some_and(|found| found.starts_with(kind)));
        let policy = response.header("content-security-policy").expect("a policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
        let text = response.text();
        assert!(!text.contains("a-route"), "{path}");
    }
    for path in ["/events", "/instances", "/limits"] {
        assert_eq!(reloaded.ask(&Request::get(path)).status, 401, "{path}");
    }
    let bearer = format!("Bearer {token}");
    let mut events = Events::open(&reloaded.server, &[("authorization", &bearer)]);
    events.event();
    put(&reloaded.folder, "token", next);
    let reload = Request::new("POST", "/-/reload").header("authorization", &bearer);
    assert_eq!(reloaded.ask(&reload).status, 200);
    while let Some(text) = events.text() {
        assert!(text.starts_with("data: "), "an event that was made before: {text}");
    }
}
