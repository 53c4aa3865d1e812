// What it costs to hand a value to a guest from JavaScript.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes more than a text needs: the `encodeInto` of Node 26 stops early without them. */
const SPARE = 8;

/** An instance of boundary.wat. Its memory never grows, so one view of it serves for ever. */
class Guest {
  constructor(module) {
    this.code = new WebAssembly.Instance(module).exports;
    this.view = new Uint8Array(this.code.memory.buffer);
    this.words = new Uint32Array(this.code.memory.buffer);
  }
}

function measureBoundary(modules, input, figures) {
  const calls = new Contest();
  const { code } = new Guest(modules.boundary);
  calls.add("call/core", () => code.nop());
  calls.run(input, figures);
  for (const [size, bytes] of Object.entries(input.sizes)) measureSize(modules, size, bytes, input, figures);
  measureShapes(modules, input, figures);
  measureState(modules, input, figures);
}

function measureSize(modules, size, bytes, input, figures) {
  const contest = new Contest();
  const { code, view, words } = new Guest(modules.boundary);
  const body = new Uint8Array(bytes).fill(97);
  const add = (key, put, answer) =>
    contest.add(`in/${size}/${key}`, () => {
      const at = code.room(bytes + SPARE);
      put(at);
      expect(code.ends(at, bytes), answer, key);
    });
  add("set", (at) => view.set(body, at), 194);
  const copy = (at) => {
    for (let index = 0; index < body.length; index++) view[at + index] = body[index];
  };
  add("byte by byte", copy, 194);
  const latin = "a".repeat(bytes);
  // Two bytes each in UTF-8, and a form that no engine can keep as Latin-1.
  const wide = "\u0436".repeat(bytes / 2);
  add("encodeInto, Latin-1", (at) => encoder.encodeInto(latin, view.subarray(at, at + bytes + SPARE)), 194);
  add("encodeInto, UTF-16", (at) => encoder.encodeInto(wide, view.subarray(at, at + bytes + SPARE)), 390);
  add("encode and set", (at) => view.set(encoder.encode(latin), at), 194);

  code.fill(bytes);
  const addOut = (key, take) =>
    contest.add(`out/${size}/${key}`, () => {
      const word = code.give(bytes) >> 2;
      const from = words[word];
      expect(take(from, from + words[word + 1]).length, bytes, key);
    });
  addOut("view", (from, to) => view.subarray(from, to));
  addOut("slice", (from, to) => view.slice(from, to));
  addOut("decode", (from, to) => decoder.decode(view.subarray(from, to)));
  contest.run(input, figures);
}

function measureShapes(modules, input, figures) {
  const contest = new Contest();
  const { code, view, words } = new Guest(modules.boundary);
  const { items, strings, total, firstBytes } = input;
  const packed = () => {
    const bytes = items.length * 8;
    const at = code.room(bytes);
    let word = at >> 2;
    for (const { id, price } of items) {
      words[word++] = id;
      words[word++] = price;
    }
    return code.packed_pairs(at, bytes);
  };
  contest.add("records/packed", () => expect(packed(), total, "packed"));
  const json = () => {
    const text = JSON.stringify(items);
    const at = code.room(text.length * 3);
    const { written } = encoder.encodeInto(text, view.subarray(at, at + text.length * 3));
    return code.json_pairs(at, written);
  };
  contest.add("records/JSON", () => expect(json(), total, "JSON"));

  // As the component model does it: room for each string, and a list of pointers and lengths.
  const list = () => {
    const at = code.room(strings.length * 8);
    let word = at >> 2;
    for (const text of strings) {
      const place = code.realloc(0, 0, 1, text.length);
      const { written } = encoder.encodeInto(text, view.subarray(place, place + text.length));
      words[word++] = place;
      words[word++] = written;
    }
    return code.strings(at, strings.length);
  };
  contest.add("strings/list", () => expect(list(), firstBytes, "list"));
  // All strings as one text, encoded at once. The lengths are known, because the strings are ASCII.
  const block = () => {
    let text = "";
    for (const string of strings) text += `${String.fromCharCode(string.length)}\0\0\0${string}`;
    const at = code.room(text.length);
    const { written } = encoder.encodeInto(text, view.subarray(at, at + text.length));
    return code.packed_strings(at, written);
  };
  contest.add("strings/packed", () => expect(block(), firstBytes, "block"));
  contest.run(input, figures);
}

function measureState(modules, input, figures) {
  const contest = new Contest();
  const { code, view } = new Guest(modules.boundary);
  const table = Uint8Array.from({ length: input.sizes["100 KB"] }, (_, at) => at % 251);
  const [key, answer] = input.key;
  contest.add("state/each call", () => {
    const at = code.room(table.length);
    view.set(table, at);
    expect(code.find_in(at, table.length, key), answer, "each call");
  });
  const kept = new Guest(modules.boundary);
  const at = kept.code.room(table.length);
  kept.view.set(table, at);
  kept.code.keep(at, table.length);
  contest.add("state/kept", () => expect(kept.code.find(key), answer, "kept"));
  contest.run(input, figures);
}
