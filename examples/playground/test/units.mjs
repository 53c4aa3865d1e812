// What of the page needs no page: places in texts, links, indentation.

import assert from "node:assert/strict";

import { decode, encode, LINK_BYTES_MAX } from "../page/fragment.js";
import { indent } from "../page/highlight.js";
import { indexOfByte, lengthOfMark, lineAndColumn } from "../page/position.js";
import { test } from "./harness.mjs";

test("bytes become indexes, whatever the characters are wide", () => {
  // 1, 2, 3 and 4 bytes; 1, 1, 1 and 2 units.
  const text = "aß水🏖z";
  const starts = [[0, 0], [1, 1], [3, 2], [6, 3], [10, 5], [11, 6]];
  for (const [byte, index] of starts) assert.equal(indexOfByte(text, byte), index, `byte ${byte}`);
  for (const byte of [7, 8, 9]) assert.equal(indexOfByte(text, byte), 3, "within a character");
  assert.equal(indexOfByte(text, 99), text.length);
  assert.equal(indexOfByte("\uD83Dx", 3), 1, "half of a pair is three bytes when it is encoded");
});

test("lines and columns are counted from one, columns in characters", () => {
  const text = "{\n 🏖x\n}";
  assert.deepEqual(lineAndColumn(text, 0), { line: 1, column: 1 });
  assert.deepEqual(lineAndColumn(text, 5), { line: 2, column: 3 });
  assert.deepEqual(lineAndColumn(text, text.length), { line: 3, column: 2 });
});

test("a mark is a word, a character, or nothing where nothing stands", () => {
  assert.equal(lengthOfMark("| nope | x", 2), 4);
  assert.equal(lengthOfMark("'🏖'", 0), 1);
  assert.equal(lengthOfMark("🏖'", 0), 2);
  assert.equal(lengthOfMark("a\nb", 1), 0);
  assert.equal(lengthOfMark("a", 1), 0);
});

test("a link brings back what was put in", async () => {
  for (const output of ["lines", "array"]) {
    const state = { program: '"\\(.) ß🏖"', document: '{\n "a": [1]\n}', output };
    const fragment = await encode(state);
    assert.match(fragment, /^1\.[\w-]+$/, "nothing in it needs escaping");
    assert.deepEqual(await decode(fragment), state);
  }
});

test("a browser that cannot deflate makes links that others can read", async () => {
  const { CompressionStream } = globalThis;
  const state = { program: ".", document: "ß", output: "lines" };
  try {
    delete globalThis.CompressionStream;
    const fragment = await encode(state);
    assert.match(fragment, /^0\./);
    assert.deepEqual(await decode(fragment), state);
  } finally {
    globalThis.CompressionStream = CompressionStream;
  }
});

test("a document that is too large for a link is refused with the limit", async () => {
  let seed = 7;
  const random = () => (seed = (seed * 48271) % 2147483647);
  const document = JSON.stringify(Array.from({ length: 8000 }, random));
  const limit = `${LINK_BYTES_MAX / 1024} KiB`;
  await assert.rejects(encode({ program: ".", document, output: "lines" }), (error) =>
    error.message.includes("too large for a link") && error.message.includes(limit));
});

test("a link that is damaged, foreign or a bomb is refused with a sentence", async () => {
  const plain = (text) => `0.${Buffer.from(text).toString("base64url")}`;
  const bomb = await encode({ program: ".", document: " ".repeat(4_000_000), output: "lines" });
  assert.ok(bomb.length < LINK_BYTES_MAX, "it is small before it unfolds");
  const bad = ["x", "1.", "1.!!!", "2.e30", plain("{}"), plain('{"program":1,"document":""}'), plain("[]"), bomb, "1.AAAA"];
  for (const fragment of bad) {
    await assert.rejects(decode(fragment), /this link is/, fragment.slice(0, 40));
  }
});

test("indentation changes no number, no string and no order", () => {
  const json = '{"b":[1.0,12345678901234567890,{}],"a":"x, {y}\\"","c":[]}\n[2]\n';
  const expected =
    '{\n  "b": [\n    1.0,\n    12345678901234567890,\n    {}\n  ],\n  "a": "x, {y}\\"",\n  "c": []\n}\n[\n  2\n]\n';
  assert.equal(indent(json), expected);
});
