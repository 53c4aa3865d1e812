//! Contestants in turns, so that a noisy machine disturbs all alike; the median of each is its figure.

use std::time::Duration;

use measured::clock::spent;
use measured::statistics::median;
use wasmtime::Result;

use crate::figures::Figures;

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// How many turns each contestant has.
    pub(crate) rounds: usize,
    /// How long a turn is at least.
    pub(crate) turn: Duration,
}

/// A turn that mostly prepares what it measures is not made longer than so many turns.
const PREPARATION_MAX: u32 = 10;

impl Effort {
    /// Enough to see that the answers are right: once.
    pub(crate) const ONCE: Self = Self { rounds: 0, turn: Duration::ZERO };

    /// Enough for figures.
    pub(crate) fn full(rounds: usize) -> Self {
        Self { rounds, turn: Duration::from_millis(10) }
    }
}

/// Does something so many times, and gives the time that this took.
type Turn<'a> = Box<dyn FnMut(u32) -> Result<Duration> + 'a>;

/// Contestants, each with the key of its figure.
#[derive(Default)]
pub(crate) struct Contest<'a> {
    contestants: Vec<(String, Turn<'a>)>,
}

impl<'a> Contest<'a> {
    /// Adds work of which each repetition is measured.
    pub(crate) fn add(
        &mut self,
        key: impl Into<String>,
        mut work: impl FnMut() -> Result<()> + 'a,
    ) {
        self.add_timed(key, move |count| {
            let begun = spent();
            for _ in 0..count {
                work()?;
            }
            Ok(spent() - begun)
        });
    }

    /// Adds work that measures itself, because not all that it does belongs to the figure.
    pub(crate) fn add_timed(
        &mut self,
        key: impl Into<String>,
        turn: impl FnMut(u32) -> Result<Duration> + 'a,
    ) {
        self.contestants.push((key.into(), Box::new(turn)));
    }

    /// Nanoseconds of one repetition of each.
    pub(crate) fn run(self, effort: Effort, figures: &mut Figures) -> Result<()> {
        let mut contestants = Vec::new();
        for (key, mut turn) in self.contestants {
            let mut count = 1;
            let mut begun = spent();
            let mut took = turn(count)?;
            while took < effort.turn && spent() - begun < effort.turn * PREPARATION_MAX {
                count *= 2;
                begun = spent();
                took = turn(count)?;
            }
            let first = (effort.rounds == 0).then_some(each(took, count));
            contestants.push((key, turn, count, Vec::from_iter(first)));
        }
        for round in 0..effort.rounds {
            let first = round % contestants.len();
            let (head, tail) = contestants.split_at_mut(first);
            for (_, turn, count, samples) in tail.iter_mut().chain(head) {
                samples.push(each(turn(*count)?, *count));
            }
        }
        for (key, .., samples) in contestants {
            figures.time(key, median(samples));
        }
        Ok(())
    }
}

/// Nanoseconds of one of so many repetitions.
fn each(took: Duration, count: u32) -> f64 {
    took.as_nanos() as f64 / f64::from(count)
}
