//! Requests in a steady stream, each of which must succeed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::client::{Connection, Request};
use crate::harness::until;

/// How many clients there are.
const CLIENTS: usize = 3;
/// How long a client rests between two requests, so that builds get on beside it.
const REST: Duration = Duration::from_millis(1);
/// How many requests one connection carries, so that there are new connections all the time.
const REQUESTS_PER_CONNECTION: usize = 20;

/// Clients that send one request after the other. Each must get a whole response with a status of 2xx.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

struct Shared {
    stop: AtomicBool,
    answered: AtomicU64,
}

impl Load {
    /// Starts to send requests.
    pub(crate) fn start(address: SocketAddr, request: &Request) -> Self {
        let shared = Arc::new(Shared { stop: AtomicBool::new(false), answered: AtomicU64::new(0) });
        let client = || {
            let (shared, request) = (Arc::clone(&shared), request.clone());
            std::thread::spawn(move || shared.send(address, &request))
        };
        let clients = (0..CLIENTS).map(|_| client()).collect();
        let load = Self { shared, clients };
        load.until_more(1);
        load
    }

    /// Waits until so many more requests are answered.
    #[track_caller]
    pub(crate) fn until_more(&self, count: u64) {
        let goal = self.shared.answered.load(Relaxed) + count;
        until("requests are answered", || {
            let is_over = self.clients.iter().any(JoinHandle::is_finished);
            assert!(!is_over, "a request failed, see above");
            (self.shared.answered.load(Relaxed) >= goal).then_some(())
        });
    }

    /// Stops. The number of requests, which all have succeeded.
    #[track_caller]
    pub(crate) fn end(self) -> u64 {
        self.shared.stop.store(true, Relaxed);
        for client in self.clients {
            client.join().expect("a request failed, see above");
        }
        self.shared.answered.load(Relaxed)
    }
}

impl Shared {
    fn send(&self, address: SocketAddr, request: &Request) {
        while !self.stop.load(Relaxed) {
            let mut connection = Connection::open(address);
            for _ in 0..REQUESTS_PER_CONNECTION {
                let response = connection.exchange(request);
                assert!(matches!(response.status, 200..=299) && response.complete, "{response:?}");
                self.answered.fetch_add(1, Relaxed);
                std::thread::sleep(REST);
            }
        }
    }
}
