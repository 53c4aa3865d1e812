// Tests the playground as it is served, in a browser.
//
//     node main.mjs ARENARIA COMPONENT BROWSER SCREENSHOTS     (where `npm ci` has been run)

import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { run } from "./harness.mjs";
import { serve } from "./server.mjs";
import "./units.mjs";
import { declare as declareBrowser } from "./browser.mjs";
import { declare as declareLacks } from "./lacks.mjs";
import { declare as declareLooks } from "./looks.mjs";

const [arenaria, component, executablePath, screenshots] = process.argv.slice(2);
if (!screenshots) throw new Error("usage: node main.mjs ARENARIA COMPONENT BROWSER SCREENSHOTS");

// The packages are where npm installed them, which is not beside this file.
const require = createRequire(join(process.cwd(), "package.json"));
const { chromium } = (await import(pathToFileURL(require.resolve("playwright-core")))).default;

/** Nothing that a browser does by itself: no updates, no first greetings, no sound of the network. */
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

mkdirSync(screenshots, { recursive: true });
const server = await serve(arenaria, component);
let browser;
let failed = 1;
try {
  // It makes a new profile, and removes it at the end.
  browser = await chromium.launch({ executablePath, headless: true, args: QUIET });
  declareBrowser({ browser, server });
  declareLooks({ browser, server, screenshots });
  declareLacks({ browser, server });
  failed = await run();
} finally {
  await browser?.close();
  await server.stop();
}
process.exitCode = failed === 0 ? 0 : 1;
