//! What the server says of its own memory, and whether that is what it promises.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use load_tests::metrics::Samples;

/// Replacing an instance or draining cut connections takes a moment; more than this is a fault.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(50);
/// A request that ends as it should never costs an instance for one of these reasons.
const REASONS_FORBIDDEN: [&str; 3] = ["wish", "memory", "trap"];

/// One reading of `/metrics`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    /// Bytes in use of every instance that could be asked.
    in_use: Vec<f64>,
    busy: f64,
    pub(crate) sealed_bytes: f64,
    pub(crate) high_water_bytes: f64,
    pub(crate) spills: f64,
    /// By reason; a reason that never occurred may be missing.
    pub(crate) retirements: BTreeMap<String, f64>,
}

impl State {
    fn of(samples: &Samples) -> Self {
        let values = |name| samples.of(name).map(|sample| sample.value);
        let mut retirements = BTreeMap::new();
        for sample in samples.of("arenaria_retirements_total") {
            *retirements
                .entry(sample.label("reason").unwrap_or("unknown").to_owned())
                .or_default() += sample.value;
        }
        Self {
            in_use: values("arenaria_arena_in_use_bytes").collect(),
            busy: samples.sum_where("arenaria_slots", "state", "busy"),
            sealed_bytes: values("arenaria_arena_sealed_bytes").sum(),
            high_water_bytes: values("arenaria_arena_high_water_bytes").fold(0.0, f64::max),
            spills: values("arenaria_arena_spills_total").sum(),
            retirements,
        }
    }

    /// Reads until every one of `instances` is idle and holds nothing, or for as long as that may
    /// take; the last reading either way.
    ///
    /// # Errors
    ///
    /// If `/metrics` cannot be read.
    pub(crate) fn settled(operator: SocketAddr, instances: usize) -> Result<Self> {
        let deadline = Instant::now() + SETTLE_TIME_MAX;
        loop {
            let state = Self::of(&Samples::read(operator)?);
            if state.unsettled(instances).is_none() || Instant::now() >= deadline {
                return Ok(state);
            }
            std::thread::sleep(POLL_EVERY);
        }
    }

    /// What is still in use, as a sentence; `None` if nothing is.
    pub(crate) fn unsettled(&self, instances: usize) -> Option<String> {
        if self.busy > 0.0 {
            return Some(format!("{} instances are busy", self.busy));
        }
        if self.in_use.len() != instances {
            return Some(format!(
                "{} of {instances} instances show their memory",
                self.in_use.len()
            ));
        }
        let holding = self.in_use.iter().filter(|&&bytes| bytes != 0.0).count();
        (holding > 0)
            .then(|| format!("{holding} instances hold memory: {:?} bytes in use", self.in_use))
    }

    /// Retirements since `before` for reasons that must not occur, as sentences.
    pub(crate) fn forbidden_retirements(&self, before: &Self) -> Vec<String> {
        let count =
            |state: &Self, reason: &str| state.retirements.get(reason).copied().unwrap_or(0.0);
        let new = REASONS_FORBIDDEN
            .iter()
            .map(|reason| (reason, count(self, reason) - count(before, reason)));
        new.filter(|(_, new)| *new != 0.0)
            .map(|(reason, new)| format!("{new} retirements by {reason}"))
            .collect()
    }
}

/// Why `last` is not within `share` of `first`; `None` if it is.
pub(crate) fn drift(first: u64, last: u64, share: f64) -> Option<String> {
    let change = (last as f64 - first as f64) / first as f64;
    let percent = |share: f64| share * 100.0;
    (change.abs() > share).then(|| {
        let (change, share) = (percent(change), percent(share));
        format!("resident memory went from {first} to {last} bytes: {change:+.2} %, allowed are {share} %")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(in_use: &[f64], retirements: &[(&str, f64)]) -> State {
        let retirements =
            retirements.iter().map(|&(reason, count)| (reason.to_owned(), count)).collect();
        State { in_use: in_use.to_vec(), retirements, ..State::default() }
    }

    #[test]
    fn one_byte_in_one_instance_is_seen() {
        assert_eq!(state(&[0.0, 0.0], &[]).unsettled(2), None);
        assert!(state(&[0.0, 1.0], &[]).unsettled(2).is_some());
    }

    #[test]
    fn instances_that_say_nothing_are_no_proof() {
        assert_eq!(
            state(&[], &[]).unsettled(2).as_deref(),
            Some("0 of 2 instances show their memory")
        );
        assert!(State { busy: 1.0, ..state(&[0.0, 0.0], &[]) }.unsettled(2).is_some());
    }

    #[test]
    fn only_new_and_forbidden_retirements_count() {
        let before = state(&[], &[("trap", 1.0)]);
        let after = state(&[], &[("trap", 1.0), ("cancelled", 9.0), ("requests", 1.0)]);
        assert!(after.forbidden_retirements(&before).is_empty());
        let after = state(&[], &[("trap", 2.0), ("wish", 1.0)]);
        assert_eq!(
            after.forbidden_retirements(&before),
            ["1 retirements by wish", "1 retirements by trap"]
        );
    }

    #[test]
    fn drift_is_judged_both_ways() {
        assert_eq!(drift(100, 102, 0.02), None);
        assert_eq!(drift(100, 98, 0.02), None);
        assert!(drift(100, 103, 0.02).is_some_and(|text| text.contains("+3.00 %")));
        assert!(drift(100, 97, 0.02).is_some_and(|text| text.contains("-3.00 %")));
    }
}
