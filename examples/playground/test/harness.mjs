// Named tests in a row. The closing line is that of Rust's test runner, which `cargo xtask test` adds up.

const tests = [];

/** A test; what it throws is why it failed. */
export function test(name, run) {
  tests.push({ name, run });
}

/** Runs all tests, in order, and gives how many failed. */
export async function run() {
  const start = performance.now();
  let failed = 0;
  for (const { name, run } of tests) {
    try {
      await run();
      console.log(`test ${name} ... ok`);
    } catch (error) {
      failed += 1;
      console.log(`test ${name} ... FAILED\n${error.stack}`);
    }
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  const outcome = failed === 0 ? "ok" : "FAILED";
  console.log(
    `\ntest result: ${outcome}. ${tests.length - failed} passed; ${failed} failed; 0 ignored; ` +
      `0 measured; 0 filtered out; finished in ${seconds}s`,
  );
  return failed;
}
