//! Every limit of the host: its key, unit, default, and what it means.
//!
//! Each row of the table below makes a flag, an environment variable, a key of the configuration file
//! and a field of [`Limits`], which is passed to the rest of the host. Rows with the scope `route` may
//! also stand in `[route.limits]`.

use serde::{Deserialize, Serialize};

use crate::config::units::{Size, Span};

macro_rules! limits {
    (|$slots:ident, $memory:ident| $( $(#[doc = $doc:literal])+ $field:ident $key:literal $env:literal
        $type:ty = $default:expr, $scope:ident; )+) => {
        /// Limits as they were typed. A limit that is absent has its default.
        #[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        #[command(next_help_heading = "Limits")]
        pub struct LimitSettings {
            $( $(#[doc = $doc])+
            #[arg(long = $key, env = $env, value_name = stringify!($type), hide_env = true)]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub $field: Option<$type>, )+
        }

        /// Limits as they are enforced.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Limits { $( $(#[doc = $doc])+ pub $field: $type, )+ }

        impl LimitSettings {
            /// Takes a limit that is absent here from `fallback`.
            #[must_use]
            pub fn or(self, fallback: &Self) -> Self {
                Self { $( $field: self.$field.or(fallback.$field), )+ }
            }

            /// Fills in the defaults for a route with that many slots per worker.
            #[must_use]
            pub fn resolve(&self, $slots: usize) -> Limits {
                let $memory = self.memory.unwrap_or(MEMORY_DEFAULT);
                Limits { $( $field: self.$field.unwrap_or($default), )+ }
            }

            /// Only the limits that a route can have.
            pub(crate) fn without_the_servers(self) -> Self {
                Self { $( $field: limits!(@route $scope self.$field), )+ }
            }

            /// The first key that only the whole server can have.
            pub(crate) fn first_of_the_server(&self) -> Option<&'static str> {
                $( limits!(@first $scope self.$field, $key); )+
                None
            }
        }

        impl Limits {
            /// The limits as settings, for `--print-config`.
            #[must_use]
            pub fn settings(&self) -> LimitSettings {
                LimitSettings { $( $field: Some(self.$field), )+ }
            }
        }
    };
    (@first server $set:expr, $key:literal) => { if $set.is_some() { return Some($key); } };
    (@first route $set:expr, $key:literal) => {};
    (@route server $set:expr) => { None };
    (@route route $set:expr) => { $set };
}

/// Other defaults of the table are derived from it.
const MEMORY_DEFAULT: Size = Size(16 << 20);

limits! { |slots, memory|
    /// Maximum size of a request body, or of one record of a stream [default: 1MiB; 413]
    request_body "request-body" "ARENARIA_REQUEST_BODY" Size = Size(1 << 20), route;
    /// Maximum size of a request's head [default: 16KiB; 431]
    request_head "request-head" "ARENARIA_REQUEST_HEAD" Size = Size(16 << 10), server;
    /// Maximum number of header fields of a request [default: 64; 431]
    request_headers "request-headers" "ARENARIA_REQUEST_HEADERS" usize = 64, server;
    /// Maximum time for a client to send a request's head [default: 10s; 408, closed]
    head_time "head-time" "ARENARIA_HEAD_TIME" Span = secs(10), server;
    /// Maximum time for a client to send a body, or to continue a stream [default: 30s; 408]
    body_time "body-time" "ARENARIA_BODY_TIME" Span = secs(30), route;
    /// How long a client may stop reading a waiting response [default: 30s; closed]
    response_time "response-time" "ARENARIA_RESPONSE_TIME" Span = secs(30), server;
    /// How long a connection may be idle between requests [default: 1m; closed]
    idle_time "idle-time" "ARENARIA_IDLE_TIME" Span = secs(60), server;
    /// Linear memory of an instance, allocated at its start [default: 16MiB; 507, replaced]
    memory "memory" "ARENARIA_MEMORY" Size = memory, route;
    /// Memory use above which a grown instance is replaced [default: 3/4 of memory]
    retire_memory "retire-memory" "ARENARIA_RETIRE_MEMORY" Size = Size(memory.0 / 4 * 3), route;
    /// Maximum time that a request may run in the guest [default: 1s; 504, replaced]
    guest_time "guest-time" "ARENARIA_GUEST_TIME" Span = secs(1), route;
    /// Wall-clock limit for one request, including waits (components with imports only) [default: 1m;
    /// 504 or aborted, replaced]
    request_time "request-time" "ARENARIA_REQUEST_TIME" Span = secs(60), route;
    /// Maximum time that a request may wait for a slot [default: 100ms; 503 with retry-after]
    queue_time "queue-time" "ARENARIA_QUEUE_TIME" Span = millis(100), route;
    /// Maximum number of requests that wait, per route and worker [default: 4 x slots; 503 with
    /// retry-after]
    queue_length "queue-length" "ARENARIA_QUEUE_LENGTH" usize = 4 * slots, route;
    /// Maximum number of open connections; further clients wait to be accepted [default: 10000]
    connections "connections" "ARENARIA_CONNECTIONS" usize = 10_000, server;
    /// Number of requests after which an instance is replaced [default: 1000000]
    requests_per_instance "requests-per-instance" "ARENARIA_REQUESTS_PER_INSTANCE" u64 = 1_000_000, route;
    /// Maximum number of outgoing requests at once, per instance; one more fails in the guest [default:
    /// 16]
    outgoing_requests "outgoing-requests" "ARENARIA_OUTGOING_REQUESTS" usize = 16, route;
    /// Maximum time for the configuration of an instance [default: 10s; does not start]
    configure_time "configure-time" "ARENARIA_CONFIGURE_TIME" Span = secs(10), route;
    /// How long a shutdown waits for running requests [default: 10s; aborted]
    drain_time "drain-time" "ARENARIA_DRAIN_TIME" Span = secs(10), server;
    /// Memory of the host itself; half of it holds request and response bodies [default: 256MiB; 503]
    host_memory "host-memory" "ARENARIA_HOST_MEMORY" Size = Size(256 << 20), server;
}

fn secs(seconds: u64) -> Span {
    Span(std::time::Duration::from_secs(seconds))
}

fn millis(milliseconds: u64) -> Span {
    Span(std::time::Duration::from_millis(milliseconds))
}

/// A WebAssembly page.
pub(crate) const PAGE_BYTES: u64 = 64 << 10;

impl Limits {
    /// Checks what one number alone can have wrong with it.
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
        let counts = [
            ("request-headers", self.request_headers as u64),
            ("connections", self.connections as u64),
            ("requests-per-instance", self.requests_per_instance),
        ];
        if let Some((key, _)) = counts.iter().find(|(_, value)| *value == 0) {
            return Err(format!("{key} = 0: expected at least 1"));
        }
        let most = [
            ("request-headers", self.request_headers as u64, 10_000),
            ("connections", self.connections as u64, 1_000_000),
            ("queue-length", self.queue_length as u64, 1_000_000),
            ("outgoing-requests", self.outgoing_requests as u64, 1024),
        ];
        if let Some((key, value, most)) = most.iter().find(|(_, value, most)| value > most) {
            return Err(format!("{key} = {value}: expected at most {most}"));
        }
        let sizes = [
            ("request-head", self.request_head, Size(4 << 10), Size(1 << 20)),
            ("request-body", self.request_body, Size(0), Size(1 << 30)),
            ("host-memory", self.host_memory, Size(1 << 20), Size(1 << 50)),
        ];
        let outside = sizes.iter().find(|(_, value, least, most)| value < least || value > most);
        if let Some((key, value, least, most)) = outside {
            return Err(format!("{key} = {value}: expected {least} to {most}"));
        }
        let times = [
            ("head-time", self.head_time),
            ("body-time", self.body_time),
            ("response-time", self.response_time),
            ("idle-time", self.idle_time),
            ("guest-time", self.guest_time),
            ("request-time", self.request_time),
            ("configure-time", self.configure_time),
        ];
        match times.iter().find(|(_, span)| span.0.is_zero()) {
            Some((key, _)) => Err(format!("{key} = 0s: expected at least 1ms")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearer_wins_and_defaults_fill_the_rest() {
        let route = LimitSettings { memory: Some(Size(1 << 20)), ..LimitSettings::default() };
        let server = LimitSettings {
            memory: Some(Size(2 << 20)),
            queue_length: Some(3),
            ..LimitSettings::default()
        };
        let limits = route.or(&server).resolve(2);
        assert_eq!((limits.memory, limits.queue_length), (Size(1 << 20), 3));
        assert_eq!(LimitSettings::default().resolve(2).queue_length, 8);
    }

    #[test]
    fn a_route_cannot_have_what_belongs_to_the_server() {
        let settings = LimitSettings { connections: Some(1), ..LimitSettings::default() };
        assert_eq!(settings.first_of_the_server(), Some("connections"));
        let settings = LimitSettings { memory: Some(Size(1)), ..LimitSettings::default() };
        assert_eq!(settings.first_of_the_server(), None);
    }

    #[test]
    fn numbers_that_cannot_work_are_refused_by_name() {
        let defaults = LimitSettings::default().resolve(4);
        assert_eq!(defaults.check(), Ok(()));
        let odd = Limits { memory: Size(100_000), ..defaults.clone() };
        assert!(odd.check().unwrap_err().starts_with("memory = 100000B"));
        let none = Limits { connections: 0, ..defaults.clone() };
        assert!(none.check().unwrap_err().starts_with("connections = 0"));
        let many = Limits { connections: usize::MAX, ..defaults.clone() };
        assert!(many.check().unwrap_err().ends_with("expected at most 1000000"));
        let vast = Limits { host_memory: Size(u64::MAX), ..defaults.clone() };
        assert!(vast.check().unwrap_err().starts_with("host-memory = "));
        let never = Limits { guest_time: secs(0), ..defaults };
        assert!(never.check().unwrap_err().starts_with("guest-time = 0s"));
    }
}
