//! Processor time per request: all allocators in turns, so that a noisy machine disturbs all alike.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::Result;

use crate::documents;
use crate::instance::{Instance, Subject};
use crate::statistics::median;

/// How long a turn is at least.
const TURN: Duration = Duration::from_millis(4);

/// Nanoseconds per request of each subject, medians over the rounds.
pub(crate) fn of(subjects: &[Subject], bytes: usize, rounds: usize) -> Result<Vec<f64>> {
    let mut turns = Vec::new();
    for subject in subjects {
        let body = documents::body(subject.program, bytes);
        let mut instance = Instance::start(subject, &documents::sample(subject.program))?;
        // Warms up, and finds how many requests a turn has.
        let (mut count, mut took) = (1, spend(&mut instance, &body, 1)?);
        while took < TURN {
            count *= 2;
            took = spend(&mut instance, &body, count)?;
        }
        turns.push((instance, body, count, Vec::new()));
    }
    for round in 0..rounds {
        let first = round % turns.len();
        let (head, tail) = turns.split_at_mut(first);
        for (instance, body, count, samples) in tail.iter_mut().chain(head) {
            let took = spend(instance, body, *count)?;
            samples.push(took.as_nanos() as f64 / f64::from(*count));
        }
    }
    Ok(turns.into_iter().map(|(.., samples)| median(samples)).collect())
}

/// Microseconds until an instance is configured, median.
pub(crate) fn start(subject: &Subject) -> Result<f64> {
    let sample = documents::sample(subject.program);
    let mut samples = Vec::new();
    for _ in 0..31 {
        let begun = spent();
        Instance::start(subject, &sample)?;
        samples.push((spent() - begun).as_secs_f64() * 1e6);
    }
    Ok(median(samples))
}

fn spend(instance: &mut Instance, body: &[u8], count: u32) -> Result<Duration> {
    let begun = spent();
    for _ in 0..count {
        instance.call("/", body)?;
    }
    Ok(spent() - begun)
}

/// The processor time of this thread.
fn spent() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
