//! When to read the usage of an instance's arena. Each reading costs a call.

use crate::runtime::bindings::ArenaUsage;

/// When to read the usage: after 1, 2, 4, … requests, later every [`INTERVAL_MAX`] requests. While
/// allocations that survive their request add up, after every request.
#[derive(Debug, Default)]
pub(crate) struct UsageSchedule {
    next: u64,
    interval: u64,
    sealed: u64,
}

const INTERVAL_MAX: u64 = 64;

impl UsageSchedule {
    /// Whether a reading is due after this many requests.
    pub(crate) fn is_due(&self, served: u64) -> bool {
        served >= self.next
    }

    /// Records a reading after this many requests.
    pub(crate) fn record(&mut self, served: u64, usage: &ArenaUsage) {
        let pinned = usage.sealed.saturating_add(usage.in_use);
        self.interval =
            if pinned > self.sealed { 1 } else { (self.interval * 2).clamp(1, INTERVAL_MAX) };
        self.sealed = pinned;
        self.next = served + self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_instance_is_read_less_and_less_and_one_with_survivors_every_time() {
        let usage = |sealed| ArenaUsage {
            capacity: 1 << 20,
            in_use: 0,
            high_water: 0,
            request_high_water: 0,
            resets: 0,
            sealed,
            request_survivors: 0,
            spills: 0,
            persistent: 0,
            phases: Vec::new(),
            retire: false,
        };
        let mut schedule = UsageSchedule::default();
        let mut asked = Vec::new();
        for served in 1..=200 {
            if schedule.is_due(served) {
                asked.push(served);
                schedule.record(served, &usage(0));
            }
        }
        assert_eq!(asked, [1, 2, 4, 8, 16, 32, 64, 128, 192]);
        let due = (201..=260).filter(|served| {
            let due = schedule.is_due(*served);
            if due {
                schedule.record(*served, &usage(*served));
            }
            due
        });
        assert_eq!(due.collect::<Vec<_>>(), [256, 257, 258, 259, 260]);
    }
}
