//! The proof from the proxy's log: whose requests failed, and whether they were in flight when their
//! process was killed.
//!
//! A request is lost rightly if it was offered to the killed process last, and lasted into the time
//! between the kill and the moment at which the proxy noticed. The proxy notices by the first request
//! that fails there; until then it does not know better, so what it sends there meanwhile may fail.

use std::net::SocketAddr;

use super::access_log::{Entry, Millis};

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
pub(super) struct Account {
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
    /// Sent to the killed process after the kill, before the proxy noticed.
    pub(super) unnoticed: usize,
    /// How long the proxy took to notice.
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

impl Account {
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
        let mut account = Self {
            failed: entries.iter().filter(|entry| entry.failed()).count(),
            ..Self::default()
        };
        let Some(kill) = kill else {
            account.failed_elsewhere = account.failed;
            account.moved_elsewhere =
                entries.iter().filter(|entry| entry.offered.len() > 1).count();
            return account;
        };
        let noticed = noticed(entries, kill);
        account.notice = noticed.map(|moment| moment - kill.at);
        // Nobody was sent there since, or the proxy saw its connections end: it is gone anyhow.
        let noticed = noticed.unwrap_or(kill.gone);
        for entry in entries {
            account.add(entry, kill, noticed);
        }
        account
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

    fn account(entries: &[Entry]) -> Account {
        let kill = Kill { address: address(KILLED), at: 1000, gone: 1005, restarted: Some(2000) };
        Account::of(entries, Some(&kill))
    }

    #[test]
    fn what_was_in_flight_may_fail() {
        let account = account(&[
            entry(990, 1003, &[2], 502),
            entry(999, 1000, &[2], 200),
            entry(1001, 1004, &[2], 502),
            entry(990, 1010, &[1], 200),
            // It was refused, so it was not sent there, and has no part in the bound.
            entry(1002, 1006, &[2, 1], 200),
        ]);
        assert_eq!((account.failed, account.failed_there(), account.bound()), (2, 2, 3));
        assert_eq!((account.failed_elsewhere, account.failed_late), (0, 0));
        assert_eq!((account.in_flight, account.in_flight_answered, account.unnoticed), (2, 1, 1));
        assert_eq!((account.notice, account.moved, account.moved_elsewhere), (Some(3), 1, 0));
    }

    #[test]
    fn a_failure_at_another_process_is_found() {
        let account = account(&[entry(990, 1003, &[1], 502), entry(990, 1003, &[], 502)]);
        assert_eq!((account.failed_elsewhere, account.failed_late), (2, 0));
        let account = self::account(&[entry(990, 1003, &[2, 1], 502)]);
        assert_eq!((account.failed_elsewhere, account.moved), (1, 0));
    }

    #[test]
    fn a_failure_before_the_kill_or_after_it_was_noticed_is_found() {
        let account = account(&[
            entry(900, 950, &[2], 502),
            entry(990, 1003, &[2], 502),
            entry(1004, 1006, &[2], 502),
        ]);
        assert_eq!((account.failed_late, account.notice), (2, Some(3)));
    }

    #[test]
    fn a_request_that_left_another_process_is_found() {
        let account = account(&[entry(1500, 1510, &[1, 3], 200), entry(500, 510, &[2, 1], 200)]);
        assert_eq!((account.moved, account.moved_elsewhere), (0, 2));
    }

    #[test]
    fn a_restarted_process_answers_again() {
        let account = account(&[
            entry(1900, 1901, &[2, 1], 200),
            entry(2100, 2101, &[2], 200),
            entry(2050, 2060, &[2], 200),
            entry(2050, 2060, &[1], 200),
        ]);
        assert_eq!((account.after_restart, account.rejoin), (2, Some(60)));
    }

    #[test]
    fn without_a_kill_nothing_may_fail() {
        let account = Account::of(&[entry(1, 2, &[1], 504), entry(1, 2, &[1, 2], 200)], None);
        assert_eq!((account.failed_elsewhere, account.moved_elsewhere, account.bound()), (1, 1, 0));
    }
}
