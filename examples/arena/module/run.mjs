// Counts the words of standard input with the module: node run.mjs MODULE < TEXT
import { readFileSync } from "node:fs";

const module = await WebAssembly.instantiate(readFileSync(process.argv[2]));
const { memory, reserve, count, high_water } = module.instance.exports;

const text = readFileSync(0);
// The memory never grows, so this view of it stays valid.
const bytes = new Uint8Array(memory.buffer);
bytes.set(text, reserve(text.length));
const answer = BigInt.asUintN(64, count());
const start = Number(answer >> 32n);
const length = Number(answer & 0xffffffffn);
process.stdout.write(bytes.slice(start, start + length));
console.error(`${high_water()} bytes of ${bytes.length} used`);
