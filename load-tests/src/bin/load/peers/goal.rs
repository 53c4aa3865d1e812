//! What one server is held to against another. A goal is reached or missed; it is not a promise.

use load_tests::peers::Peer;

/// What a server is held to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// CPU per request, as a multiple of the other's.
    CpuAtMost(f64),
    /// Requests per second, as a multiple of the other's.
    ThroughputAtLeast(f64),
}

/// The smallest answer: what it costs to serve at all. The first row is the one goal for hello.
pub(crate) fn hello() -> Vec<(Peer, Peer, Goal)> {
    vec![
        (Peer::Reuse, Peer::Bare, Goal::CpuAtMost(1.10)),
        (Peer::Reuse, Peer::WasiP2Reuse, Goal::ThroughputAtLeast(2.0)),
        (Peer::Reuse, Peer::WasiP2, Goal::ThroughputAtLeast(9.0)),
        (Peer::Fresh, Peer::WasiP2, Goal::ThroughputAtLeast(1.0)),
        // The same file in the same mode.
        (Peer::HostedP2, Peer::WasiP2, Goal::ThroughputAtLeast(1.0)),
        (Peer::HostedP2Reuse, Peer::WasiP2Reuse, Goal::ThroughputAtLeast(1.0)),
    ]
}

/// A webhook's program.
pub(crate) fn jq() -> Vec<(Peer, Peer, Goal)> {
    vec![
        (Peer::Reuse, Peer::Bare, Goal::ThroughputAtLeast(0.60)),
        (Peer::Reuse, Peer::WasiP2Reuse, Goal::ThroughputAtLeast(1.0)),
    ]
}

/// Our component, bridged, in two hosts.
pub(crate) fn bridged() -> Vec<(Peer, Peer, Goal)> {
    vec![(Peer::BridgedWasmtime, Peer::Bridged, Goal::ThroughputAtLeast(0.80))]
}
