// A server as a child process, with a configuration in a folder of its own.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A name that would be a picture and a script, if a page took it for HTML. */
export const COMPONENT = "<img src=x onerror=alert(1)>.wasm";

const KEYS = (operator) => `
listen = "127.0.0.1:0"
operator-listen = "${operator}"
workers = 1
slots = 4
[limits]
guest-time = "20s"
queue-time = "30s"
memory = "4MiB"
`;

const ROUTE = `
[[route]]
path = "/"
component = '${COMPONENT}'
`;

export class Server {
  #child;
  #ended;
  #folder;
  /** Where requests go, and where the page is. */
  data;
  page;

  /** Starts `arenaria serve`, with these keys of the server before its route, and waits until it says where. */
  static async start(arenaria, component, options = {}) {
    const { keys = "", operator = "127.0.0.1:0", edit = (text) => text, names = [COMPONENT] } = options;
    const self = new Server();
    self.#folder = mkdtempSync(join(tmpdir(), "live-page-"));
    for (const name of names) copyFileSync(component, join(self.#folder, name));
    self.configure(edit(keys + KEYS(operator) + ROUTE));
    self.#child = spawn(arenaria, ["serve"], { cwd: self.#folder, stdio: ["ignore", "pipe", "inherit"], env: environment() });
    self.#ended = once(self.#child, "exit");
    for await (const line of createInterface({ input: self.#child.stdout })) {
      const [, kind, address] = /^(listening|operator) on (\S+)$/.exec(line) ?? [];
      if (kind === "listening") self.data = address;
      if (kind === "operator") {
        self.page = address;
        return self;
      }
    }
    throw new Error("the server did not say where it listens");
  }

  /** Writes the configuration. */
  configure(text) {
    writeFileSync(join(this.#folder, "arenaria.toml"), text);
  }

  signal(name) {
    this.#child.kill(name);
  }

  async stop() {
    this.signal("SIGKILL");
    await this.#ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Without the variables of arenaria, except where compiled components are kept. */
function environment() {
  const kept = ([name]) => !name.startsWith("ARENARIA_") || name === "ARENARIA_CACHE";
  return Object.fromEntries(Object.entries(process.env).filter(kept));
}

/** Sends requests, some at a time, until it is stopped. */
export function load(address, paths, atOnce = 2) {
  let goesOn = true;
  const send = async (first) => {
    for (let number = first; goesOn; number += 1) {
      const path = paths[number % paths.length];
      const body = "x".repeat(200 + ((number * 7919) % 900_000));
      const response = await fetch(address + path, { method: "POST", body });
      await response.arrayBuffer();
      await new Promise((resume) => setTimeout(resume, 15));
    }
  };
  const all = Array.from({ length: atOnce }, (_, index) => send(index));
  return async () => {
    goesOn = false;
    await Promise.all(all);
  };
}
