// The component as JavaScript sees it: compiled once, instantiated as often as you like.
//
// `jco transpile` has made an ES module and a core WebAssembly module of it. The component imports
// nothing, so neither a shim of WASI nor anything else goes in, and every call is synchronous.

import { readFileSync } from 'node:fs';
import { instantiate } from './build/transform.js';

export const core = new WebAssembly.Module(
  readFileSync(new URL('build/transform.core.wasm', import.meta.url)),
);

/**
 * A new instance with a memory of its own.
 *
 * After a trap an instance answers nothing more: drop it and start another one.
 *
 * @param {Record<string, string>} [settings] What `configure` is given: `program`, `ad-hoc`, …
 *   Without settings, only `jq` can be used.
 * @throws {Error} with a sentence in `payload` if the settings are refused.
 */
export function start(settings) {
  const instance = instantiate(() => core, {});
  if (settings) instance.lifecycle.configure(Object.entries(settings));
  return instance;
}

/**
 * A request of the interface `handler`. The time goes in with it, as a processor has no clock.
 *
 * @param {Uint8Array} body
 */
export function post(body, pathWithQuery = '/') {
  const receivedAt = BigInt(Date.now()) * 1_000_000n;
  return { method: 'POST', pathWithQuery, headers: [], body, receivedAt };
}
