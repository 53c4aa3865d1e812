// What the page looks like, and how it is used without a mouse or with little room.

import assert from "node:assert/strict";
import { join } from "node:path";

import { Page } from "./page.mjs";
import { test } from "./harness.mjs";

/** WCAG's bound for text, level AA. */
const CONTRAST_MIN = 4.5;

/** Colours of letters, each with what they are on. */
const PAIRS = [
  ["ink", "ground"], ["ink", "panel"], ["soft", "ground"], ["soft", "panel"], ["soft", "sunken"],
  ["ink", "accent-ground"], ["wrong", "wrong-ground"], ["wrong", "panel"], ["good", "sunken"],
  ["t-key", "sunken"], ["t-string", "sunken"], ["t-number", "sunken"], ["t-word", "sunken"],
  ["t-name", "sunken"], ["ground", "ink"],
];

export function declare({ browser, server, screenshots }) {
  const schemes = [
    ["light", { colorScheme: "light" }],
    ["dark", { colorScheme: "dark" }],
    ["phone", { colorScheme: "light", viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }],
    ["phone-dark", { colorScheme: "dark", viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }],
  ];
  for (const [name, options] of schemes) {
    test(`it can be read: ${name}`, async () => {
      const page = await Page.open(browser, server.page, { ...options, reducedMotion: "reduce" });
      await page.page.selectOption("#examples", { index: 4 });
      await page.says(".badge", "200");
      await page.page.check("#compare");
      await page.says(".verdict", "the same bytes");
      await shoot(page, `${name}.png`);
      for (const [letters, ground] of PAIRS) {
        const contrast = await page.page.evaluate(contrastOf, [letters, ground]);
        assert.ok(contrast >= CONTRAST_MIN, `${letters} on ${ground}: ${contrast.toFixed(2)}`);
      }
      const [wide, room] = await page.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(wide <= room, `${wide} pixels in ${room}`);

      await page.page.selectOption("#examples", { index: 5 });
      await page.says(".badge", "400");
      await shoot(page, `${name}-wrong.png`);
      await page.close();
    });
  }

  async function shoot(page, name) {
    await page.page.screenshot({ path: join(screenshots, name), fullPage: true });
  }

  test("it is used with a keyboard alone", async () => {
    const page = await Page.open(browser, server.page);
    const { keyboard } = page.page;
    const order = [];
    for (let step = 0; step < 12; step += 1) {
      await keyboard.press("Tab");
      order.push(await page.focused());
      const isSeen = await page.page.evaluate(() => {
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(document.activeElement);
        return (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
      });
      assert.ok(isSeen, `the focus on ${order.at(-1)} is not seen`);
    }
    assert.deepEqual(order.slice(0, 9), [
      "examples", "copy-link", "program", "document", "indented", "output", "result", "compare", "SUMMARY",
    ]);
    assert.deepEqual(order.slice(9, 12), ["isolation", "replace", "SUMMARY"]);

    await keyboard.press("Alt+Shift+P");
    assert.equal(await page.focused(), "program");
    await keyboard.press("ControlOrMeta+A");
    await keyboard.type("keys | nope");
    await page.says("#program-note", "line 1, column 8");
    await keyboard.press("Alt+Shift+J");
    assert.equal(await page.focused(), "document");
    await keyboard.press("Alt+Shift+E");
    assert.equal(await page.selected("#program"), "nope");
    await keyboard.type("length");
    await page.says("#result", "5\n");
    await keyboard.press("Alt+Shift+R");
    assert.equal(await page.focused(), "result");
    const before = await page.text('[data-say="resets"]');
    await keyboard.press("Control+Enter");
    await page.page.waitForFunction((before) =>
      document.querySelector('[data-say="resets"]').textContent !== before, before);
    await keyboard.press("Alt+Shift+L");
    await page.says("#toast", "link copied");
    await page.close();
  });

  test("nothing moves for those who asked for that", async () => {
    for (const reducedMotion of ["reduce", "no-preference"]) {
      const page = await Page.open(browser, server.page, { reducedMotion });
      // A replay lasts longer than it takes to look.
      const moving = await page.page.evaluate(() => document.getAnimations().length);
      if (reducedMotion === "reduce") assert.equal(moving, 0);
      else assert.ok(moving > 0, "nothing moved at all");
      await page.close();
    }
  });
}

/** The contrast of two colours of the page, as WCAG computes it. Runs in the page. */
function contrastOf(names) {
  const canvas = document.createElement("canvas").getContext("2d");
  const luminance = (name) => {
    canvas.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(canvas.fillStyle.slice(at, at + 2), 16) / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [dark, light] = names.map(luminance).sort((left, right) => left - right);
  return (light + 0.05) / (dark + 0.05);
}
