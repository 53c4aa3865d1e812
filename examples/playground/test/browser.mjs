// What the page does: runs, marks, bounds, shares, compares.

import assert from "node:assert/strict";

import { Page } from "./page.mjs";
import { test } from "./harness.mjs";

/** Of the page as it is transferred, heads not counted. */
const TRANSFERRED_BYTES_MAX = 1_200_000;

export function declare({ browser, server }) {
  /** A test with a page of its own. */
  const with_page = (name, run, options) =>
    test(name, async () => {
      const page = await Page.open(browser, server.page, options);
      try {
        await run(page);
      } finally {
        await page.close();
      }
    });

  test("the first result is there, and the page is small", async () => {
    const page = await Page.open(browser, server.page);
    // Of the page's own clock: from the navigation to the first result.
    const milliseconds = await page.page.evaluate(() => performance.getEntriesByName("first-result")[0].startTime);
    const sizes = await Promise.all(page.requests.map(async (request) => {
      const { responseBodySize } = await request.sizes();
      return [new URL(request.url()), responseBodySize];
    }));
    const names = sizes.map(([url]) => url.pathname.split("/").pop());
    for (const name of ["", "worker.js", "transform.js", "transform.core.wasm"]) {
      assert.ok(names.includes(name), `${name} was not asked for: ${names}`);
    }
    for (const [url] of sizes) assert.equal(url.origin, new URL(server.page).origin);
    const bytes = sizes.reduce((sum, [, size]) => sum + size, 0);
    console.log(`first result after ${Math.round(milliseconds)} ms, ${bytes} bytes in ${sizes.length} files`);
    assert.ok(bytes > 300_000, `${bytes} bytes cannot be all of it`);
    assert.ok(bytes <= TRANSFERRED_BYTES_MAX, `${bytes} bytes, at most ${TRANSFERRED_BYTES_MAX} are allowed`);
    await page.says("#result", '{\n  "text": "ammophila opened #42: Smooth the sand after every request",\n' +
      '  "repo": "dunes/box",\n  "labels": [\n    "memory",\n    "review wanted"\n  ],\n  "size": 159\n}\n');
    await page.close();
  });

  with_page("what is typed is run", async (page) => {
    await page.put({ document: '{"a":{"b":[1,2.50,12345678901234567890]}}', program: "" });
    await page.page.locator("#program").pressSequentially(".a.b | add");
    await page.says(".badge", "200");
    await page.put({ program: ".a.b[1:]" });
    await page.says("#result", "[\n  2.50,\n  12345678901234567890\n]\n");
    await page.page.uncheck("#indented");
    await page.says("#result", "[2.50,12345678901234567890]\n");
    await page.put({ program: "empty" });
    await page.says(".badge", "204");
    await page.says(".lead", "no output");
    await page.says("#live", "result: no output");
  });

  with_page("several outputs are lines or one array", async (page) => {
    await page.put({ document: "[1,[2]]", program: ".[]" });
    await page.page.uncheck("#indented");
    await page.says("#result", "1\n[2]\n");
    await page.says(".status", "2 lines");
    await page.page.selectOption("#output", "array");
    await page.says("#result", "[1,[2]]\n");
  });

  with_page("a mistake in a program is marked where it is", async (page) => {
    await page.put({ document: "1", program: '"ß🏖" as $x\n| . + nope' });
    await page.says("#program-note", "line 2, column 7: nope/0 is not defined");
    assert.equal(await page.text("#program-pane mark"), "nope");
    assert.equal(await page.text("#program-pane .gutter .wrong"), "2");
    assert.equal(await page.page.getAttribute("#program", "aria-invalid"), "true");
    await page.says(".badge", "400");
    await page.says("#live", "the program, line 2, column 7: nope/0 is not defined");
    // The mark lies under the letters that are wrong.
    const mark = await page.page.locator("#program-pane mark").boundingBox();
    const field = await page.page.locator("#program").boundingBox();
    const letter = mark.width / 4;
    assert.ok(Math.abs(mark.x - (field.x + 12 + 6 * letter)) < 1.5, JSON.stringify({ mark, field }));
    assert.ok(mark.y > field.y + 10 + 18 && mark.y < field.y + 10 + 40, JSON.stringify({ mark, field }));
    await page.page.click("#program-note button");
    assert.equal(await page.selected("#program"), "nope");
    await page.put({ program: ". + 1" });
    await page.says("#result", "2\n");
    assert.equal(await page.isVisible("#program-note"), false);
    assert.equal(await page.page.locator("mark").count(), 0);
    assert.equal(await page.page.getAttribute("#program", "aria-invalid"), null);
  });

  with_page("a program that ends too early is marked at its end", async (page) => {
    await page.put({ program: ".items\n| map(.price *" });
    await page.says("#program-note", "line 2, column 15: expected an expression, found the end of the program");
    assert.equal(await page.page.locator("#program-pane mark.gap").count(), 1);
  });

  with_page("a mistake in a document is marked where it is, however far away", async (page) => {
    const lines = Array.from({ length: 300 }, (_, index) => `  "ß${index}": "🏖"`);
    await page.put({ program: ".", document: `{\n${lines.join(",\n")},\n  oops: 1\n}` });
    await page.says("#document-note", "line 302, column 3: expected JSON, got `o`");
    assert.equal(await page.text("#document-pane mark"), "oops");
    await page.page.keyboard.press("Alt+Shift+E");
    assert.equal(await page.focused(), "document");
    assert.equal(await page.selected("#document"), "oops");
    const mark = await page.page.locator("#document-pane mark").boundingBox();
    const field = await page.page.locator("#document").boundingBox();
    assert.ok(mark.y > field.y && mark.y < field.y + field.height, "it has been scrolled to");
    await page.put({ document: '{"a":1}' });
    await page.says(".badge", "200");
  });

  with_page("a program that fails on the document says why", async (page) => {
    await page.put({ document: '{"a":1}', program: ".a.b" });
    await page.says(".badge", "422");
    await page.says(".lead", 'Cannot index number with string ("b")');
  });

  with_page("a program without an end is stopped, and the page goes on", async (page) => {
    await page.put({ document: "1", program: "last(repeat(.))" });
    await page.page.locator("#result-pane.busy").waitFor();
    assert.equal(await page.page.evaluate(() => 1 + 1), 2, "the page itself is not busy");
    await page.says(".lead", "stopped: the program ran for longer than 1 s");
    await page.says(".badge", "504");
    await page.put({ program: ". + 1" });
    await page.says("#result", "2\n");
    await page.says('[data-say="resets"]', "1");
  }, { isHurried: true });

  with_page("a program that wants all memory ends, and the page goes on", async (page) => {
    await page.put({ document: "1", program: "[range(100000000)] | length" });
    await page.says(".lead", "the memory is exhausted");
    await page.says(".badge", "507");
    await page.put({ program: "[range(10)] | length" });
    await page.says("#result", "10\n");
  });

  with_page("the arena is read after every run", async (page) => {
    const number = async (name) => parseFloat(await page.text(`[data-say="${name}"]`));
    await page.says('[data-say="resets"]', "1");
    const first = await page.text('[data-say="high-water"]');
    const names = await page.page.locator(".phase .name").allTextContents();
    assert.deepEqual(names, ["decode", "transform", "encode"]);
    await page.put({ program: "length", document: JSON.stringify(Array.from({ length: 3000 }, () => ({ a: 1 }))) });
    await page.says("#result", "3000\n");
    assert.notEqual(await page.text('[data-say="high-water"]'), first);
    assert.ok((await number("resets")) > 1);
    assert.equal(await page.text('[data-say="linear"]'), "16.0 MiB");
    const label = await page.page.getAttribute(".strip", "aria-label");
    assert.match(label, /^Memory of 16\.0 MiB: the arena has 15\.\d MiB, .*; decode .*, transform .*, encode .*\.$/);
    const wide = await page.page.locator(".high").boundingBox();
    const strip = await page.page.locator(".strip").boundingBox();
    assert.ok(wide.width > 2 && wide.width < strip.width / 2, JSON.stringify(wide));

    await page.put({ program: ".", document: "1" });
    await page.says("#result", "1\n");
    await page.page.click("#replace");
    await page.says('[data-say="since"]', "this request");
    assert.equal(await number("resets"), 1);
    await page.page.selectOption("#isolation", "fresh");
    for (const document of ["2", "3"]) {
      await page.put({ document });
      await page.says("#result", `${document}\n`);
      assert.equal(await number("resets"), 1);
    }
  });

  with_page("the server gives the same bytes", async (page) => {
    await page.page.check("#compare");
    await page.says(".verdict", "the same bytes from the server: 200");
    const same = [
      { program: "'\\(.)' %&#+", document: "1", status: 400 },
      { program: '"é\\(.a)" | ascii_downcase', document: '{"a":"ß🏖"}', status: 200 },
      { program: ".[]", document: "[1,[2]]", status: 200 },
      { program: "empty", document: "1", status: 204 },
      { program: ".a", document: "{", status: 400 },
      { program: ".a.b", document: '{"a":1}', status: 422 },
    ];
    for (const { program, document, status } of same) {
      await page.put({ program: "0", document });
      await page.says("#result", document === "{" ? await page.text("#result") : "0\n");
      await page.put({ program });
      await page.says(".badge", status);
      await page.says(".verdict", `the same bytes from the server: ${status}`);
    }
    // The two have clocks of their own.
    await page.put({ program: "now", document: "1" });
    await page.says(".verdict", "the server answers otherwise: 200");
    await page.page.click("#server summary");
    await page.says(".command code", "curl -g --data-binary '1' 'http://127.0.0.1:");
  });

  with_page("nothing is sent to the server before it is asked for", async (page) => {
    await page.put({ program: ". + 1", document: "41" });
    await page.says("#result", "42\n");
    const methods = page.requests.map((request) => request.method());
    assert.deepEqual([...new Set(methods)], ["GET"]);
  });

  with_page("a link holds program and document", async (page) => {
    await page.put({ program: '"ß🏖 \\(.)"', document: "[7]" });
    await page.page.selectOption("#output", "array");
    await page.says("#result", '"ß🏖 [7]"\n');
    await page.page.click("#copy-link");
    await page.says("#toast", "link copied");
    const link = await page.page.evaluate(() => navigator.clipboard.readText());
    assert.equal(link, page.page.url());
    const other = await Page.open(browser, link);
    await other.says("#result", '"ß🏖 [7]"\n');
    assert.equal(await other.page.inputValue("#document"), "[7]");
    assert.equal(await other.page.inputValue("#output"), "array");
    await other.page.evaluate(() => (location.hash = "#1.damaged"));
    await other.says("#toast", "this link is damaged");
    await other.close();

    const random = Array.from({ length: 9000 }, (_, index) => (index * 2654435761) % 4294967296);
    await page.put({ document: JSON.stringify(random) });
    await page.page.click("#copy-link");
    await page.says("#toast", "too large for a link");
    assert.equal(page.page.url(), link);
  });
}
