// Times of several ways to do one thing. They are measured in turns, so that all of them meet the same
// noise, and in CPU time, so that what else the machine does counts for little.

/** CPU time of this process in nanoseconds, V8's own threads included. */
export function now() {
  const { user, system } = process.cpuUsage();
  return 1000 * (user + system);
}

/** The one in the middle. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** The time of one of `calls` calls, in nanoseconds. */
export function perCall(work, calls) {
  const begun = now();
  for (let call = 0; call < calls; call++) work();
  return (now() - begun) / calls;
}

/** Calls until V8 has compiled with its best compiler, and says how many calls fill a round. */
export function warmUp(work, rounds) {
  const [warmUpTime, roundTime] = [20e6 * rounds, 30e6];
  const begun = now();
  let calls = 0;
  while (now() - begun < warmUpTime || calls < 3) {
    work();
    calls++;
  }
  return Math.max(1, Math.round(roundTime / perCall(work, Math.ceil(calls / 8))));
}

/**
 * Measures ways to do one thing against the first of them.
 *
 * @param {[string, () => void][]} ways
 * @returns {{name: string, time: number, ratio: number}[]} Medians over the rounds: nanoseconds per
 *   call, and how it compares with the first way of the same round.
 */
export function compare(ways, rounds) {
  const rows = ways.map(([name, work]) => ({
    name,
    work,
    calls: warmUp(work, rounds),
    times: [],
  }));
  for (let round = 0; round < rounds; round++) {
    for (const row of rows) row.times.push(perCall(row.work, row.calls));
  }
  const [base] = rows;
  return rows.map(({ name, times }) => ({
    name,
    time: median(times),
    ratio: median(times.map((time, round) => time / base.times[round])),
  }));
}

/** Prints what `compare` has found, for several columns of the same ways. */
export function print(title, columns) {
  const cell = ({ time, ratio }) => `${(time / 1000).toFixed(1)} µs  ${ratio.toFixed(2)}`;
  const [[, first]] = columns;
  const width = Math.max(title.length, ...first.map(({ name }) => name.length));
  console.log(`\n${title.padEnd(width)}${columns.map(([head]) => head.padStart(20)).join('')}`);
  first.forEach(({ name }, index) => {
    const cells = columns.map(([, rows]) => cell(rows[index]).padStart(20));
    console.log(name.padEnd(width) + cells.join(''));
  });
}
