//! The proof from the balancer's log: which requests failed, at which process, and whether they were in
//! flight when it was killed.
//!
//! A request may fail if it was offered to the killed process last, and lasted into the time between the
//! kill and the moment at which the balancer noticed. The balancer notices by the first request that fails
//! there; until then it does not know better, so what it sends there meanwhile may fail. Moments are
//! whole milliseconds since 1970 by one clock.

use std::net::SocketAddr;
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

/// What became of the requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Audit {
    /// All that failed.
    pub(super) failed: usize,
    /// Failed at another process, or at none.
    pub(super) failed_elsewhere: usize,
    /// Failed at the killed process, but not in flight between the kill and its being noticed.
    pub(super) failed_late: usize,
    /// At the killed process at the moment of the kill.
    pub(super) in_flight: usize,
    /// Of these, answered all the same, just before it was gone.
    pub(super) in_flight_answered: usize,
    /// Sent to the killed process after the kill, before the balancer noticed.
    pub(super) unnoticed: usize,
    /// How long the balancer took to notice.
    pub(super) notice: Option<Millis>,
    /// Offered to the killed process, and then answered by another.
    pub(super) moved: usize,
    /// Offered to a process that was alive, and then to a further one.
    pub(super) moved_elsewhere: usize,
    /// Answered by the killed process after its restart.
    pub(super) after_restart: usize,
    /// From the restart to the first of them.
    pub(super) rejoin: Option<Millis>,
}

impl Audit {
    /// Failed at the killed process.
    pub(super) fn failed_there(&self) -> usize {
        self.failed - self.failed_elsewhere
    }

    /// The most that may fail.
    pub(super) fn bound(&self) -> usize {
        self.in_flight + self.unnoticed
    }

    /// Counts. Without a kill nothing may fail.
    pub(super) fn of(entries: &[Entry], kill: Option<&Kill>) -> Self {
        let mut audit = Self {
            failed: entries.iter().filter(|entry| entry.failed()).count(),
            ..Self::default()
        };
        let Some(kill) = kill else {
            audit.failed_elsewhere = audit.failed;
            audit.moved_elsewhere = entries.iter().filter(|it| it.offered.len() > 1).count();
            return audit;
        };
        let noticed = noticed(entries, kill);
        audit.notice = noticed.map(|moment| moment - kill.at);
        // Nobody was sent there since, or the balancer saw its connections end: it is gone anyhow.
        let noticed = noticed.unwrap_or(kill.gone);
        for entry in entries {
            audit.add(entry, kill, noticed);
        }
        audit
    }

    fn add(&mut self, entry: &Entry, kill: &Kill, noticed: Millis) {
        let last_there = entry.last() == Some(kill.address);
        let covers_kill = entry.begin <= kill.at && entry.end >= kill.at;
        let sent_blindly = entry.begin > kill.at && entry.begin <= noticed;
        if last_there && covers_kill {
            self.in_flight += 1;
            self.in_flight_answered += usize::from(!entry.failed());
        }
        self.unnoticed += usize::from(last_there && sent_blindly);
        if entry.failed() {
            self.failed_elsewhere += usize::from(!last_there);
            self.failed_late += usize::from(last_there && !covers_kill && !sent_blindly);
        }
        if entry.offered.len() > 1 {
            let left = &entry.offered[..entry.offered.len() - 1];
            let from_dead =
                entry.end >= kill.at && left.iter().all(|address| *address == kill.address);
            self.moved += usize::from(from_dead && !entry.failed());
            self.moved_elsewhere += usize::from(!from_dead);
        }
        if let Some(restarted) = kill.restarted
            && last_there
            && !entry.failed()
            && entry.begin >= kill.gone
        {
            self.after_restart += 1;
            // It may be found before it has said that it listens.
            let wait = entry.end.saturating_sub(restarted);
            self.rejoin = Some(self.rejoin.map_or(wait, |least| least.min(wait)));
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

    const KILLED: u16 = 2;

    fn audit(entries: &[Entry]) -> Audit {
        let kill = Kill { address: address(KILLED), at: 1000, gone: 1005, restarted: Some(2000) };
        Audit::of(entries, Some(&kill))
    }

    #[test]
    fn what_was_in_flight_may_fail() {
        let audit = audit(&[
            entry(990, 1003, &[2], 502),
            entry(999, 1000, &[2], 200),
            entry(1001, 1004, &[2], 502),
            entry(990, 1010, &[1], 200),
            // It was refused, so it was not sent there, and has no part in the bound.
            entry(1002, 1006, &[2, 1], 200),
        ]);
        assert_eq!((audit.failed, audit.failed_there(), audit.bound()), (2, 2, 3));
        assert_eq!((audit.failed_elsewhere, audit.failed_late), (0, 0));
        assert_eq!((audit.in_flight, audit.in_flight_answered, audit.unnoticed), (2, 1, 1));
        assert_eq!((audit.notice, audit.moved, audit.moved_elsewhere), (Some(3), 1, 0));
    }

    #[test]
    fn a_failure_at_another_process_is_found() {
        let audit = audit(&[entry(990, 1003, &[1], 502), entry(990, 1003, &[], 502)]);
        assert_eq!((audit.failed_elsewhere, audit.failed_late), (2, 0));
        let audit = self::audit(&[entry(990, 1003, &[2, 1], 502)]);
        assert_eq!((audit.failed_elsewhere, audit.moved), (1, 0));
    }

    #[test]
    fn a_failure_before_the_kill_or_after_it_was_noticed_is_found() {
        let audit = audit(&[
            entry(900, 950, &[2], 502),
            entry(990, 1003, &[2], 502),
            entry(1004, 1006, &[2], 502),
        ]);
        assert_eq!((audit.failed_late, audit.notice), (2, Some(3)));
    }

    #[test]
    fn a_request_that_left_another_process_is_found() {
        let audit = audit(&[entry(1500, 1510, &[1, 3], 200), entry(500, 510, &[2, 1], 200)]);
        assert_eq!((audit.moved, audit.moved_elsewhere), (0, 2));
    }

    #[test]
    fn a_restarted_process_answers_again() {
        let audit = audit(&[
            entry(1900, 1901, &[2, 1], 200),
            entry(2100, 2101, &[2], 200),
            entry(2050, 2060, &[2], 200),
            entry(2050, 2060, &[1], 200),
        ]);
        assert_eq!((audit.after_restart, audit.rejoin), (2, Some(60)));
    }

    #[test]
    fn without_a_kill_nothing_may_fail() {
        let audit = Audit::of(&[entry(1, 2, &[1], 504), entry(1, 2, &[1, 2], 200)], None);
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
