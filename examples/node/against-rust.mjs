// The same component, program and document, called from here and from Rust, in turns.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { program, webhook } from './documents.mjs';
import { median, perCall, warmUp } from './measure.mjs';
import { start } from './transformer.mjs';

const rounds = Number(process.argv[2] ?? 21);
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const root = path('../..');
const components = resolve(process.env.ARENARIA_COMPONENTS ?? path('../../target/components'));
/** A bench that is there already. Without it, cargo builds one. */
const bench = process.env.ARENARIA_BENCH;
const CARGO = ['run', '--release', '--quiet', '--package', 'embed', '--bin', 'bench', '--'];

/** `examples/embed/src/bin/bench.rs`: it answers a number of calls with nanoseconds per call. */
class Rust {
  constructor(document) {
    const file = path('build/webhook.json');
    writeFileSync(file, document);
    const [command, ...rest] = bench ? [bench] : ['cargo', ...CARGO];
    const args = [...rest, `${components}/transform.wasm`, program, file];
    this.child = spawn(command, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async line() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error('the bench ended early');
    return value;
  }

  async perCall(calls) {
    this.child.stdin.write(`${calls}\n`);
    return Number(await this.line());
  }

  async end() {
    this.child.stdin.end();
    await once(this.child, 'exit');
  }
}

const document = webhook(10_000);
const { jq } = start();
const transform = () => jq.transform(program, document);

const rust = new Rust(document);
const output = new TextDecoder().decode(transform()).trimEnd();
if ((await rust.line()) !== output) throw new Error('Rust has another result');

const calls = warmUp(transform, rounds);
await rust.perCall(calls);
const times = [];
for (let round = 0; round < rounds; round++) {
  times.push({ node: perCall(transform, calls), rust: await rust.perCall(calls) });
}
await rust.end();

const time = (side) => `${(median(times.map((round) => round[side])) / 1000).toFixed(1)} µs`;
const ratios = times.map(({ node, rust }) => node / rust).sort((a, b) => a - b);
const [least, middle, most] = [ratios[0], median(ratios), ratios.at(-1)].map((r) => r.toFixed(2));
console.log(`transform, ${document.length} bytes, CPU time per call, ${rounds} rounds in turns`);
console.log(`Node ${time('node')}, Rust ${time('rust')}, Node / Rust ${middle} (${least} to ${most})`);
