//! The requests, and arenaria's responses, which every other host must also give.

use std::sync::OnceLock;

use crate::client::{Connection, Request, Response, chunked};
use crate::config::Config;
use crate::harness::Server;
use crate::host::Host;
use crate::payloads::{PROGRAMS, ad_hoc, payloads, target};

/// The default of the limit.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The bytes of a request.
struct Asked {
    name: String,
    bytes: Vec<u8>,
}

/// All requests with the responses of arenaria, which are recorded once for all tests.
fn exchanges() -> &'static [(Asked, Response)] {
    static EXCHANGES: OnceLock<Vec<(Asked, Response)>> = OnceLock::new();
    EXCHANGES.get_or_init(|| {
        let server = Server::start(&Config::ad_hoc());
        let answered = |asked: Asked| {
            let mut connection = server.connect();
            connection.send(&asked.bytes);
            let response = connection.response();
            (asked, response)
        };
        requests().into_iter().map(answered).collect()
    })
}

/// Asserts that a host gives the same responses as arenaria. It serves the flagship with `ad-hoc`
/// set.
#[track_caller]
pub(crate) fn check(host: &Host) {
    let exchanges = exchanges();
    let statuses: std::collections::BTreeSet<_> =
        exchanges.iter().map(|(_, response)| response.status).collect();
    assert!(statuses.is_superset(&[200, 204, 400, 413, 422].into()), "{statuses:?}");
    for (asked, expected) in exchanges {
        let mut connection = Connection::open(host.address);
        connection.send(&asked.bytes);
        let response = connection.response();
        let name = &asked.name;
        assert!(response.complete, "{name}: cut: {response:?}");
        let shown =
            |body: &[u8]| String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
        assert!(
            response.status == expected.status && response.body == expected.body,
            "{name}: expected {} {:?}, got {} {:?}",
            expected.status,
            shown(&expected.body),
            response.status,
            shown(&response.body)
        );
        let kind = "content-type";
        assert_eq!(response.header(kind), expected.header(kind), "{name}");
    }
}

fn requests() -> Vec<Asked> {
    let mut requests = real();
    assert!(!requests.is_empty());
    requests.extend(by_hand());
    requests.extend(framed());
    requests
}

/// Real payloads if there are any, otherwise one written by hand, with ten programs each.
fn real() -> Vec<Asked> {
    let files = payloads();
    let mut documents: Vec<_> = files
        .iter()
        .map(|path| (path.display().to_string(), std::fs::read(path).expect("it can be read")))
        .collect();
    if documents.is_empty() {
        let document = r#"{"action":"opened","sender":{"login":"ada","id":1,"site_admin":false},
            "repository":{"name":"sand","private":false,"full_name":"ada/sand",
            "owner":{"login":"ada","id":1,"html_url":"https://api.example.org/ada"}}}"#;
        #[expect(clippy::print_stderr, reason = "the test says what it leaves out")]
        {
            eprintln!("no real payloads here: one by hand instead");
        }
        documents.push(("by hand".to_owned(), document.into()));
    }
    let all = documents.iter().flat_map(|(name, document)| {
        PROGRAMS.iter().map(move |program| asked(format!("{program} on {name}"), program, document))
    });
    all.collect()
}

fn asked(name: String, program: &str, document: &[u8]) -> Asked {
    let request = ad_hoc(program, document).header("content-type", "application/json");
    Asked { name, bytes: request.bytes() }
}

/// Valid and invalid programs and documents.
fn by_hand() -> Vec<Asked> {
    let rows: [(&str, &[u8]); 15] = [
        (".[]", b"[1,{\"a\":\"b\"},null,\"\xc3\xa9\"]"),
        ("empty", b"1"),
        ("range(30000)", b"null"),
        ("[range(100000)]", b"null"),
        ("\"\\(.)\" * 200000", b"1"),
        (".", b""),
        (".", b"{"),
        (".", b"{\"a\":1} x"),
        (".", b"\"\xff\""),
        (".", b"[1,2,]"),
        (".a |", b"1"),
        ("nosuch", b"1"),
        ("", b"1"),
        (".a.b", b"{\"a\":1}"),
        ("error(\"no\")", b"1"),
    ];
    let mut requests: Vec<_> = rows
        .iter()
        .map(|(program, document)| {
            asked(
                format!("{program:?} on {}", String::from_utf8_lossy(document)),
                program,
                document,
            )
        })
        .collect();
    for request in [
        Request::get("/"),
        Request::get(&target(".")),
        Request::post("/", "{}"),
        Request::post("/?program=%zz", "{}"),
        Request::new("PUT", &target(".")).body("{}"),
        Request::new("DELETE", &target(".")),
        Request::new("PROPFIND", &target(".")).body("{}"),
        ad_hoc(".", "{}").header("content-type", "text/plain"),
        ad_hoc(".", "{}").header("accept", "text/html"),
        ad_hoc(".[]", "[1]").header("content-type", "application/x-ndjson"),
    ] {
        let bytes = request.bytes();
        requests.push(Asked { name: String::from_utf8_lossy(&bytes).into_owned(), bytes });
    }
    requests
}

/// Bodies in chunks, and bodies at their limit.
fn framed() -> Vec<Asked> {
    let in_chunks = |name: &str, program: &str, document: &[u8], size: usize| {
        let head = Request::new("POST", &target(program)).header("transfer-encoding", "chunked");
        let bytes = [head.bytes(), chunked(document, size)].concat();
        Asked { name: format!("{name}, in chunks of {size}"), bytes }
    };
    let text = |bytes: usize| {
        let mut text = vec![b'x'; bytes];
        (text[0], text[bytes - 1]) = (b'"', b'"');
        text
    };
    let declared = Request::new("POST", &target("."))
        .header("content-length", &(BODY_BYTES_MAX + 1).to_string());
    vec![
        in_chunks("small", "{b:.a}", b"{\"a\":[1,2,3]}", 3),
        in_chunks("none", ".", b"", 1),
        in_chunks("at the limit", "length", &text(BODY_BYTES_MAX), 5000),
        in_chunks("past the limit", "length", &text(BODY_BYTES_MAX + 1), 1 << 16),
        asked("at the limit".to_owned(), "length", &text(BODY_BYTES_MAX)),
        // Refused before it is sent.
        Asked { name: "past the limit, announced".to_owned(), bytes: declared.bytes() },
    ]
}
