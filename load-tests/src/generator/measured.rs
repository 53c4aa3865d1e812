//! What came of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::connection::Answered;

/// Latencies are kept in nanoseconds, up to a day, with three digits that count: the backlog of an open
/// loop past the knee has no bound.
const LATENCY_MAX: Duration = Duration::from_hours(24);
const DIGITS: u8 = 3;

/// What came of a run. Latencies are nanoseconds, from the moment at which a request was due.
#[derive(Clone, Debug)]
pub struct Measured {
    /// How long requests were sent.
    pub elapsed: Duration,
    /// The same, and until the last answer had come.
    pub total: Duration,
    /// What the generator's thread used while requests were sent.
    pub cpu: Duration,
    /// Requests that were sent.
    pub sent: u64,
    /// Requests that were due, but every connection was still waiting for an answer.
    pub unsent: u64,
    /// Right answers while requests were sent; those that came after it are only in `latency`.
    pub answered: u64,
    /// Of right answers.
    pub latency: Histogram<u64>,
    /// How long after its moment each of them was really sent: because every connection was waiting, or
    /// because the generator itself was late.
    pub lateness: Histogram<u64>,
    /// Of answers with a status above 399, from the moment at which the request was sent.
    pub refused: Histogram<u64>,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests without an answer that could be judged, or with a wrong one.
    pub failures: Failures,
    /// Second by second.
    pub seconds: Vec<Second>,
    /// Of right answers in the second that has not ended yet.
    window: Histogram<u64>,
    window_ends: Duration,
}

/// Requests that came to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// Connections that were refused; no request was lost with them.
    pub connect: u64,
    /// The connection ended before the answer did.
    pub cut: u64,
    /// No answer in time.
    pub timeout: u64,
    /// An answer that is not HTTP.
    pub malformed: u64,
    /// An answer with a good status and another body than expected.
    pub wrong: u64,
}

/// How a request came to nothing, or with `Connect` a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    Connect,
    Cut,
    Timeout,
    Malformed,
}

/// One second of a run.
#[derive(Clone, Copy, Debug)]
pub struct Second {
    /// Its end, seconds since the start.
    pub at: f64,
    /// Requests that were sent in it.
    pub sent: u64,
    /// Right answers that came in it.
    pub answered: u64,
    /// Everything else that came of requests.
    pub failed: u64,
    /// Half of its right answers took at most so long; zero if there were none.
    pub p50: Duration,
    /// 99 of a hundred did.
    pub p99: Duration,
    /// All did.
    pub max: Duration,
}

impl Default for Measured {
    fn default() -> Self {
        Self {
            elapsed: Duration::ZERO,
            total: Duration::ZERO,
            cpu: Duration::ZERO,
            sent: 0,
            unsent: 0,
            answered: 0,
            latency: histogram(),
            lateness: histogram(),
            refused: histogram(),
            statuses: BTreeMap::new(),
            failures: Failures::default(),
            seconds: Vec::new(),
            window: histogram(),
            window_ends: Duration::from_secs(1),
        }
    }
}

impl Measured {
    /// Requests that were due.
    #[must_use]
    pub fn due(&self) -> u64 {
        self.sent + self.unsent
    }

    /// Requests that were due in a second.
    #[must_use]
    pub fn offered_per_second(&self) -> f64 {
        self.due() as f64 / self.elapsed.as_secs_f64()
    }

    /// Right answers in a second.
    #[must_use]
    pub fn achieved_per_second(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that `quantile` (0 to 1) of right answers did not exceed, milliseconds.
    #[must_use]
    pub fn latency_ms(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e6
    }

    /// The time that `quantile` (0 to 1) of refusals did not exceed, milliseconds; zero if there were none.
    #[must_use]
    pub fn refused_ms(&self, quantile: f64) -> f64 {
        self.refused.value_at_quantile(quantile) as f64 / 1e6
    }

    /// The share of a core that the generator used: below 1, it could have done more.
    #[must_use]
    pub fn generator_busy(&self) -> f64 {
        self.cpu.as_secs_f64() / self.elapsed.as_secs_f64()
    }

    /// The CPU time of the generator per request, microseconds.
    #[must_use]
    pub fn generator_us_per_request(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.sent.max(1) as f64
    }

    /// Answers with a status above 399.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.statuses.range(400..).map(|(_, count)| count).sum()
    }

    /// Answers with status 503: the server had too much to do, and said so.
    #[must_use]
    pub fn shed(&self) -> u64 {
        self.statuses.get(&503).copied().unwrap_or(0)
    }

    /// Requests that were sent and got something else than a right answer; the shed ones apart.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.refusals() - self.shed() + self.failures.lost() + self.failures.wrong
    }

    /// Everything that was due and got no right answer.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.failed() + self.shed() + self.unsent
    }

    /// Every kind of error that occurred, with its number.
    #[must_use]
    pub fn error_budget(&self) -> Vec<(String, u64)> {
        let statuses = self.statuses.range(400..);
        let statuses = statuses.map(|(status, count)| (format!("status {status}"), *count));
        let Failures { connect, cut, timeout, malformed, wrong } = self.failures;
        let kinds = [
            ("not sent: every connection was waiting", self.unsent),
            ("connection refused", connect),
            ("cut before the answer", cut),
            ("no answer in time", timeout),
            ("not HTTP", malformed),
            ("wrong body", wrong),
        ];
        let kinds = kinds.map(|(kind, count)| (kind.to_owned(), count));
        statuses.chain(kinds).filter(|(_, count)| *count > 0).collect()
    }

    pub(super) fn answered(&mut self, now: Duration, answer: &Answered) {
        *self.statuses.entry(answer.status).or_default() += 1;
        if answer.status >= 400 {
            self.refused.saturating_record(nanoseconds(now.saturating_sub(answer.sent)));
            return;
        }
        if answer.right {
            let latency = nanoseconds(now.saturating_sub(answer.due));
            self.latency.saturating_record(latency);
            self.window.saturating_record(latency);
            self.lateness.saturating_record(nanoseconds(answer.sent.saturating_sub(answer.due)));
        } else {
            self.failures.wrong += 1;
        }
    }

    /// The second that has just ended, if one has.
    pub(super) fn tick(&mut self, now: Duration) -> Option<&Second> {
        if now < self.window_ends {
            return None;
        }
        self.window_ends = Duration::from_secs(now.as_secs() + 1);
        self.push_second(now);
        self.seconds.last()
    }

    /// What came since the last whole second, if it was more than a moment ago.
    pub(super) fn last_second(&mut self) -> Option<&Second> {
        let begun = self.window_ends.saturating_sub(Duration::from_secs(1));
        if self.elapsed < begun + Duration::from_millis(500) {
            return None;
        }
        self.push_second(self.elapsed);
        self.seconds.last()
    }

    fn push_second(&mut self, now: Duration) {
        let before = |of: fn(&Second) -> u64| self.seconds.iter().map(of).sum::<u64>();
        let failed = self.failed() + self.shed();
        let at = |quantile| Duration::from_nanos(self.window.value_at_quantile(quantile));
        self.seconds.push(Second {
            at: now.as_secs_f64(),
            sent: self.sent - before(|second| second.sent),
            answered: self.window.len(),
            failed: failed - before(|second| second.failed),
            p50: at(0.5),
            p99: at(0.99),
            max: Duration::from_nanos(self.window.max()),
        });
        self.window.reset();
    }
}

impl Failures {
    /// Requests that were lost.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.cut + self.timeout + self.malformed
    }

    pub(super) fn count(&mut self, loss: Loss) {
        *match loss {
            Loss::Connect => &mut self.connect,
            Loss::Cut => &mut self.cut,
            Loss::Timeout => &mut self.timeout,
            Loss::Malformed => &mut self.malformed,
        } += 1;
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(nanoseconds(LATENCY_MAX), DIGITS).expect("the bounds are in order")
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
