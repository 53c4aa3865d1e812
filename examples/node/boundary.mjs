// What the boundary costs: how a document crosses it, and where the program lives.

import { startBare } from './bare.mjs';
import { program, webhook } from './documents.mjs';
import { compare, print } from './measure.mjs';
import { post, start } from './transformer.mjs';

const rounds = Number(process.argv[2] ?? 15);
const SIZES = { '1 KB': 1_000, '10 KB': 10_000, '100 KB': 100_000 };
const encode = (text) => new TextEncoder().encode(text);
const decode = (bytes) => new TextDecoder().decode(bytes);

const environment = process.env;
const copied = { ...environment };

/** Runs something where `process.env` is an object and not a window on the system's environment. */
function withPlainEnvironment(work) {
  process.env = copied;
  work();
  process.env = environment;
}

/** A document that is refused unread, for want of a program: what is left is the way in. */
function received(document) {
  const { handler } = start({ 'ad-hoc': 'true' });
  const receive = (bytes) => handler.handle(post(bytes));
  const text = decode(document);
  const object = JSON.parse(text);
  return [
    ['Uint8Array', () => receive(document)],
    ['a string, encoded', () => receive(encode(text))],
    ['an object, as JSON', () => receive(encode(JSON.stringify(object)))],
  ];
}

function transformed(document) {
  const { jq } = start();
  const transform = (bytes) => jq.transform(program, bytes);
  const text = decode(document);
  const object = JSON.parse(text);
  return [
    ['Uint8Array', () => transform(document)],
    ['strings', () => decode(transform(encode(text)))],
    ['objects, as JSON', () => JSON.parse(decode(transform(encode(JSON.stringify(object)))))],
  ];
}

function kept(document) {
  const request = post(document);
  const configured = start({ program });
  const sent = start();
  const compiling = start({ 'ad-hoc': 'true', 'programs-cached-max': '0' });
  return [
    ['configured, not sent', () => configured.handler.handle(request)],
    ['sent, kept compiled', () => sent.jq.transform(program, document)],
    ['sent, compiled each time', () => compiling.jq.transform(program, document)],
  ];
}

/** Apart from the rest: what thousands of memories leave behind is felt by whoever comes next. */
function startedAnew(document) {
  const request = post(document);
  const configured = start({ program });
  return [
    ['configured once', () => configured.handler.handle(request)],
    ['a new instance each time', () => start({ program }).handler.handle(request)],
  ];
}

function glued(document) {
  const { jq } = start();
  const bare = startBare();
  return [
    ["jco's glue", () => jq.transform('.', document)],
    ['with a plain process.env', () => withPlainEnvironment(() => jq.transform('.', document))],
    ['by hand', () => bare.transform('.', document)],
    ['by hand, no copy out', () => bare.withResult('.', document, () => {})],
  ];
}

function table(title, ways, documents) {
  print(title, Object.entries(documents).map(([head, bytes]) => [head, compare(ways(bytes), rounds)]));
}

const webhooks = Object.fromEntries(
  Object.entries(SIZES).map(([head, size]) => [head, webhook(size)]),
);
console.log(`CPU time per call, its ratio to the first row; medians of ${rounds} rounds in turns`);
table('a document goes in, unread', received, webhooks);
table('in, transformed, and out', transformed, webhooks);
table('where the program lives', kept, webhooks);
table('when there is an instance', startedAnew, webhooks);
table('what carries it across (.)', glued, { '1 B': encode('1'), ...webhooks });
