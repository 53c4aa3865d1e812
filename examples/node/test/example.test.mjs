// What the example prints, and what of it may not change. No times: those are for people to look at.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startBare } from '../bare.mjs';
import { program, webhook } from '../documents.mjs';
import { post, start } from '../transformer.mjs';

const bytes = (text) => new TextEncoder().encode(text);
const text = (bytes) => new TextDecoder().decode(bytes);
const failure = (kind) => (error) => error.payload?.kind === kind;

test('the example prints what it should', () => {
  const main = fileURLToPath(new URL('../main.mjs', import.meta.url));
  const printed = execFileSync(process.execPath, [main], { encoding: 'utf8' });
  const comparable = printed.replace(/of \d+ bytes in use, at most \d+/, 'of N bytes in use, at most N');
  assert.equal(
    comparable,
    `transform: {"action":"opened","repo":"sand/box"}
program: expected \`,\` or \`}\`, found the end of the program (byte 7)
document: expected JSON, got \`o\` (byte 11)
run: string ("opened") and number (1) cannot be added
handle: 200 [ [ 'content-type', 'application/json' ] ] {"action":"opened","repo":"sand/box"}
memory: 0 of N bytes in use, at most N, 1 resets
phases: decode, transform, encode
`,
  );
});

test('bytes go in and out, of a part of a buffer too', () => {
  const { jq } = start();
  const whole = bytes('[["ö",1]]');
  const result = jq.transform('.', whole.subarray(1, whole.length - 1));
  assert.ok(result instanceof Uint8Array);
  assert.equal(text(result), '["ö",1]\n');
  assert.equal(jq.transform('empty', bytes('0')).length, 0);
});

test('the result is a copy that later calls leave alone', () => {
  const { jq } = start();
  const first = jq.transform('.', bytes('"first"'));
  jq.transform('.', bytes('"other"'));
  assert.equal(text(first), '"first"\n');
});

test('errors are data', () => {
  const { jq } = start();
  assert.throws(() => jq.check('nothing_of_that_name'), failure('program'));
  assert.throws(() => jq.transform('.', bytes('{')), failure('document'));
  assert.throws(() => jq.transform('.a', bytes('1')), failure('run'));
  assert.throws(
    () => jq.check('{action'),
    ({ payload: { message, offset } }) => message.includes('end of the program') && offset === 7n,
  );
});

test('settings that are wrong are refused with a sentence', () => {
  assert.throws(() => start({ progrm: '.' }), ({ payload }) => payload.includes('progrm'));
});

test('a program that hoards is told so, and costs nobody anything', () => {
  const { jq } = start();
  const other = start({ program: '.' });
  const hoarding = 'reduce range(40) as $n ("grain"; . + .)';
  assert.throws(() => jq.transform(hoarding, bytes('0')), failure('memory'));
  assert.equal(text(jq.transform('.', bytes('0'))), '0\n');
  assert.equal(other.handler.handle(post(bytes('0'))).status, 200);
});

test('many requests leave nothing', () => {
  const { handler, memory } = start({ program });
  const request = post(webhook(10_000));
  const { body } = handler.handle(request);
  for (let count = 1; count < 50; count++) {
    assert.deepEqual(handler.handle(request).body, body);
  }
  const { inUse, sealed, resets } = memory.usage();
  assert.deepEqual([inUse, sealed, resets], [0n, 0n, 50n]);
});

test('what is measured gives the same either way', () => {
  const { jq } = start();
  const bare = startBare();
  for (const size of [100, 10_000]) {
    const document = webhook(size);
    assert.ok(Math.abs(document.length - size) < 500, `${document.length} bytes`);
    const result = jq.transform(program, document);
    assert.deepEqual(bare.transform(program, document), result);
    const { repo, commits } = JSON.parse(text(result));
    assert.equal(repo, 'sand/box');
    assert.equal(commits.length, JSON.parse(text(document)).commits.length);
  }
  assert.equal(text(bare.transform('"ö" + .', bytes('"ü"'))), '"öü"\n');
});
