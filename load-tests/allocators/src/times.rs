//! Processor time per request: all allocators in turns, so that a noisy machine disturbs all alike.

use std::time::Duration;

use measured::clock::spent;
use measured::statistics::median;
use wasmtime::Result;

use crate::documents;
use crate::instance::{Instance, Subject};

/// How long a turn is at least.
const TURN: Duration = Duration::from_millis(4);

/// How many requests warm an instance up.
const WARM_UP: u32 = 3;

/// Nanoseconds per request of each subject, medians over the rounds. Each round has new instances, because where an
/// instance's memory happens to lie makes it faster or slower for as long as it lives.
pub(crate) fn of(subjects: &[Subject], bytes: usize, rounds: usize) -> Result<Vec<f64>> {
    let body = |subject: &Subject| documents::body(subject.program, bytes);
    let mut turns = Vec::new();
    for subject in subjects {
        let (mut instance, body) = (start_warm(subject, &body(subject))?, body(subject));
        // How many requests a turn has.
        let mut count = 1;
        while spend(&mut instance, &body, count)? < TURN {
            count *= 2;
        }
        turns.push((subject, body, count, Vec::new()));
    }
    for round in 0..rounds {
        let (head, tail) = turns.split_at_mut(round % subjects.len());
        for (subject, body, count, samples) in tail.iter_mut().chain(head) {
            let took = spend(&mut start_warm(subject, body)?, body, *count)?;
            samples.push(took.as_nanos() as f64 / f64::from(*count));
        }
    }
    Ok(turns.into_iter().map(|(.., samples)| median(samples)).collect())
}

fn start_warm(subject: &Subject, body: &[u8]) -> Result<Instance> {
    let mut instance = Instance::start(subject, &documents::sample(subject.program))?;
    spend(&mut instance, body, WARM_UP)?;
    Ok(instance)
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
