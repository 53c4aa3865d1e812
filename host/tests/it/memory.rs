//! After any mix of requests every arena is empty again, and no instance was replaced because its
//! memory had grown. (The load tests have a longer version of this test.)

use std::thread;

use crate::client::Request;
use crate::config::Config;
use crate::harness::Server;

/// The same numbers on every machine (Knuth, MMIX).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % limit as u64).expect("below a usize")
    }

    /// Sizes of all orders of magnitude up to 1 MiB, half of them below 1 KiB.
    fn size(&mut self) -> usize {
        let order = self.below(21);
        self.below(1 << order) + usize::from(order == 20)
    }
}

#[test]
fn mixed_requests_leave_nothing_in_a_processor() {
    let config = Config::probe().with("slots", 2).limit("memory", "8MiB");
    let server = Server::start(&config);
    let run = |seed: u64, count: usize| {
        let mut numbers = Numbers(seed);
        let mut connection = server.connect();
        for n in 0..count {
            let body = vec![b'a' + (n % 26) as u8; numbers.size()];
            match numbers.below(8) {
                0 => assert_eq!(connection.exchange(&Request::get("/status/404")).status, 404),
                1 => {
                    let size = numbers.size();
                    let target = format!("/respond?bytes={size}");
                    connection.exchange(&Request::get(&target)).check(200, vec![b'x'; size]);
                }
                2 => {
                    let answer = connection.exchange(&Request::get("/status/99"));
                    answer.check_problem(500, "bad-response");
                }
                3 => {
                    assert_eq!(connection.exchange(&Request::get("/phases?bytes=1000")).status, 200)
                }
                4 => assert_eq!(connection.exchange(&Request::get("/nothing-here")).status, 404),
                _ => connection.exchange(&Request::post("/echo", body.clone())).check(200, body),
            }
        }
    };
    run(1, 200);
    let early = server.resident_bytes();
    thread::scope(|scope| {
        for seed in 2..5 {
            scope.spawn(move || run(seed, 1000));
        }
    });
    let settled = server.until_settled();
    assert_eq!(settled.sum("arenaria_retirements_total", &[]), 0.0, "{settled:?}");
    assert_eq!(settled.sum("arenaria_arena_sealed_bytes", &[]), 0.0);
    assert_eq!(settled.sum("arenaria_requests_total", &[]), 3200.0);
    assert!(settled.sum("arenaria_arena_resets_total", &[]) >= 3200.0);
    let late = server.resident_bytes();
    assert!(late < early + (32 << 20), "grew from {early} to {late} bytes");
}

#[test]
fn mixed_documents_leave_nothing_in_the_flagship() {
    let server = Server::start(&Config::ad_hoc().with("slots", 2));
    let run = |seed: u64| {
        let mut numbers = Numbers(seed);
        let mut connection = server.connect();
        for _ in 0..300 {
            let size = numbers.size() / 2;
            let (program, document, status) = match numbers.below(7) {
                0 => (".", "{broken".repeat(1 + size / 7), 400),
                1 => (".a.b.c", "[]".into(), 422),
                2 => ("empty", "1".into(), 204),
                3 => (".[", "1".into(), 400),
                4 => ("[.[]|tostring]", format!("[{}0]", "12,".repeat(size / 30)), 200),
                5 => (".[].k", format!("[{}{{}}]", "{\"k\":\"v\"},".repeat(size / 1000)), 200),
                _ => ("length", format!("\"{}\"", "s".repeat(size)), 200),
            };
            let request = Request::post(&format!("/?program={program}"), document);
            let response = connection.exchange(&request);
            assert_eq!(response.status, status, "{program}: {response:?}");
        }
    };
    thread::scope(|scope| {
        for seed in 1..4 {
            scope.spawn(move || run(seed));
        }
    });
    let settled = server.until_settled();
    assert_eq!(settled.sum("arenaria_retirements_total", &[]), 0.0, "{settled:?}");
}
