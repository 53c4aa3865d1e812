//! Concurrent requests in one instance. By default, `wasmtime serve` sends up to 16 requests at a
//! time to an instance of a 0.3 component, and 128 in total.

use crate::client::Request;
use crate::client::{Connection, chunked};
use crate::payloads::target;
use crate::wasmtime::{AD_HOC, serve};

/// As many requests as four instances serve at once.
const AT_ONCE: usize = 64;

/// More requests in total than these four instances serve before they are replaced.
const ROUNDS: usize = 10;

/// A request with its own program and document, and the expected response.
fn exchange(round: usize, index: usize) -> (Vec<u8>, Vec<u8>, String) {
    let number = round * AT_ONCE + index;
    // A few programs that are used again, and one that is not.
    let program = if index.is_multiple_of(7) {
        format!("{{n,sum:([.parts[]]|add),only:{number}}}")
    } else {
        format!("{{n,sum:([.parts[]]|add),kind:{}}}", index % 7)
    };
    // From a few bytes to some ten thousand.
    let parts: Vec<_> = (0..=number * 13 % 4000).collect();
    let sum: usize = parts.iter().sum();
    let parts = parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let document = format!("{{\"n\":{number},\"parts\":[{parts}]}}");
    let head = Request::new("POST", &target(&program)).header("transfer-encoding", "chunked");
    let last = if index.is_multiple_of(7) {
        format!("\"only\":{number}")
    } else {
        format!("\"kind\":{}", index % 7)
    };
    let expected = format!("{{\"n\":{number},\"sum\":{sum},{last}}}\n");
    (head.bytes(), chunked(document.as_bytes(), 100), expected)
}

#[test]
fn slow_bodies_that_overtake_each_other_get_their_own_answers() {
    let host = serve("p3", "environment", &AD_HOC);
    for round in 0..ROUNDS {
        let mut open: Vec<_> = (0..AT_ONCE)
            .map(|index| {
                let (head, body, expected) = exchange(round, index);
                let mut connection = Connection::open(host.address);
                connection.send(head);
                (connection, body, expected)
            })
            .collect();
        // Send a third of each body at a time, interleaved with all others, in another order each
        // time.
        for third in 0..3 {
            for step in 0..AT_ONCE {
                let (connection, body, _) = &mut open[step * [1, 29, 43][third] % AT_ONCE];
                let bounds = (body.len() * third / 3, body.len() * (third + 1) / 3);
                connection.send(&body[bounds.0..bounds.1]);
            }
            if third < 2 {
                for (connection, _, _) in &mut open {
                    assert!(
                        connection.silent(),
                        "the response arrived before the request was complete"
                    );
                }
            }
        }
        for (connection, _, expected) in &mut open {
            connection.response().check(200, expected.as_bytes());
        }
    }
}
