// Bounds, growth, maximum, instances and objects in an engine of JavaScript.

const start = (module) => new WebAssembly.Instance(module).exports;

/** A module, or null where the engine does not know what is in it. */
function load(bytes) {
  return WebAssembly.validate(bytes) ? new WebAssembly.Module(bytes) : null;
}

function measureBounds(modules, input, figures) {
  const ways = { "32 bits": "bounds", "32 bits, fixed size": "bounds fixed", memory64: "bounds 64" };
  const words = 16384;
  const loops = { read: [words * 4, words * (words - 1) * 2], write: [words * 4, 1], follow: [words, 0] };
  for (const [loop, [argument, answer]] of Object.entries(loops)) {
    const contest = new Contest();
    for (const [way, name] of Object.entries(ways)) {
      const key = `bounds/${way}/${loop}`;
      if (!modules[name]) {
        figures[key] = input.lacking;
        figures[`bounds/${way}/beyond`] = input.lacking;
        continue;
      }
      const index = way === "memory64" ? BigInt : Number;
      figures[`bounds/${way}/beyond`] = thrown(() => start(modules[name]).read(index(4 << 20)));
      contest.addTimed(key, (count) => {
        const code = start(modules[name]);
        code.chain();
        const value = index(argument);
        expect(code[loop](value), answer, key);
        const begun = performance.now();
        for (let at = 0; at < count; at++) code[loop](value);
        return performance.now() - begun;
      });
    }
    contest.run(input, figures);
  }
}

/** The name of what is thrown. */
function thrown(work) {
  try {
    work();
  } catch (error) {
    return error.constructor.name;
  }
  throw new Error("expected an error");
}

function measureGrowing(modules, input, figures) {
  const contest = new Contest();
  const bytes = 16 << 20;
  const steps = { "full size": ["growing full", 1], doubling: ["growing", 0], "page by page": ["growing", 1] };
  for (const [name, [module, step]] of Object.entries(steps)) {
    contest.add(`growing/${name}`, () => {
      const grown = start(modules[module]).fill(bytes, step);
      expect(grown === 0, name === "full size", name);
    });
  }
  contest.run(input, figures);

  const single = new Contest();
  for (const [size, pages] of Object.entries(input.pages)) {
    single.addTimed(`growing/${size}`, (count) => {
      const once = () => {
        const code = start(modules.growing);
        code.grow(pages - 1);
        code.fill(pages << 16, 1);
        const begun = performance.now();
        for (let at = 0; at < input.steps; at++) code.grow(1);
        const took = performance.now() - begun;
        expect(code.memory.buffer.byteLength, (pages + input.steps) << 16, size);
        return took;
      };
      return repeated(count, once) / input.steps;
    });
  }
  single.run(input, figures);

  const code = start(modules.growing);
  const before = code.memory.buffer;
  const view = new Uint8Array(before);
  code.grow(1);
  expect(before.byteLength, 0, "the old buffer");
  expect(view.length, 0, "the old view");
  figures["growing/buffer"] = "a new one; the old one is detached";
}

function measureMaximum(modules, figures) {
  const code = start(modules.growing);
  expect(code.grow(4096), -1, "beyond the maximum");
  figures["maximum/module"] = "-1";
  figures["maximum/method"] = thrown(() => code.memory.grow(4096));
  // The same for a memory of 256 MiB, if this is Node: a page cannot look at its process.
  const resident = () => globalThis.process.memoryUsage.rss() / 2 ** 20;
  const empty = globalThis.process && resident();
  const look = (name) => {
    const key = `maximum/${name}/resident`;
    figures[key] = globalThis.process ? resident() - empty : "a page cannot see it";
  };
  const large = start(modules.growing);
  large.grow(4095);
  look("untouched");
  large.fill(4096 << 16, 1);
  look("touched");
}

function measureInstances(modules, input, figures) {
  for (const [touched, bytes] of Object.entries(input.touched)) {
    const contest = new Contest();
    contest.add(`pooling/new/${touched}`, () => expect(start(modules.instance).touch(bytes), 97, "new"));
    const code = start(modules.instance);
    contest.add(`pooling/reused/${touched}`, () => expect(code.touch(bytes), 97, "reused"));
    contest.run(input, figures);
  }
}

function measureObjects(modules, input, figures) {
  for (const [kept, nodes] of Object.entries(input.kept)) {
    const contest = new Contest();
    for (const [way, name] of Object.entries({ collector: "objects", bump: "nodes" })) {
      const key = `objects/${way}/${kept}`;
      if (!modules[name]) {
        figures[key] = input.lacking;
        continue;
      }
      const code = start(modules[name]);
      if (nodes) code.keep(nodes);
      const sum = (input.count * (input.count + 1)) / 2;
      contest.add(key, () => expect(code.run(input.count), sum, key));
    }
    contest.run(input, figures);
  }
}

/** Runs every experiment, and gives the figures by key. */
function measure(input) {
  const modules = {};
  for (const [name, bytes] of Object.entries(input.modules)) modules[name] = load(Uint8Array.from(bytes));
  const figures = {};
  measureMaximum(modules, figures);
  measureBounds(modules, input, figures);
  measureBoundary(modules, input, figures);
  measureGrowing(modules, input, figures);
  measureInstances(modules, input, figures);
  measureObjects(modules, input, figures);
  return figures;
}
