//! Every limit of the host: its key, unit, default, and what it means.
//!
//! Each row of the table below makes a flag, an environment variable, a key of `[limits]` in the
//! configuration file, and a field of [`ServerLimits`] or of [`RouteLimits`]. A row under `route` is also a
//! key of `[route.limits]`. A route has no field for a limit of the server.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::connection_memory::{self, connections_within};
use crate::config::ranges::{check_counts, check_sizes, check_times};
use crate::config::rate::Rate;
use crate::config::units::{Size, Timeout};

macro_rules! limits {
    (
        server |$host_memory:ident, $request_head:ident| {
            $( $(#[doc = $server_doc:literal])+ $server:ident $server_key:literal $server_env:literal
                $server_type:ty = $server_default:expr; )+
        }
        route |$slots:ident, $memory:ident, $client_rate:ident| {
            $( $(#[doc = $route_doc:literal])+ $route:ident $route_key:literal $route_env:literal
                $route_type:ty = $route_default:expr; )+
        }
    ) => {
        /// Limits as they were typed: those of the server, and those of every route that does not set
        /// its own. A limit that is absent has its default.
        #[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        #[command(next_help_heading = "Limits")]
        pub struct LimitSettings {
            $( $(#[doc = $server_doc])+
            #[arg(long = $server_key, env = $server_env, value_name = stringify!($server_type),
                hide_env = true)]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub $server: Option<$server_type>, )+
            $( $(#[doc = $route_doc])+
            #[arg(long = $route_key, env = $route_env, value_name = stringify!($route_type),
                hide_env = true)]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub $route: Option<$route_type>, )+
        }

        /// Limits of one route as they were typed.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub struct RouteLimitSettings {
            $( $(#[doc = $route_doc])+
            #[serde(skip_serializing_if = "Option::is_none")]
            pub $route: Option<$route_type>, )+
        }

        /// Limits of the server as they are enforced.
        #[derive(Clone, Debug, PartialEq)]
        pub struct ServerLimits { $( $(#[doc = $server_doc])+ pub $server: $server_type, )+ }

        /// Limits of one route as they are enforced.
        #[derive(Clone, Debug, PartialEq)]
        pub struct RouteLimits { $( $(#[doc = $route_doc])+ pub $route: $route_type, )+ }

        /// The keys that only the whole server can have.
        pub(crate) const SERVER_KEYS: &[&str] = &[$( $server_key ),+];

        impl LimitSettings {
            /// Takes a limit that is absent here from `fallback`.
            #[must_use]
            pub fn or(self, fallback: &Self) -> Self {
                Self {
                    $( $server: self.$server.or(fallback.$server), )+
                    $( $route: self.$route.or(fallback.$route), )+
                }
            }

            /// Fills in the defaults of the server's limits.
            #[must_use]
            pub fn server(&self) -> ServerLimits {
                let $host_memory = self.host_memory.unwrap_or(HOST_MEMORY_DEFAULT);
                let $request_head = self.request_head.unwrap_or(REQUEST_HEAD_DEFAULT);
                ServerLimits { $( $server: self.$server.unwrap_or($server_default), )+ }
            }

            /// What holds for every route that does not set its own.
            #[must_use]
            pub fn of_routes(&self) -> RouteLimitSettings {
                RouteLimitSettings { $( $route: self.$route, )+ }
            }

            /// All limits as settings, for `--print-config`.
            #[must_use]
            pub fn all(server: &ServerLimits, route: &RouteLimits) -> Self {
                Self { $( $server: Some(server.$server), )+ $( $route: Some(route.$route), )+ }
            }
        }

        impl RouteLimitSettings {
            /// Takes a limit that is absent here from `fallback`.
            #[must_use]
            pub fn or(self, fallback: &Self) -> Self {
                Self { $( $route: self.$route.or(fallback.$route), )+ }
            }

            /// Fills in the defaults for a route with that many slots per worker.
            #[must_use]
            pub fn resolve(&self, $slots: usize) -> RouteLimits {
                let $memory = self.memory.unwrap_or(MEMORY_DEFAULT);
                let $client_rate = self.client_rate.unwrap_or(Rate::Unlimited);
                RouteLimits { $( $route: self.$route.unwrap_or($route_default), )+ }
            }
        }

        impl RouteLimits {
            /// The limits as settings, for `--print-config`.
            #[must_use]
            pub fn settings(&self) -> RouteLimitSettings {
                RouteLimitSettings { $( $route: Some(self.$route), )+ }
            }
        }
    };
}

// Other defaults of the table are derived from these.
const MEMORY_DEFAULT: Size = Size(16 << 20);
const HOST_MEMORY_DEFAULT: Size = Size(256 << 20);
const REQUEST_HEAD_DEFAULT: Size = Size(16 << 10);

const CONNECTIONS_MAX: usize = 1_000_000;

limits! {
    server |host_memory, request_head| {
        /// Maximum size of a request's head [default: 16KiB; 431]
        request_head "request-head" "ARENARIA_REQUEST_HEAD" Size = request_head;
        /// Maximum number of header fields of a request [default: 64; 431]
        request_headers "request-headers" "ARENARIA_REQUEST_HEADERS" usize = 64;
        /// Maximum time for a client to send a request's head [default: 10s; 408, closed]
        head_time "head-time" "ARENARIA_HEAD_TIME" Timeout = secs(10);
        /// How long a client may stop reading a waiting response [default: 30s; closed]
        response_time "response-time" "ARENARIA_RESPONSE_TIME" Timeout = secs(30);
        /// How long a connection may be idle between requests [default: 1m; closed]
        idle_time "idle-time" "ARENARIA_IDLE_TIME" Timeout = secs(60);
        /// Maximum number of open connections; further clients wait to be accepted [default: as many as half
        /// of host-memory has room for]
        connections "connections" "ARENARIA_CONNECTIONS" usize =
            connections_within(host_memory, request_head).clamp(1, CONNECTIONS_MAX);
        /// Maximum number of concurrent requests on an HTTP/2 connection; 0 switches HTTP/2 off [default: 100;
        /// refused]
        http2_streams "http2-streams" "ARENARIA_HTTP2_STREAMS" u32 = 100;
        /// How long a shutdown waits for running requests [default: 10s; aborted]
        drain_time "drain-time" "ARENARIA_DRAIN_TIME" Timeout = secs(10);
        /// How long a connection is read on after a response that came before the end of its request, or that ends
        /// the connection, so that the client gets the response [default: 2s; closed]
        linger_time "linger-time" "ARENARIA_LINGER_TIME" Timeout = secs(2);
        /// Maximum number of open connections to the operator's listener; further ones wait to be
        /// accepted [default: 64]
        operator_connections "operator-connections" "ARENARIA_OPERATOR_CONNECTIONS" usize = 64;
        /// Memory of the host itself; half of it holds request and response bodies [default: 256MiB; 503]
        host_memory "host-memory" "ARENARIA_HOST_MEMORY" Size = host_memory;
    }
    route |slots, memory, client_rate| {
        /// Maximum size of a request body, or of one record of a stream [default: 1MiB; 413]
        request_body "request-body" "ARENARIA_REQUEST_BODY" Size = Size(1 << 20);
        /// How many times larger a request body may become when it is decoded [default: 100; 413]
        decoding_ratio "decoding-ratio" "ARENARIA_DECODING_RATIO" u64 = 100;
        /// Maximum time for a client to send a body, or to continue a stream [default: 30s; 408]
        body_time "body-time" "ARENARIA_BODY_TIME" Timeout = secs(30);
        /// Maximum size of the header fields of a processor's response [default: 64KiB; 500]
        response_head "response-head" "ARENARIA_RESPONSE_HEAD" Size = Size(64 << 10);
        /// Maximum number of header fields of a processor's response [default: 256; 500]
        response_headers "response-headers" "ARENARIA_RESPONSE_HEADERS" usize = 256;
        /// Linear memory of an instance; a processor has all of it from its start [default: 16MiB; 507, replaced]
        memory "memory" "ARENARIA_MEMORY" Size = memory;
        /// Memory use above which a grown instance is replaced [default: 3/4 of memory]
        retire_memory "retire-memory" "ARENARIA_RETIRE_MEMORY" Size = Size(memory.0 / 4 * 3);
        /// Maximum time that a request may run in the guest [default: 1s; 504, replaced]
        guest_time "guest-time" "ARENARIA_GUEST_TIME" Timeout = secs(1);
        /// Wall-clock limit for one request, including waits (components with imports only) [default: 1m;
        /// 504 or aborted, replaced]
        request_time "request-time" "ARENARIA_REQUEST_TIME" Timeout = secs(60);
        /// Maximum time that a request may wait for a slot [default: 100ms; 503 with retry-after]
        queue_time "queue-time" "ARENARIA_QUEUE_TIME" Timeout = millis(100);
        /// Maximum number of requests that wait, per route and worker [default: 4 x slots; 503 with
        /// retry-after]
        queue_length "queue-length" "ARENARIA_QUEUE_LENGTH" usize = 4 * slots;
        /// How often a client may send a request, such as 100/s, 20/m or 5/h; 0 is any number [default: 0; 429
        /// with retry-after]
        client_rate "client-rate" "ARENARIA_CLIENT_RATE" Rate = client_rate;
        /// How many requests a client may send at once before client-rate holds [default: as many as in a
        /// second, at least 1]
        client_burst "client-burst" "ARENARIA_CLIENT_BURST" usize = client_rate.in_a_second();
        /// Maximum number of concurrent requests of a client; 0 is any number [default: 0; 429 with
        /// retry-after]
        client_requests "client-requests" "ARENARIA_CLIENT_REQUESTS" usize = 0;
        /// Number of requests after which an instance is replaced [default: 1000000]
        requests_per_instance "requests-per-instance" "ARENARIA_REQUESTS_PER_INSTANCE" u64 = 1_000_000;
        /// How long an instance that has served is idle until a new one takes its place, so that its memory goes back;
        /// 0s is for ever [default: 5m]
        idle_instance_time "idle-instance-time" "ARENARIA_IDLE_INSTANCE_TIME" Timeout = secs(300);
        /// Maximum number of outgoing requests at once, per instance; one more fails in the guest [default:
        /// 16]
        outgoing_requests "outgoing-requests" "ARENARIA_OUTGOING_REQUESTS" usize = 16;
        /// Maximum number of objects that the host holds for an instance with imports, such as bodies and
        /// header fields [default: 2048; 500, replaced]
        guest_handles "guest-handles" "ARENARIA_GUEST_HANDLES" usize = 2048;
        /// Maximum size of the header fields of a message that a component makes through wasi:http; more
        /// fails in the guest [default: 16KiB]
        guest_head "guest-head" "ARENARIA_GUEST_HEAD" Size = Size(16 << 10);
        /// Maximum number of lines per second that its components cause in the log, by output, faults and bad
        /// responses [default: 100; more are counted]
        log_lines "log-lines" "ARENARIA_LOG_LINES" u64 = 100;
        /// Maximum time for the configuration of an instance [default: 10s; does not start]
        configure_time "configure-time" "ARENARIA_CONFIGURE_TIME" Timeout = secs(10);
    }
}

fn secs(seconds: u64) -> Timeout {
    Timeout(Duration::from_secs(seconds))
}

fn millis(milliseconds: u64) -> Timeout {
    Timeout(Duration::from_millis(milliseconds))
}

/// A WebAssembly page.
pub(crate) const PAGE_BYTES: u64 = 64 << 10;

/// `OPEN_MAX` of macOS, which refuses more open files even if its hard limit is infinite.
pub(crate) const MACOS_FILES_MAX: u64 = 10_240;

/// The limits that hold for one request: those of the server and those of its route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLimits<'a> {
    pub(crate) server: &'a ServerLimits,
    pub(crate) route: &'a RouteLimits,
}

impl ServerLimits {
    /// Checks each number alone, and the connections against the memory.
    ///
    /// # Errors
    ///
    /// A sentence that names the key, the value and the remedy.
    pub fn check(&self) -> Result<(), String> {
        check_counts(&[
            ("request-headers", self.request_headers as u64, 1, 10_000),
            ("connections", self.connections as u64, 1, CONNECTIONS_MAX as u64),
            ("operator-connections", self.operator_connections as u64, 1, 10_000),
            ("http2-streams", self.http2_streams.into(), 0, 10_000),
        ])?;
        check_sizes(&[
            ("request-head", self.request_head, Size(4 << 10), Size(1 << 20)),
            ("host-memory", self.host_memory, Size(1 << 20), Size(1 << 50)),
        ])?;
        check_times(&[
            ("head-time", self.head_time),
            ("response-time", self.response_time),
            ("idle-time", self.idle_time),
        ])?;
        connection_memory::check(self.connections, self.host_memory, self.request_head)
    }
}

impl RouteLimits {
    /// What the handles of one instance can make the host hold: header fields are the largest of them.
    #[must_use]
    pub fn handles_bytes(&self) -> Size {
        Size(self.guest_handles as u64 * self.guest_head.0)
    }

    /// Checks each number alone.
    ///
    /// # Errors
    ///
    /// A sentence that names the key, the value and the remedy.
    pub fn check(&self) -> Result<(), String> {
        let memory = self.memory;
        if memory.0 < PAGE_BYTES || !memory.0.is_multiple_of(PAGE_BYTES) || memory.0 > 4 << 30 {
            return Err(format!(
                "memory = {memory}: expected a multiple of 64KiB between 64KiB and 4GiB"
            ));
        }
        check_counts(&[
            ("decoding-ratio", self.decoding_ratio, 1, 1_000_000_000),
            ("requests-per-instance", self.requests_per_instance, 1, u64::MAX),
            ("queue-length", self.queue_length as u64, 0, 1_000_000),
            ("client-burst", self.client_burst as u64, 1, 1_000_000),
            ("client-requests", self.client_requests as u64, 0, 1_000_000),
            ("outgoing-requests", self.outgoing_requests as u64, 0, 1024),
            ("response-headers", self.response_headers as u64, 0, 10_000),
            ("guest-handles", self.guest_handles as u64, 1, 65_536),
            ("log-lines", self.log_lines, 0, 1_000_000),
        ])?;
        check_sizes(&[
            ("request-body", self.request_body, Size(0), Size(1 << 30)),
            ("response-head", self.response_head, Size(0), Size(1 << 20)),
            ("guest-head", self.guest_head, Size(0), Size(1 << 20)),
        ])?;
        let idle = self.idle_instance_time;
        if !idle.0.is_zero() && idle.0 < Duration::from_secs(1) {
            return Err(format!("idle-instance-time = {idle}: expected 0s or at least 1s"));
        }
        check_times(&[
            ("body-time", self.body_time),
            ("guest-time", self.guest_time),
            ("request-time", self.request_time),
            ("configure-time", self.configure_time),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearer_wins_and_defaults_fill_the_rest() {
        let route =
            RouteLimitSettings { memory: Some(Size(1 << 20)), ..RouteLimitSettings::default() };
        let server = LimitSettings {
            memory: Some(Size(2 << 20)),
            queue_length: Some(3),
            ..LimitSettings::default()
        };
        let limits = route.or(&server.of_routes()).resolve(2);
        assert_eq!((limits.memory, limits.queue_length), (Size(1 << 20), 3));
        assert_eq!(RouteLimitSettings::default().resolve(2).queue_length, 8);
        assert_eq!(server.server(), LimitSettings::default().server());
    }

    #[test]
    fn all_settings_are_those_of_the_server_and_those_of_a_route() {
        let (server, route) = (
            LimitSettings { connections: Some(7), ..LimitSettings::default() }.server(),
            RouteLimitSettings { queue_length: Some(9), ..<_>::default() }.resolve(1),
        );
        let all = LimitSettings::all(&server, &route);
        assert_eq!((all.server(), all.of_routes().resolve(1)), (server, route));
    }

    #[track_caller]
    fn check_server(change: impl FnOnce(&mut ServerLimits), expected: &str) {
        let mut limits = LimitSettings::default().server();
        assert_eq!(limits.check(), Ok(()));
        change(&mut limits);
        assert_eq!(limits.check().unwrap_err(), expected);
    }

    #[track_caller]
    fn check_route(change: impl FnOnce(&mut RouteLimits), expected: &str) {
        let mut limits = RouteLimitSettings::default().resolve(4);
        assert_eq!(limits.check(), Ok(()));
        change(&mut limits);
        assert_eq!(limits.check().unwrap_err(), expected);
    }

    #[test]
    fn numbers_that_cannot_work_are_refused_by_name() {
        check_server(|limits| limits.connections = 0, "connections = 0: expected at least 1");
        check_server(
            |limits| limits.connections = 1_000_001,
            "connections = 1000001: expected at most 1000000",
        );
        check_server(
            |limits| limits.host_memory = Size(1),
            "host-memory = 1B: expected 1MiB to 1048576GiB",
        );
        check_server(|limits| limits.head_time = secs(0), "head-time = 0s: expected at least 1ms");
        check_route(
            |limits| limits.memory = Size(100_000),
            "memory = 100000B: expected a multiple of 64KiB between 64KiB and 4GiB",
        );
        check_route(
            |limits| limits.queue_length = 1_000_001,
            "queue-length = 1000001: expected at most 1000000",
        );
        check_route(|limits| limits.guest_time = secs(0), "guest-time = 0s: expected at least 1ms");
        check_route(
            |limits| limits.guest_time = Timeout(Duration::from_nanos(1)),
            "guest-time = 1ns: expected at least 1ms",
        );
        let long = secs(366 * 86_400);
        let sentence = format!("idle-time = {long}: expected at most 365days");
        check_server(|limits| limits.idle_time = long, &sentence);
    }
}
