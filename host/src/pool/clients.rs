//! How much one client may ask of a route: how often, and how much at once.
//!
//! All workers share this, so a client with several connections is one client. A route without such limits has none of
//! it.
//!
//! Clients are known by a hash with a secret key, so that nobody can choose two that have the same.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::header::{HeaderMap, HeaderName};

use crate::config::client_key::ClientKey;
use crate::config::limits::RouteLimits;

/// What is known of the client of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Client {
    /// None of a Unix socket.
    pub(crate) address: Option<IpAddr>,
    /// The digest of its certificate, if it has one.
    pub(crate) certificate: Option<[u8; 32]>,
}

/// The clients of a route.
pub(crate) struct Clients {
    key: ClientKey,
    secret: RandomState,
    rates: Option<Rates>,
    running: Option<Running>,
}

/// Why a client has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    /// `client-rate`: it may come again after this time.
    Rate(Duration),
    /// `client-requests`
    Requests,
}

/// A request of a client that may have so many at once. It counts until this is dropped.
pub(crate) struct Place {
    clients: Arc<Clients>,
    client: u64,
}

impl Clients {
    /// None if the route does not limit single clients.
    pub(crate) fn new(key: &ClientKey, limits: &RouteLimits) -> Option<Arc<Self>> {
        let rates = limits.client_rate.interval();
        let rates = rates.map(|interval| Rates::new(interval, limits.client_burst));
        let running = (limits.client_requests > 0).then(|| Running::new(limits.client_requests));
        if rates.is_none() && running.is_none() {
            return None;
        }
        let (key, secret) = (key.clone(), RandomState::new());
        Some(Arc::new(Self { key, secret, rates, running }))
    }

    /// Lets a request in, or tells why not.
    pub(crate) fn admit(
        self: &Arc<Self>,
        client: &Client,
        headers: &HeaderMap,
    ) -> Result<Option<Place>, Excess> {
        let client = self.hash(client, headers);
        let place = match &self.running {
            None => None,
            Some(running) if running.begin(client) => {
                Some(Place { clients: Arc::clone(self), client })
            }
            Some(_) => return Err(Excess::Requests),
        };
        match &self.rates {
            None => Ok(place),
            Some(rates) => rates.admit(client, || rates.begun.elapsed()).map(|()| place),
        }
    }

    /// A client that lacks what the key asks for is known by its address.
    fn hash(&self, client: &Client, headers: &HeaderMap) -> u64 {
        let known = match &self.key {
            ClientKey::Header(name) => {
                only(headers, name).map(|value| self.secret.hash_one((Kind::Header, value)))
            }
            ClientKey::Certificate => {
                let digest = client.certificate;
                digest.map(|digest| self.secret.hash_one((Kind::Certificate, digest)))
            }
            ClientKey::Address => None,
        };
        let network = || self.secret.hash_one((Kind::Address, client.address.map(network)));
        known.unwrap_or_else(network)
    }
}

/// So that no client has a name of another kind.
#[derive(Hash)]
enum Kind {
    Address,
    Certificate,
    Header,
}

/// The value of a field that occurs exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next()?;
    values.next().is_none().then_some(value.as_bytes())
}

/// What one client has of addresses: one of IPv4, and a network of 64 bits of IPv6.
fn network(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => (u128::from(address) >> 64) as u64,
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(running) = &self.clients.running {
            running.end(self.client);
        }
    }
}

/// How often each client has come (the generic cell rate algorithm).
///
/// The memory is fixed: [`SETS`] sets of [`WAYS`] clients. In a full set, a new client takes the place of the one that may
/// come again first.
struct Rates {
    begun: Instant,
    /// Nanoseconds.
    interval: u64,
    /// How much earlier than evenly spread a request may come, nanoseconds.
    tolerance: u64,
    sets: Box<[Mutex<[Arrival; WAYS]>]>,
}

const SETS: usize = 8192;
const WAYS: usize = 8;

/// A client, and when its next request is due if they were evenly spread, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Arrival {
    client: u64,
    due: u64,
}

impl Rates {
    fn new(interval: Duration, burst: usize) -> Self {
        let interval = nanoseconds(interval);
        let early = burst.saturating_sub(1) as u64;
        let sets = (0..SETS).map(|_| Mutex::default()).collect();
        Self { begun: Instant::now(), interval, tolerance: interval.saturating_mul(early), sets }
    }

    /// Counts a request, unless it comes too early.
    fn admit(&self, client: u64, now: impl FnOnce() -> Duration) -> Result<(), Excess> {
        let mut set = locked(&self.sets[client as usize % SETS]);
        // Read while no other worker counts, so that it never goes back.
        let now = nanoseconds(now());
        let known = set.iter().position(|arrival| arrival.client == client);
        let due = known.map_or(now, |index| set[index].due.max(now));
        let early = (due - now).saturating_sub(self.tolerance);
        if early > 0 {
            return Err(Excess::Rate(Duration::from_nanos(early)));
        }
        let first = || (0..WAYS).min_by_key(|index| set[*index].due).unwrap_or_default();
        let index = known.unwrap_or_else(first);
        set[index] = Arrival { client, due: due.saturating_add(self.interval) };
        Ok(())
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// How many requests of each client are in progress.
struct Running {
    most: usize,
    counts: Box<[Mutex<HashMap<u64, usize>>]>,
}

/// So that workers seldom wait for each other.
const PARTS: usize = 64;

impl Running {
    fn new(most: usize) -> Self {
        Self { most, counts: (0..PARTS).map(|_| Mutex::default()).collect() }
    }

    fn begin(&self, client: u64) -> bool {
        let mut counts = locked(&self.counts[client as usize % PARTS]);
        let count = counts.entry(client).or_default();
        let is_admitted = *count < self.most;
        *count += usize::from(is_admitted);
        is_admitted
    }

    fn end(&self, client: u64) {
        let mut counts = locked(&self.counts[client as usize % PARTS]);
        if let Some(count) = counts.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&client);
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code here panics while it holds a lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn clients(key: &str, change: impl FnOnce(&mut RouteLimits)) -> Arc<Clients> {
        let mut limits = crate::config::limits::RouteLimitSettings::default().resolve(1);
        change(&mut limits);
        Clients::new(&key.parse().unwrap(), &limits).unwrap()
    }

    fn from(address: &str) -> Client {
        Client { address: Some(address.parse().unwrap()), certificate: None }
    }

    #[test]
    fn a_burst_comes_at_once_and_then_the_rate_holds() {
        let rates = Rates::new(SECOND, 3);
        for _ in 0..3 {
            assert_eq!(rates.admit(1, || SECOND), Ok(()));
        }
        assert_eq!(rates.admit(1, || SECOND), Err(Excess::Rate(SECOND)));
        assert_eq!(rates.admit(2, || SECOND), Ok(()), "another client");
        assert_eq!(rates.admit(1, || 3 * SECOND / 2), Err(Excess::Rate(SECOND / 2)));
        assert_eq!(rates.admit(1, || 2 * SECOND), Ok(()));
        assert_eq!(rates.admit(1, || 2 * SECOND), Err(Excess::Rate(SECOND)));
        // Whoever stays away has no more than a burst afterwards.
        for _ in 0..3 {
            assert_eq!(rates.admit(1, || 1000 * SECOND), Ok(()));
        }
        assert_eq!(rates.admit(1, || 1000 * SECOND), Err(Excess::Rate(SECOND)));
    }

    #[test]
    fn in_a_full_set_the_one_that_may_come_first_is_forgotten() {
        let rates = Rates::new(SECOND, 100);
        let client = |index: usize| (1 + index * SETS) as u64;
        for index in 0..WAYS {
            // The later ones have come more often.
            for _ in 0..=index {
                assert_eq!(rates.admit(client(index), || SECOND), Ok(()));
            }
        }
        assert_eq!(rates.admit(client(WAYS), || SECOND), Ok(()));
        let set = locked(&rates.sets[1]);
        let known: Vec<_> = set.iter().map(|arrival| arrival.client).collect();
        let expected: Vec<_> = [WAYS].into_iter().chain(1..WAYS).map(client).collect();
        assert_eq!(known, expected);
    }

    #[test]
    fn a_place_is_taken_until_it_is_dropped_and_nothing_is_left() {
        let clients = clients("address", |limits| limits.client_requests = 2);
        let admit = |address| clients.admit(&from(address), &HeaderMap::new());
        let places = [admit("10.0.0.1").unwrap(), admit("10.0.0.1").unwrap()];
        assert!(matches!(admit("10.0.0.1"), Err(Excess::Requests)));
        assert!(admit("10.0.0.2").is_ok());
        drop(places);
        assert!(admit("10.0.0.1").is_ok());
        let counts = &clients.running.as_ref().unwrap().counts;
        assert!(counts.iter().all(|part| locked(part).is_empty()));
    }

    #[test]
    fn a_request_that_comes_too_early_takes_no_place() {
        let clients = clients("address", |limits| {
            limits.client_requests = 5;
            limits.client_rate = "1/h".parse().unwrap();
            limits.client_burst = 1;
        });
        let admit = || clients.admit(&from("10.0.0.1"), &HeaderMap::new());
        let _place = admit().unwrap();
        assert!((0..10).all(|_| matches!(admit(), Err(Excess::Rate(_)))));
        let counts = &clients.running.as_ref().unwrap().counts;
        let sum: usize = counts.iter().flat_map(|part| locked(part).clone().into_values()).sum();
        assert_eq!(sum, 1);
    }

    #[test]
    fn clients_are_told_apart_by_what_the_key_says() {
        let limit = |limits: &mut RouteLimits| limits.client_requests = 1;
        let by_header = clients("header:x-key", limit);
        let hash = |client: &Client, values: &[&'static str]| {
            let name = HeaderName::from_static("x-key");
            let values = values.iter().map(|value| (name.clone(), value.parse().unwrap()));
            by_header.hash(client, &values.collect())
        };
        let (one, other) = (from("10.0.0.1"), from("10.0.0.2"));
        assert_eq!(hash(&one, &["a"]), hash(&other, &["a"]));
        assert_ne!(hash(&one, &["a"]), hash(&one, &["b"]));
        // Without the field, or with several, the address tells.
        assert_ne!(hash(&one, &[]), hash(&other, &[]));
        assert_eq!(hash(&one, &[]), hash(&one, &["a", "b"]));
        let by_address = clients("address", limit);
        let hash = |address| by_address.hash(&from(address), &HeaderMap::new());
        assert_eq!(hash("2001:db8::1"), hash("2001:db8::ffff:0:1"));
        assert_ne!(hash("2001:db8::1"), hash("2001:db8:0:1::1"));
        assert_eq!(hash("10.0.0.1"), hash("::ffff:10.0.0.1"));
        let by_certificate = clients("certificate", limit);
        let certified = |byte| Client { certificate: Some([byte; 32]), ..from("10.0.0.1") };
        let hash = |client: &Client| by_certificate.hash(client, &HeaderMap::new());
        assert_eq!(hash(&certified(1)), hash(&certified(1)));
        assert_ne!(hash(&certified(1)), hash(&certified(2)));
        assert_ne!(hash(&certified(1)), hash(&from("10.0.0.1")));
    }
}
