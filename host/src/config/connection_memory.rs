//! The memory that a connection may need beside the bodies. Half of `host-memory` has room for all connections.

use crate::config::units::Size;

/// The size of the buffer that a connection reads into. A head that is too large must fit, so that it can be refused
/// by name.
pub(crate) fn buffer(request_head: Size) -> Size {
    const LEAST: Size = Size(24 << 10);
    Size(request_head.0 / 2 * 3).max(LEAST)
}

/// The state of a connection, and two buffers: the head of a request keeps one while the body is read into the other.
fn connection_bytes(request_head: Size) -> Size {
    const STATE: u64 = 16 << 10;
    Size(STATE + 2 * buffer(request_head).0)
}

/// As how many more connections one with TLS counts: for records of up to 16 KiB that are encrypted and decrypted, and
/// for the handshake.
pub(crate) const TLS_CONNECTIONS: u32 = 1;

/// As how many more connections one with HTTP/2 counts: for [`HTTP2_WINDOW`], and the frames and tables of both sides.
pub(crate) const HTTP2_CONNECTIONS: u32 = 2;

/// How many bytes of bodies a client may send on one HTTP/2 connection before they are read.
pub(crate) const HTTP2_WINDOW: Size = Size(96 << 10);

/// The same for one request.
pub(crate) const HTTP2_STREAM_WINDOW: Size = Size(64 << 10);

/// How many connections half of the host's memory has room for.
pub(crate) fn connections_within(host_memory: Size, request_head: Size) -> usize {
    let count = host_memory.0 / 2 / connection_bytes(request_head).0;
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Checks that half of `host_memory` has room for all connections.
///
/// # Errors
///
/// A sentence that names the keys, the values and the remedy.
pub(crate) fn check(
    connections: usize,
    host_memory: Size,
    request_head: Size,
) -> Result<(), String> {
    let most = connections_within(host_memory, request_head);
    if connections <= most {
        return Ok(());
    }
    let each = connection_bytes(request_head);
    Err(format!(
        "connections = {connections} need {each} each, more than half of host-memory = {host_memory}; raise \
         host-memory or lower connections to {most}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_with_http2_has_room_for_its_window_and_its_buffers() {
        // A frame to read and one to write, and what both sides remember of header fields.
        const FRAMES_AND_TABLES: u64 = 2 * (16 << 10) + 2 * (4 << 10);
        let room = u64::from(1 + HTTP2_CONNECTIONS) * connection_bytes(Size(0)).0;
        assert!(HTTP2_WINDOW.0 + FRAMES_AND_TABLES <= room);
    }

    #[test]
    fn as_many_connections_as_fit_into_half_of_the_memory() {
        let (memory, head) = (Size(256 << 20), Size(16 << 10));
        assert_eq!(check(2048, memory, head), Ok(()));
        let sentence = "connections = 2049 need 64KiB each, more than half of host-memory = 256MiB; raise \
             host-memory or lower connections to 2048";
        assert_eq!(check(2049, memory, head), Err(sentence.to_owned()));
        assert_eq!(connections_within(Size(1 << 20), Size(1 << 20)), 0);
        assert_eq!(connections_within(Size(1 << 20), Size(4 << 10)), 8);
    }
}
