// Tests the live page of the operator's listener in a browser.
//
//     node main.mjs ARENARIA PROBE BROWSER SCREENSHOTS     (where the playground's packages are)

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { run, test } from "../../../examples/playground/test/harness.mjs";
import { COMPONENT, load, Server } from "./server.mjs";

const [arenaria, probe, executablePath, screenshots] = process.argv.slice(2);
if (!screenshots) throw new Error("usage: node main.mjs ARENARIA PROBE BROWSER SCREENSHOTS");

// The packages are where npm installed them, which is not beside this file.
const require = createRequire(join(process.cwd(), "package.json"));
const { chromium } = (await import(pathToFileURL(require.resolve("playwright-core")))).default;

/** Longer than anything takes on a machine that does much else. */
const PATIENCE_MS = 60_000;

/** WCAG's bound for text, level AA. */
const CONTRAST_MIN = 4.5;

const TOKEN = "a-token-of-the-operator";
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

mkdirSync(screenshots, { recursive: true });
const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath, headless: true, args });

/** What the browser said that nobody asked for, except that a request failed when a server had ended. */
const complaints = [];

async function open(server, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    const isAnswer = message.text().startsWith("Failed to load resource");
    if (["error", "warning"].includes(message.type()) && !isAnswer) complaints.push(message.text());
  });
  page.origins = new Set();
  page.on("request", (request) => page.origins.add(new URL(request.url()).origin));
  await page.goto(`${server.page}/`);
  return page;
}

/** Waits until a part of the page says this. */
async function says(page, selector, expected) {
  const matches = ([selector, expected]) =>
    [...document.querySelectorAll(selector)].some((element) => element.textContent.includes(expected));
  try {
    await page.waitForFunction(matches, [selector, expected]);
  } catch {
    const text = await page.locator("body").innerText();
    assert.fail(`${selector} never said ${JSON.stringify(expected)}; the page says ${text}`);
  }
}

const live = (page) => says(page, "#connection", "live");

/** A test with a server of its own, and a page unless it opens its own. */
function with_server(name, work, options = {}) {
  test(name, async () => {
    const server = await Server.start(arenaria, probe, options);
    try {
      await work(server);
    } finally {
      await server.stop();
      for (const context of browser.contexts()) await context.close();
    }
  });
}

with_server("every slot, rates and latencies are shown, and nothing comes from elsewhere", async (server) => {
  const page = await open(server);
  await live(page);
  assert.equal(await page.locator(".slot").count(), 4);
  assert.equal(await page.locator(".slot.idle").count(), 4);
  const stop = load(server.data, ["/echo", "/echo", "/status/404"]);
  await page.waitForFunction(() => {
    const tile = (name) => [...document.querySelectorAll(".tile")]
      .find((tile) => tile.querySelector("dt").textContent === name).querySelector("dd").textContent;
    return parseFloat(tile("requests")) > 1 && parseFloat(tile("errors 4xx")) > 0.1 && /ms|µs/.test(tile("latency p99"));
  });
  await page.waitForFunction(() => [...document.querySelectorAll(".slot")]
    .some((slot) => parseFloat(slot.style.getPropertyValue("--used")) > 0.01));
  assert.match(await page.getAttribute(".slots", "aria-label"), /^Slots of \/: \d busy, \d idle; the fullest arena has used \d+ %/);
  await page.click("summary");
  await page.waitForFunction(() => document.querySelectorAll(".route tbody tr").length === 4);
  await stop();
  assert.deepEqual([...page.origins], [server.page]);
});

with_server("a busy slot, a lost instance and its reason are seen", async (server) => {
  const page = await open(server);
  await live(page);
  const looping = fetch(`${server.data}/loop`).catch(() => {});
  await page.locator(".slot.busy").waitFor();
  assert.equal(await page.locator(".slot.busy .say b").textContent(), "busy");
  await fetch(`${server.data}/trap`);
  await says(page, "#retirements td", "trap");
  await says(page, "#live", "1 of / retired: trap");
  assert.equal(await page.locator("#retirements tr.new").count(), 1);
  await looping;
});

with_server("names are text, whatever they are", async (server) => {
  const page = await open(server);
  await says(page, ".about", COMPONENT);
  assert.equal(await page.locator("img").count(), 0);
  const ran = await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.ran = true";
    document.body.append(script);
    return window.ran === true;
  });
  assert.equal(ran, false, "the policy lets no other script run");
  assert.match(complaints.pop(), /Content Security Policy/);
});

with_server("a refused reload is told with its reason", async (server) => {
  const page = await open(server);
  await says(page, "#reload", "0 reloads");
  server.configure("nonsense = 1");
  server.signal("SIGHUP");
  await says(page, "#reload.wrong", "The last reload was refused");
  await says(page, "#reload.wrong", "nonsense");
});

test("the end of the server is told, and the next one is found", async () => {
  const first = await Server.start(arenaria, probe);
  const page = await open(first);
  await live(page);
  first.signal("SIGTERM");
  await says(page, "#connection.wrong", "✗");
  assert.match(await page.title(), /^\(✗ .*\) arenaria$/);
  assert.equal(await page.locator("main.stale").count(), 1);
  await first.stop();
  const second = await Server.start(arenaria, probe, { operator: first.page.slice("http://".length) });
  await live(page);
  assert.equal(await page.locator("main.stale").count(), 0);
  await second.stop();
  await page.context().close();
});

with_server("with a token, the page shows nothing before it has it", async (server) => {
  const page = await open(server);
  await page.locator("#token").waitFor();
  assert.equal(await page.locator("main").isVisible(), false);
  for (const wrong of ["a-wrong-token-of-nobody", "ä"]) {
    await page.fill("#token", wrong);
    await page.press("#token", "Enter");
    await says(page, "#token-note", "refused");
  }
  await page.fill("#token", TOKEN);
  await page.press("#token", "Enter");
  await live(page);
  assert.equal(await page.locator("#token").isVisible(), false);
  assert.equal(await page.locator("#links").isVisible(), false);
  assert.equal(await page.inputValue("#token"), "");
  const kept = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage, document.cookie, location.href]));
  assert.ok(!kept.includes(TOKEN), kept);
}, { keys: `operator-token = "${TOKEN}"\n` });

with_server("very many slots are shown together", async (server) => {
  for (const [name, options] of [["many", {}], ["many-phone", PHONE]]) {
    const page = await open(server, options);
    await says(page, ".group", "300 idle");
    assert.equal(await page.locator(".group").count(), 1);
    await says(page, ".group", "the fullest arena has used");
    await fits(page);
    await page.screenshot({ path: join(screenshots, `live-${name}.png`), fullPage: true });
  }
}, { edit: (text) => text.replace("slots = 4", "slots = 300").replace("4MiB", "2MiB") });

with_server("many slots are small boxes", async (server) => {
  const stop = load(server.data, ["/echo"], 20);
  for (const [name, options] of [["boxes", {}], ["boxes-phone", { ...PHONE, colorScheme: "dark" }]]) {
    const page = await open(server, options);
    await live(page);
    assert.equal(await page.locator(".slot").count(), 120);
    await page.waitForTimeout(3000);
    await fits(page);
    await page.screenshot({ path: join(screenshots, `live-${name}.png`), fullPage: true });
  }
  await stop();
}, { edit: (text) => text.replace("slots = 4", "slots = 120").replace("4MiB", "2MiB") });

/** Nothing is wider than the window. */
async function fits(page) {
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= room, `${wide} pixels in ${room}`);
}

/** Colours of letters, each with what they are on. */
const PAIRS = [
  ["ink", "ground"], ["ink", "panel"], ["ink", "sunken"], ["ink", "accent-ground"], ["ink", "wrong-ground"],
  ["soft", "ground"], ["soft", "panel"], ["soft", "sunken"], ["soft", "wrong-ground"], ["wrong", "panel"],
  ["wrong", "wrong-ground"], ["good", "good-ground"], ["accent", "panel"], ["accent", "ground"],
];

with_server("it can be read, by day and by night, on a desk and on a phone", async (server) => {
  const paths = ["/echo", "/survive?bytes=2000", "/echo", "/echo", "/status/404", "/echo", "/echo"];
  const stop = load(server.data, paths, 5);
  const looping = fetch(`${server.data}/loop`).catch(() => {});
  const schemes = [["light", {}], ["dark", { colorScheme: "dark" }], ["phone", PHONE], ["phone-dark", { ...PHONE, colorScheme: "dark" }]];
  const pages = [];
  for (const [name, options] of schemes) pages.push([name, await open(server, { ...options, reducedMotion: "reduce" })]);
  for (const [, page] of pages) await live(page);
  await fetch(`${server.data}/trap`);
  for (const [, page] of pages) await says(page, "#retirements td", "trap");
  await pages[0][1].waitForTimeout(12_000);
  for (const [name, page] of pages) {
    await page.screenshot({ path: join(screenshots, `live-${name}.png`), fullPage: true });
    await fits(page);
    for (const pair of PAIRS) {
      const contrast = await page.evaluate(contrastOf, pair);
      assert.ok(contrast >= CONTRAST_MIN, `${name}: ${pair.join(" on ")}: ${contrast.toFixed(2)}`);
    }
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  }
  await stop();
  await looping;
}, {
  names: ["shop.wasm", "echo.wasm"],
  edit: (text) => text.replace(/component = .*/, 'component = "shop.wasm"\n[[route]]\npath = "/echo"\ncomponent = "echo.wasm"\nslots = 2')
    .replace("workers = 1", "workers = 2"),
});

test("the browser had nothing to complain about", async () => assert.deepEqual(complaints, []));

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

let failed = 1;
try {
  failed = await run();
} finally {
  await browser.close();
}
process.exitCode = failed === 0 ? 0 : 1;
