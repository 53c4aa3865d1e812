// A server as a child process, started as an operator starts it, with a playground of its own choice.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** Starts `arenaria serve` on free ports and waits until it says where. */
export async function serve(arenaria, component, settings = ["ad-hoc=true"]) {
  const listen = ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"];
  // The patience of a machine that does much else meanwhile.
  const patience = ["--workers", "1", "--guest-time", "20s", "--queue-time", "30s"];
  const set = settings.flatMap((setting) => ["--set", setting]);
  const args = ["serve", component, "--playground", ...listen, ...patience, ...set];
  const child = spawn(arenaria, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the server ended with code ${code}`);
  });
  const page = await Promise.race([announced(child.stdout), ended]);
  ended.catch(() => {});
  return {
    page,
    async stop() {
      child.kill("SIGKILL");
      await ended.catch(() => {});
    },
  };
}

async function announced(stdout) {
  for await (const line of createInterface({ input: stdout })) {
    const [, address] = /^playground on (\S+)$/.exec(line) ?? [];
    if (address) return address;
  }
  throw new Error("the server did not say where the playground is");
}
