// Everything that the component exports, called once.

import { post, start } from './transformer.mjs';

const bytes = (text) => new TextEncoder().encode(text);
const text = (bytes) => new TextDecoder().decode(bytes).trimEnd();

const document = bytes('{"action":"opened","repository":{"full_name":"sand/box"},"stars":3}');
const program = '{action, repo: .repository.full_name}';

// arenaria:transform/jq: a program and a document. The program stays compiled.
const { jq } = start();
console.log('transform:', text(jq.transform(program, document)));
jq.check(program);

// What is wrong comes as data: its kind, a sentence, and where, in bytes.
for (const fails of [
  () => jq.check('{action'),
  () => jq.transform(program, bytes('{"action": opened}')),
  () => jq.transform('.action + 1', document),
]) {
  try {
    fails();
  } catch (error) {
    const { kind, message, offset } = error.payload;
    console.log(`${kind}: ${message}` + (offset === undefined ? '' : ` (byte ${offset})`));
  }
}

// arenaria:processor: configured once, then requests in and responses out, as over HTTP.
const processor = start({ program });
const response = processor.handler.handle(post(document));
console.log('handle:', response.status, response.headers, text(response.body));

// What the requests did to its memory: all of it is free again.
const { capacity, inUse, highWater, resets, phases } = processor.memory.usage();
console.log(`memory: ${inUse} of ${capacity} bytes in use, at most ${highWater}, ${resets} resets`);
console.log('phases:', phases.map(({ name }) => name).join(', '));
