//! Whether a server is at rest after a scenario: every instance idle and empty, nobody connected; and
//! what it says of instances that it has lost on the way.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use http1::prometheus::Metrics;
use load_tests::monitor::Memory;
use load_tests::report::Section;
use load_tests::server::Server;

/// Replacing instances and noticing that clients have left takes a moment; more than this is a fault.
const REST_TIME_MAX: Duration = Duration::from_secs(15);
const POLL_EVERY: Duration = Duration::from_millis(50);

/// The last reading of `/metrics`, at rest or when patience was over.
#[derive(Debug)]
pub(crate) struct IdleCheck {
    samples: Metrics,
    instances: usize,
}

impl IdleCheck {
    /// Reads until `instances` are at rest, or for as long as that may take.
    pub(crate) fn reached(server: &Server, instances: usize) -> Result<Self> {
        let operator = server.operator.context("expected a server with an operator's address")?;
        let deadline = Instant::now() + REST_TIME_MAX;
        loop {
            let rest = Self { samples: Metrics::read(operator)?, instances };
            if rest.missing().is_none() || Instant::now() >= deadline {
                return Ok(rest);
            }
            std::thread::sleep(POLL_EVERY);
        }
    }

    /// What keeps it from being at rest, in a few words.
    fn missing(&self) -> Option<String> {
        let sum = |name: &str| self.samples.of(name).map(|sample| sample.value).sum::<f64>();
        let slots = |state| self.samples.sum_where("arenaria_slots", "state", state);
        let instances = self.instances as f64;
        let shown = self.samples.of("arenaria_arena_in_use_bytes").count();
        let (idle, busy, warming) = (slots("idle"), slots("busy"), slots("warming"));
        let in_use = sum("arenaria_arena_in_use_bytes");
        let connections = sum("arenaria_connections");
        if idle != instances || busy + warming > 0.0 {
            Some(format!("of {instances} slots {idle} are idle, {busy} busy, {warming} warming"))
        } else if shown != self.instances {
            Some(format!("{shown} of {instances} instances show their memory"))
        } else if in_use > 0.0 {
            Some(format!("{in_use} bytes are in use"))
        } else {
            (connections > 0.0).then(|| format!("{connections} connections are open"))
        }
    }

    /// Instances that were lost for a reason, on the routes that are asked for.
    pub(crate) fn retired(&self, reason: &str, route: impl Fn(&str) -> bool) -> f64 {
        let all = self.samples.of("arenaria_retirements_total");
        all.filter(|sample| sample.label("reason") == Some(reason))
            .filter(|sample| sample.label("route").is_some_and(&route))
            .map(|sample| sample.value)
            .sum()
    }

    /// What the server says of its memory.
    pub(crate) fn memory(&self) -> Memory {
        Memory::of(&self.samples)
    }

    /// Adds that no instance was lost for one of the reasons.
    pub(crate) fn judge_retirements(&self, section: &mut Section, reasons: &[&str]) {
        for reason in reasons {
            let lost = self.retired(reason, |_| true);
            section.promise(lost == 0.0, format!("{lost} instances were lost by {reason}"));
        }
    }

    /// The promises of a server at rest.
    pub(crate) fn promises(&self, section: &mut Section) {
        let (instances, missing) = (self.instances, self.missing());
        let text = match &missing {
            None => format!(
                "at the end all of {instances} instances are idle with 0 bytes in use, and no connection is open"
            ),
            Some(missing) => format!("not at rest at the end: {missing}"),
        };
        section.promise(missing.is_none(), text);
        let grows = self.memory().grows;
        section.promise(grows == 0.0, format!("linear memories grew {grows} times"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn missing(idle: f64, warming: f64, in_use: &[f64], connections: f64) -> Option<String> {
        let mut text = format!(
            "arenaria_slots{{route=\"/\",state=\"idle\"}} {idle}\n\
             arenaria_slots{{route=\"/\",state=\"warming\"}} {warming}\n\
             arenaria_connections {connections}\n"
        );
        for (slot, bytes) in in_use.iter().enumerate() {
            text += &format!("arenaria_arena_in_use_bytes{{slot=\"{slot}\"}} {bytes}\n");
        }
        IdleCheck { samples: Metrics::parse(&text).unwrap(), instances: 2 }.missing()
    }

    #[test]
    fn everything_must_be_idle_and_empty_and_say_so() {
        assert_eq!(missing(2.0, 0.0, &[0.0, 0.0], 0.0), None);
        assert!(missing(1.0, 1.0, &[0.0, 0.0], 0.0).is_some_and(|it| it.contains("1 warming")));
        assert!(missing(1.0, 0.0, &[0.0, 0.0], 0.0).is_some(), "a slot that never came back");
        assert!(missing(2.0, 0.0, &[0.0], 0.0).is_some_and(|it| it.starts_with("1 of 2")));
        assert!(missing(2.0, 0.0, &[0.0, 8.0], 0.0).is_some_and(|it| it.starts_with("8 bytes")));
        assert!(missing(2.0, 0.0, &[0.0, 0.0], 3.0).is_some_and(|it| it.starts_with("3 conn")));
    }

    #[test]
    fn retirements_are_told_apart_by_route_and_reason() {
        let text = "arenaria_retirements_total{route=\"/a\",reason=\"trap\"} 2\n\
            arenaria_retirements_total{route=\"/b\",reason=\"trap\"} 3\n\
            arenaria_retirements_total{route=\"/b\",reason=\"memory\"} 5\n";
        let idle = IdleCheck { samples: Metrics::parse(text).unwrap(), instances: 1 };
        assert_eq!(idle.retired("trap", |route| route != "/a"), 3.0);
        assert_eq!(idle.retired("memory", |_| true), 5.0);
        assert_eq!(idle.retired("requested-by-guest", |_| true), 0.0);
    }
}
