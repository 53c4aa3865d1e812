//! The proxy's log: which process each request was offered to, and what became of it.
//!
//! Moments are whole milliseconds since 1970, which is what nginx writes; the kill is written down by
//! the same clock.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

/// Milliseconds since 1970.
pub(super) type Millis = u64;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// When its first byte came.
    pub(super) begin: Millis,
    /// When its answer was sent.
    pub(super) end: Millis,
    /// To whom it was offered, one after the other; none if there was nobody.
    pub(super) offered: Vec<SocketAddr>,
    /// What the client was told.
    pub(super) status: u16,
}

impl Entry {
    pub(super) fn failed(&self) -> bool {
        self.status >= 400
    }

    /// Who answered it, or was the last to fail.
    pub(super) fn last(&self) -> Option<SocketAddr> {
        self.offered.last().copied()
    }
}

/// The moment now.
pub(super) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Reads the whole log.
///
/// # Errors
///
/// If a line is not understood; it is named.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>> {
    let entry = |line: &str| entry(line).with_context(|| format!("{line:?} is no access"));
    text.lines().map(entry).collect()
}

fn entry(line: &str) -> Option<Entry> {
    let mut fields = line.split('|');
    let end = millis(fields.next()?)?;
    let begin = end.checked_sub(millis(fields.next()?)?)?;
    // Where no process is left, nginx writes the name of the group in place of an address.
    let offered = fields.next()?.split(", ").filter_map(|address| address.parse().ok()).collect();
    let status = fields.nth(1)?.parse().ok()?;
    fields.next().is_none().then_some(Entry { begin, end, offered, status })
}

/// Seconds with three decimals.
fn millis(text: &str) -> Option<Millis> {
    let (seconds, thousandths) = text.split_once('.')?;
    let [seconds, thousandths]: [u64; 2] = [seconds.parse().ok()?, thousandths.parse().ok()?];
    (text.len() >= 5 && thousandths < 1000).then_some(seconds * 1000 + thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_with_everybody_it_was_offered_to() {
        let log = "1700000000.123|0.023|127.0.0.1:1, 127.0.0.1:2|502, 200|200\n";
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let expected = Entry {
            begin: 1_700_000_000_100,
            end: 1_700_000_000_123,
            offered: vec![address(1), address(2)],
            status: 200,
        };
        assert_eq!(parse(log).unwrap(), [expected]);
    }

    #[test]
    fn a_request_that_nobody_was_there_for_has_no_address() {
        let entries = parse("1700000000.123|0.000|arenaria|502|502\n").unwrap();
        assert!(entries[0].offered.is_empty() && entries[0].failed());
        assert_eq!(entries[0].last(), None);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for line in ["", "1.5|0.000|127.0.0.1:1|200|200", "1700000000.123|0.000|127.0.0.1:1|200|-"]
        {
            let error = parse(&format!("{line}\n")).unwrap_err();
            assert_eq!(error.to_string(), format!("{line:?} is no access"));
        }
    }
}
