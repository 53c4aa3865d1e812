// The same request to the server that serves this page, and whether its answer has the same bytes.
//
// Nothing is sent before somebody asks for it. `arenaria serve --playground` serves this page and the routes
// from one origin, and says in `server.json` which routes take programs. Served by anything else, the page
// shows the command that asks a server.

import { size, time } from "./units.js";

/** A request line must fit into the server's `request-head`. */
const PROGRAM_BYTES_MAX = 12 * 1024;

/** A document that is shown in the command itself. */
const INLINE_MAX = 400;

export class Server {
  #root;
  #route;
  #isOn;
  #command;
  #verdict;
  #origin = "http://127.0.0.1:8080";
  /** Ends the question that is under way. */
  #abort = new AbortController();
  #last = null;

  constructor(root) {
    this.#root = root;
    this.#route = root.querySelector("select");
    this.#isOn = root.querySelector("input");
    this.#command = root.querySelector("code");
    this.#verdict = root.querySelector(".verdict");
    this.#isOn.addEventListener("change", () => this.#again());
    this.#route.addEventListener("change", () => this.#again());
    const copy = root.querySelector("button");
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(this.#command.textContent);
      copy.textContent = "Copied";
      setTimeout(() => (copy.textContent = "Copy"), 1500);
    });
  }

  /** Asks who serves this page. */
  async discover() {
    const response = await fetch("server.json").catch(() => null);
    const about = response?.ok ? await response.json().catch(() => null) : null;
    if (about) {
      this.#origin = location.origin;
      this.#route.replaceChildren(...about.routes.map((path) => new Option(path, path)));
      this.#route.closest("label").hidden = about.routes.length < 2;
    }
    this.#isOn.disabled = !about?.routes.length;
    const reason = this.#root.querySelector(".reason");
    reason.textContent = why(about);
    reason.hidden = reason.textContent === "";
    this.#again();
  }

  /** Shows the command for this job, and sends it if that is wanted. */
  async compare(job, message) {
    this.#last = { job, message };
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#command.textContent = this.#curl(job);
    if (!this.#isOn.checked) return this.#say("", "");
    const program = encode(job.program);
    if (program.length > PROGRAM_BYTES_MAX) {
      return this.#say("unknown", "not sent: the program is too long for a request line");
    }
    this.#say("asking", "asking the server …");
    const outcome = await ask(`${this.#route.value}?program=${program}`, job.document, signal);
    // Meanwhile something newer may have been asked.
    if (!signal.aborted) this.#judge(outcome, message);
  }

  #again() {
    if (this.#last) this.compare(this.#last.job, this.#last.message);
  }

  #judge(outcome, message) {
    if (outcome.error) return this.#say("unknown", `the server did not answer: ${outcome.error}`);
    const [status, length, taken] = [outcome.status, size(outcome.body.length), time(outcome.milliseconds)];
    const facts = `${status}, ${length}, ${taken}`;
    if (message.type !== "answer") {
      return this.#say("unknown", `here there was no answer; the server answered ${facts}`, outcome);
    }
    const isSame = outcome.status === message.status && equal(outcome.body, message.body);
    if (isSame) this.#say("same", `the same bytes from the server: ${status}, ${taken}`);
    else this.#say("different", `the server answers otherwise: ${facts}`, outcome);
  }

  #say(kind, text, outcome) {
    this.#verdict.dataset.kind = kind;
    this.#verdict.querySelector("span").textContent = text;
    const body = this.#verdict.querySelector("pre");
    body.hidden = !outcome;
    body.textContent = outcome ? new TextDecoder().decode(outcome.body.slice(0, 2000)) : "";
  }

  #curl({ program, document }) {
    const route = this.#route.value || "/";
    const isShort = document.length <= INLINE_MAX && !document.startsWith("@");
    const data = isShort ? quote(document) : "@document.json";
    const address = `${this.#origin}${route}?program=${encode(program)}`;
    return `curl -g --data-binary ${data} ${quote(address)}`;
  }
}

/** Why nothing can be compared here. Empty if it can. */
function why(about) {
  if (!about) {
    return "This page was not served by arenaria, and a page cannot read what another server answers. " +
      "Start arenaria serve transform.wasm --set ad-hoc=true --playground to compare here, " +
      "or ask it with this command:";
  }
  if (about.routes.length > 0) return "";
  return "This server has no route whose requests may bring programs. " +
    "Start it with --set ad-hoc=true to compare here, or ask one that has with this command:";
}

async function ask(path, body, signal) {
  const start = performance.now();
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal,
    });
    const bytes = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, body: bytes, milliseconds: performance.now() - start };
  } catch (error) {
    return { error: error.message };
  }
}

function equal(left, right) {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** An apostrophe would end the quoted word of a shell. */
function encode(program) {
  return encodeURIComponent(program).replaceAll("'", "%27");
}

function quote(text) {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
