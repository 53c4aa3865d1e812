// `transform` without jco's glue: the canonical ABI by hand, a pointer and a length for each array.
// It is here to show what the glue costs. For anything else use the glue, which also checks types.

import { core } from './transformer.mjs';

const JQ = 'arenaria:transform/jq@0.1.0#transform';
const OK = 0;
// Where `result<list<u8>, error>` has the pointer and the length of its list.
const POINTER = 8;
const LENGTH = 12;

/** A new instance, and two ways to call it. */
export function startBare() {
  const { exports } = new WebAssembly.Instance(core, {});
  const { memory, cabi_realloc: allocate } = exports;
  const [call, free] = [exports[JQ], exports[`cabi_post_${JQ}`]];
  // The memory never grows, so these views stay valid for as long as the instance lives.
  const [bytes, view] = [new Uint8Array(memory.buffer), new DataView(memory.buffer)];
  const encoder = new TextEncoder();

  /** Gives the result to `use` where it lies. It is gone when `use` returns. */
  function withResult(program, document, use) {
    // A character of a JavaScript string takes at most three bytes of UTF-8.
    const room = 3 * program.length;
    const text = allocate(0, 0, 1, room);
    const { written } = encoder.encodeInto(program, bytes.subarray(text, text + room));
    const textEnd = allocate(text, room, 1, written);
    const body = allocate(0, 0, 1, document.length);
    bytes.set(document, body);
    const result = call(textEnd, written, body, document.length);
    try {
      if (view.getUint8(result) !== OK) throw new Error('the program or its document is at fault');
      const pointer = view.getUint32(result + POINTER, true);
      return use(bytes.subarray(pointer, pointer + view.getUint32(result + LENGTH, true)));
    } finally {
      free(result);
    }
  }

  return {
    withResult,
    /** As the glue's `transform`: the result is a copy. */
    transform: (program, document) => withResult(program, document, (result) => result.slice()),
  };
}
