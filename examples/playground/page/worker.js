// The host, in a worker: it instantiates the component, which imports nothing, and makes the calls
// of the contract. Where the page would have to wait for a program, the page can end this worker.

import { instantiate } from "./transform.js";

let module = null;
/** Null after a trap: as in the server, a request without an answer costs its instance. */
let instance = null;

onmessage = async ({ data }) => {
  try {
    if (data.type === "load") {
      module = data.module;
      await replace(data.output);
      postMessage({ type: "ready" });
    } else if (data.type === "run") {
      await run(data);
    }
  } catch (error) {
    postMessage({ type: "failed", id: data.id, message: String(error?.message ?? error) });
  }
};

async function run({ id, program, document, output, isFresh }) {
  if (isFresh || !instance || instance.output !== output) await replace(output);
  const { component, shape } = instance;
  const request = {
    method: "POST",
    pathWithQuery: `/?program=${encodeURIComponent(program)}`,
    headers: [["content-type", "application/json"]],
    body: new TextEncoder().encode(document),
    receivedAt: BigInt(Date.now()) * 1_000_000n,
  };
  postMessage({ type: "running", id });
  const start = performance.now();
  try {
    const { status, headers, body } = component.handler.handle(request);
    const milliseconds = performance.now() - start;
    const usage = inNumbers(component.memory.usage());
    const requests = ++instance.requests;
    postMessage({ type: "answer", id, status, headers, body, milliseconds, usage, requests, shape });
  } catch (error) {
    instance = null;
    postMessage({ type: "trap", id, isMemory: isMemory(error), message: String(error.message) });
  }
}

async function replace(output) {
  let core;
  const keep = async (module, imports) => (core = await WebAssembly.instantiate(module, imports));
  const component = await instantiate(async () => module, {}, keep);
  component.lifecycle.configure([["ad-hoc", "true"], ["output", output]]);
  const { memory, __heap_base: heapBase } = core.exports;
  const shape = { linearBytes: memory.buffer.byteLength, heapBase: heapBase.value };
  instance = { component, output, shape, requests: 0 };
}

/** The arena says 64 bits, and no arena in a page needs more than a number holds. */
function inNumbers(usage) {
  const phases = usage.phases.map(({ name, highWater }) => ({ name, highWater: Number(highWater) }));
  const plain = Object.entries(usage).map(([key, value]) =>
    [key, typeof value === "bigint" ? Number(value) : value]);
  return { ...Object.fromEntries(plain), phases };
}

/** A trap has no reason with it but the functions that it ended in, here as in the server. */
function isMemory(error) {
  return /rust_oom|arena_exhausted|alloc_error/.test(String(error.stack));
}
