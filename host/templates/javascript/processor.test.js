import assert from 'node:assert/strict';
import test from 'node:test';

import { handler } from '../processor.js';

const send = (method, pathWithQuery, body = '') =>
  handler.handle({ method, pathWithQuery, headers: [], body: new TextEncoder().encode(body) });

test('a name is greeted', () => {
  const { status, body } = send('POST', '/', 'Ada\n');
  assert.equal(status, 200);
  assert.equal(new TextDecoder().decode(body), 'hello, Ada\n');
});

test('an unknown path is 404', () => {
  assert.equal(send('GET', '/other').status, 404);
});
