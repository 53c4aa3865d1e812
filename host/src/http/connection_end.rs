//! How a connection ends.

use std::time::Duration;

/// When the server drains, how long a request may still arrive on an idle connection: those that the client sent
/// before it could know.
pub(crate) const LAST_LOOK: Duration = Duration::from_millis(100);

/// How a connection has ended.
pub(crate) enum End {
    /// All requests have their responses, and the client is idle or has closed its sending direction.
    Finished,
    /// The last response said that the connection ends. The client may send more, because it does not know that yet.
    LastResponse,
    /// The client sent this head, which hyper cannot parse. It has no response yet.
    Refused(Vec<u8>),
    /// The client sent this part of a head, and closed its sending direction. It has no response yet.
    CutOff(Vec<u8>),
    HeadTimeout,
    Closed,
    /// The first bytes, which were read, may be the preface of HTTP/2.
    Http2(Vec<u8>),
    /// The client speaks HTTP/2, and that is refused.
    NoHttp2(Refusal),
    /// The client broke the rules of HTTP/2, and was told.
    GoneAway,
}

/// Why HTTP/2 is refused. The numbers are those of RFC 9113, 7.
#[derive(Clone, Copy)]
pub(crate) enum Refusal {
    /// What such a connection holds does not fit.
    EnhanceYourCalm = 11,
    /// It is switched off.
    Http11Required = 13,
}
