//! The proof from the balancer's log: which requests failed, at which process, and whether they were in
//! flight when it was killed.
//!
//! A request may fail if it was offered to the killed process last, and lasted into the time between the
//! kill and the moment at which the balancer noticed. The balancer notices by the first request that fails
//! there; until then it does not know better, so what it sends there meanwhile may fail. Moments are
//! whole milliseconds since 1970 by one clock.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

/// Milliseconds since 1970.
pub(super) type Millis = u64;

/// One request in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// When its first byte came.
    pub(super) begin: Millis,
    /// When its answer was sent.
    pub(super) end: Millis,
    /// The processes that it was offered to, one after the other; none if none was left.
    pub(super) offered: Vec<SocketAddr>,
    /// What the client was told.
    pub(super) status: u16,
}

impl Entry {
    pub(super) fn failed(&self) -> bool {
        self.status >= 400
    }

    /// The process that answered it, or was the last to fail.
    pub(super) fn last(&self) -> Option<SocketAddr> {
        self.offered.last().copied()
    }
}

/// The moment now.
pub(super) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Reads the whole log: `end|duration|addresses|status` on each line, times in seconds.
pub(super) fn parse(log: &str) -> Result<Vec<Entry>> {
    let expected = "expected end|duration|addresses|status";
    log.lines()
        .map(|line| entry(line).with_context(|| format!("{expected}, got {line:?}")))
        .collect()
}

fn entry(line: &str) -> Option<Entry> {
    let fields: Vec<&str> = line.split('|').collect();
    let [end, duration, addresses, status] = fields[..] else { return None };
    let millis = |text: &str| {
        let (seconds, thousandths) = text.split_once('.').filter(|(_, it)| it.len() == 3)?;
        Some(seconds.parse::<u64>().ok()? * 1000 + thousandths.parse::<u64>().ok()?)
    };
    let end = millis(end)?;
    // Where no process is left, nginx writes the name of the group in place of an address.
    let offered = addresses.split(", ").filter_map(|address| address.parse().ok()).collect();
    let begin = end.checked_sub(millis(duration)?)?;
    Some(Entry { begin, end, offered, status: status.parse().ok()? })
}

/// What was done to a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kill {
    pub(super) address: SocketAddr,
    /// Just before the signal was sent.
    pub(super) at: Millis,
    /// Just after the process was gone.
    pub(super) gone: Millis,
    /// When it listened again, if it did.
    pub(super) restarted: Option<Millis>,
}

impl Kill {
    /// No process was killed: nothing may fail.
    pub(super) const NEVER: Self = Self {
        address: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
        at: Millis::MAX,
        gone: Millis::MAX,
        restarted: None,
    };

    pub(super) fn happened(&self) -> bool {
        self.at < Millis::MAX
    }
}

/// How many requests had which fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Audit {
    /// Failed at the killed process.
    pub(super) failed_there: u64,
    /// Failed at another process, or at none.
    pub(super) failed_elsewhere: u64,
    /// Failed at the killed process, but not in flight between the kill and its being noticed.
    pub(super) failed_late: u64,
    /// At the killed process at the moment of the kill.
    pub(super) in_flight: u64,
    /// Sent to the killed process after the kill, before the balancer noticed.
    pub(super) unnoticed: u64,
    /// How long the balancer took to notice.
    pub(super) notice: Option<Millis>,
    /// Offered to the killed process, and then answered by another.
    pub(super) moved: u64,
    /// Offered to a process that was alive, and then to a further one.
    pub(super) moved_elsewhere: u64,
}

impl Audit {
    /// The most that may fail.
    pub(super) fn bound(&self) -> u64 {
        self.in_flight + self.unnoticed
    }

    /// Counts.
    pub(super) fn of(entries: &[Entry], kill: &Kill) -> Self {
        let notice = noticed(entries, kill);
        // Nobody was sent there since, or the balancer saw its connections end: it is gone anyhow.
        let noticed = notice.unwrap_or(kill.gone);
        let count = |is: &dyn Fn(&Entry) -> bool| entries.iter().filter(|it| is(it)).count() as u64;
        let there = |it: &Entry| it.last() == Some(kill.address);
        let in_flight = |it: &Entry| there(it) && it.begin <= kill.at && it.end >= kill.at;
        let unnoticed = |it: &Entry| there(it) && it.begin > kill.at && it.begin <= noticed;
        let moved = |it: &Entry| it.offered.len() > 1;
        let from_dead = |it: &Entry| {
            let left = it.offered.split_last().map_or(&[][..], |(_, left)| left);
            it.end >= kill.at && left.iter().all(|address| *address == kill.address)
        };
        Self {
            failed_there: count(&|it| it.failed() && there(it)),
            failed_elsewhere: count(&|it| it.failed() && !there(it)),
            failed_late: count(&|it| it.failed() && there(it) && !in_flight(it) && !unnoticed(it)),
            in_flight: count(&in_flight),
            unnoticed: count(&unnoticed),
            notice: notice.map(|moment| moment - kill.at),
            moved: count(&|it| moved(it) && from_dead(it) && !it.failed()),
            moved_elsewhere: count(&|it| moved(it) && !from_dead(it)),
        }
    }
}

/// When the first request after the kill has failed at the killed process, be it moved or not.
fn noticed(entries: &[Entry], kill: &Kill) -> Option<Millis> {
    let failed_there = |entry: &&Entry| {
        let moved_on = entry.last() != Some(kill.address);
        entry.end >= kill.at
            && entry.offered.contains(&kill.address)
            && (moved_on || entry.failed())
    };
    entries.iter().filter(failed_there).map(|entry| entry.end).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn entry(begin: Millis, end: Millis, ports: &[u16], status: u16) -> Entry {
        Entry { begin, end, offered: ports.iter().map(|port| address(*port)).collect(), status }
    }

    /// Process 2 was killed at 1000, gone at 1005 and back at 2000.
    fn audit(entries: &[Entry]) -> Audit {
        let kill = Kill { address: address(2), at: 1000, gone: 1005, restarted: Some(2000) };
        Audit::of(entries, &kill)
    }

    #[track_caller]
    fn failures(entries: &[Entry], there: u64, late: u64, elsewhere: u64) -> Audit {
        let audit = audit(entries);
        let found = (audit.failed_there, audit.failed_late, audit.failed_elsewhere);
        assert_eq!(found, (there, late, elsewhere));
        audit
    }

    #[test]
    fn what_was_in_flight_may_fail() {
        let entries = [
            entry(990, 1003, &[2], 502),
            entry(999, 1000, &[2], 200),
            entry(1001, 1004, &[2], 502),
            entry(990, 1010, &[1], 200),
            // It was refused, so it was not sent there, and has no part in the bound.
            entry(1002, 1006, &[2, 1], 200),
        ];
        let audit = failures(&entries, 2, 0, 0);
        assert_eq!((audit.in_flight, audit.unnoticed, audit.bound()), (2, 1, 3));
        assert_eq!((audit.notice, audit.moved, audit.moved_elsewhere), (Some(3), 1, 0));
    }

    #[test]
    fn a_failure_that_the_kill_does_not_explain_is_found() {
        failures(&[entry(990, 1003, &[1], 502), entry(990, 1003, &[], 502)], 0, 0, 2);
        failures(&[entry(990, 1003, &[2, 1], 502)], 0, 0, 1);
        // Before the kill, in flight, and after it was noticed.
        let moments = [(900, 950), (990, 1003), (1004, 1006)];
        failures(&moments.map(|(begin, end)| entry(begin, end, &[2], 502)), 3, 2, 0);
    }

    #[test]
    fn a_request_that_left_another_process_is_found() {
        let audit = audit(&[entry(1500, 1510, &[1, 3], 200), entry(500, 510, &[2, 1], 200)]);
        assert_eq!((audit.moved, audit.moved_elsewhere), (0, 2));
    }

    #[test]
    fn without_a_kill_nothing_may_fail() {
        let entries = [entry(1, 2, &[1], 504), entry(1, 2, &[1, 2], 200)];
        let audit = Audit::of(&entries, &Kill::NEVER);
        assert_eq!((audit.failed_elsewhere, audit.moved_elsewhere, audit.bound()), (1, 1, 0));
    }

    #[test]
    fn a_line_is_read_with_every_process_that_it_was_offered_to() {
        let log = "1700000000.123|0.023|127.0.0.1:1, 127.0.0.1:2|200\n1700000000.123|0.000|arenaria|502\n";
        let (end, begin) = (1_700_000_000_123, 1_700_000_000_100);
        let none = entry(end, end, &[], 502);
        assert_eq!(parse(log).unwrap(), [entry(begin, end, &[1, 2], 200), none]);
        for line in ["", "1.5|0.000|127.0.0.1:1|200", "1700000000.123|0.000|127.0.0.1:1|-"] {
            let error = parse(&format!("{line}\n")).unwrap_err().to_string();
            assert!(error.ends_with(&format!("got {line:?}")), "{error}");
        }
    }
}
