// Contestants in turns, as turns.rs has them: the median of each is its figure, in nanoseconds. The clock is that on
// the wall: a page has no other one, and that of Node for a thread is too coarse.

const PREPARATION_MAX = 30;

/** Sees that an answer is right. */
function expect(found, answer, what) {
  if (found !== answer) throw new Error(`${what}: expected ${answer}, got ${found}`);
}

/** Contestants, each with the key of its figure. */
class Contest {
  contestants = [];

  /** Adds work of which each repetition is measured. */
  add(key, work) {
    this.addTimed(key, (count) => {
      const begun = performance.now();
      for (let at = 0; at < count; at++) work();
      return performance.now() - begun;
    });
  }

  /** Adds work that measures itself: it gets a count, and gives milliseconds. */
  addTimed(key, turn) {
    this.contestants.push({ key, turn, count: 1, samples: [] });
  }

  run({ rounds, milliseconds }, figures) {
    const { contestants } = this;
    for (const contestant of contestants) {
      for (;;) {
        const { turn, count } = contestant;
        const begun = performance.now();
        // The shortest of three, because another program may run meanwhile.
        const took = Math.min(turn(count), turn(count), turn(count));
        const whole = performance.now() - begun;
        if (rounds === 0) contestant.samples.push((took * 1e6) / count);
        // A turn that mostly prepares what it measures is not made longer without end.
        if (took >= milliseconds || whole >= milliseconds * PREPARATION_MAX) break;
        contestant.count *= 2;
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (let at = 0; at < contestants.length; at++) {
        const { turn, count, samples } = contestants[(round + at) % contestants.length];
        samples.push((turn(count) * 1e6) / count);
      }
    }
    for (const { key, samples } of contestants) {
      samples.sort((one, other) => one - other);
      figures[key] = samples[samples.length >> 1];
    }
  }
}

/** Adds up what `work` says that it took, so many times. */
function repeated(count, work) {
  let sum = 0;
  for (let at = 0; at < count; at++) sum += work();
  return sum;
}
