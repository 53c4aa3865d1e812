// The page as a person uses it, opened in a context of its own.

import assert from "node:assert/strict";

/** Longer than anything takes on a machine that does much else. */
const PATIENCE_MS = 60_000;

/** What browsers said that nobody asked for. Every page adds to it. */
export const complaints = [];

/**
 * Twenty seconds for the second that a program may run. That time is of the clock, and a machine that
 * does much else may need more of it for the least of programs. Runs in the page.
 */
function patience() {
  const wait = globalThis.setTimeout;
  globalThis.setTimeout = (run, time, ...rest) => wait(run, time === 1000 ? 20_000 : time, ...rest);
}

export class Page {
  #context;
  page;
  requests = [];

  /** Opens the playground and waits for its first result. */
  static async open(browser, address, options = {}) {
    const opened = await Page.begin(browser, address, options);
    await opened.page.locator(".badge").waitFor();
    return opened;
  }

  /** Opens it without waiting for a result. */
  static async begin(browser, address, { prepare, isHurried, ...options } = {}) {
    const self = new Page();
    self.#context = await browser.newContext({
      viewport: { width: 1280, height: 900 },
      permissions: ["clipboard-read", "clipboard-write"],
      ...options,
    });
    self.page = await self.#context.newPage();
    self.page.setDefaultTimeout(PATIENCE_MS);
    self.page.on("pageerror", (error) => complaints.push(String(error)));
    self.page.on("console", (message) => {
      // The response to an invalid program is not a fault of the page.
      const isAnswer = message.location().url.includes("?program=");
      const isComplaint = ["error", "warning"].includes(message.type()) && !isAnswer;
      if (isComplaint) complaints.push(message.text());
    });
    self.#context.on("requestfinished", (request) => self.requests.push(request));
    if (!isHurried) await self.page.addInitScript(patience);
    if (prepare) await self.page.addInitScript(prepare);
    await self.page.goto(address);
    return self;
  }

  async close() {
    await this.#context.close();
  }

  /** Puts texts into the fields, each at once. */
  async put({ program, document }) {
    if (document !== undefined) await this.page.fill("#document", document);
    if (program !== undefined) await this.page.fill("#program", program);
  }

  /** Waits until a part of the page says this. */
  async says(selector, expected) {
    const matches = ([selector, expected, isExact]) => {
      const text = document.querySelector(selector)?.textContent ?? "";
      return isExact ? text === expected : text.includes(expected);
    };
    const wanted = [selector, String(expected), typeof expected === "string" && selector === "#result"];
    try {
      await this.page.waitForFunction(matches, wanted, { timeout: PATIENCE_MS });
    } catch {
      const text = await this.page.locator(selector).textContent();
      assert.fail(`${selector} never said ${JSON.stringify(expected)}; it says ${JSON.stringify(text)}`);
    }
  }

  async text(selector) {
    return this.page.locator(selector).textContent();
  }

  async isVisible(selector) {
    return this.page.locator(selector).isVisible();
  }

  /** What is selected in a field. */
  async selected(selector) {
    return this.page.locator(selector).evaluate((field) =>
      field.value.slice(field.selectionStart, field.selectionEnd));
  }

  async focused() {
    return this.page.evaluate(() => document.activeElement.id || document.activeElement.tagName);
  }
}
