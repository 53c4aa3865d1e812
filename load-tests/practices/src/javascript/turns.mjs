// Contestants in turns, as turns.rs has them: the median of each is its figure, in nanoseconds.

/** Milliseconds: the processor time of this thread, where an engine tells it, and else those of the clock on the wall. */
function now() {
  const spent = globalThis.process?.threadCpuUsage?.();
  return spent ? (spent.user + spent.system) / 1e3 : performance.now();
}

const PREPARATION_MAX = 10;

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
      const begun = now();
      for (let at = 0; at < count; at++) work();
      return now() - begun;
    });
  }

  /** Adds work that measures itself: it gets a count, and gives milliseconds. */
  addTimed(key, turn) {
    this.contestants.push({ key, turn, count: 1, samples: [] });
  }

  run({ rounds, milliseconds }, figures) {
    const { contestants } = this;
    for (const contestant of contestants) {
      let begun = now();
      let took = contestant.turn(contestant.count);
      // A turn that mostly prepares what it measures is not made longer without end.
      while (took < milliseconds && now() - begun < milliseconds * PREPARATION_MAX) {
        begun = now();
        took = contestant.turn((contestant.count *= 2));
      }
      if (rounds === 0) contestant.samples.push((took * 1e6) / contestant.count);
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
