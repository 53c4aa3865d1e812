// What is said where something is missing or forbidden. The last of the tests: until here, no browser
// had a reason to complain.

import assert from "node:assert/strict";

import { complaints, Page } from "./page.mjs";
import { test } from "./harness.mjs";

export function declare({ browser, server }) {
  test("no browser had anything to complain about", async () => {
    assert.deepEqual(complaints, []);
  });

  test("a browser that lacks something is told so", async () => {
    const lacks = [
      ["WebAssembly", () => delete globalThis.WebAssembly, "it has no WebAssembly"],
      ["workers", () => delete globalThis.Worker, "it has no workers"],
    ];
    for (const [name, prepare, sentence] of lacks) {
      const page = await Page.begin(browser, server.page, { prepare });
      await page.says("#sorry", sentence);
      assert.ok(await page.isVisible("#sorry"), name);
      await page.close();
    }
    const page = await Page.begin(browser, server.page, { javaScriptEnabled: false });
    assert.match(await page.page.locator("noscript").innerText(), /It needs JavaScript for that/);
    await page.close();
    complaints.splice(0);
  });

  test("scripts of others do not run in the page", async () => {
    const page = await Page.open(browser, server.page);
    const ran = await page.page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "window.ran = true";
      document.head.append(script);
      return window.ran === true;
    });
    assert.equal(ran, false);
    await page.close();
    assert.ok(complaints.splice(0).some((text) => text.includes("Content Security Policy")));
  });
}
