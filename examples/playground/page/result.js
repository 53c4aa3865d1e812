// The answer, as a person reads it.

import { indent, paint } from "./highlight.js";
import { DEADLINE_MS } from "./runner.js";
import { size, time } from "./units.js";

/** Beyond this many characters only the beginning is shown. */
const SHOWN_MAX = 200_000;

/** What went wrong, with the part of the page that it belongs to. Null if nothing did. */
export function problemOf(message) {
  switch (message.type) {
    case "deadline":
      return {
        kind: "deadline",
        detail: `stopped: the program ran for longer than ${DEADLINE_MS / 1000} s; ` +
          "the next run has a new instance",
      };
    case "trap":
      return message.isMemory
        ? {
          kind: "memory",
          detail: "the memory for one request is exhausted; the next run has a new instance",
        }
        : { kind: "trap", detail: `the component trapped: ${message.message}` };
    case "failed":
      return { kind: "error", detail: `the component cannot run here: ${message.message}` };
    default:
      return message.status >= 400 ? problemDocument(message.body) : null;
  }
}

function problemDocument(body) {
  const { type, detail, offset } = JSON.parse(new TextDecoder().decode(body));
  return { kind: type.slice(type.lastIndexOf(":") + 1), detail, offset };
}

/** What the server would have said where the component has no more to say. */
const STATUS_WITHOUT_ANSWER = { deadline: 504, memory: 507, trap: 500 };

export class Result {
  #root;
  #status;
  #text;
  #lead;
  #isIndented;
  #last = "";
  #hasShown = false;

  constructor(root) {
    this.#root = root;
    this.#status = root.querySelector(".status");
    this.#text = root.querySelector("pre");
    this.#lead = root.querySelector(".lead");
    const box = root.querySelector("input");
    this.#isIndented = box.checked;
    box.addEventListener("change", () => {
      this.#isIndented = box.checked;
      this.#draw();
    });
  }

  focus() {
    this.#text.focus();
  }

  /** Shows the answer and gives one sentence about it. */
  show(message, problem, sentence) {
    // For those who measure: from here on there is something to see.
    if (!this.#hasShown) performance.mark("first-result");
    this.#hasShown = true;
    this.#root.classList.toggle("wrong", problem !== null);
    this.#root.classList.remove("busy");
    const status = message.status ?? STATUS_WITHOUT_ANSWER[problem.kind];
    const isAnswer = message.type === "answer";
    this.#last = isAnswer ? new TextDecoder().decode(message.body) : "";
    this.#lead.textContent = problem ? sentence : this.#isEmpty(message) ? "no output" : "";
    this.#lead.hidden = this.#lead.textContent === "";
    const facts = isAnswer
      ? [counted(message), size(message.body.length), time(message.milliseconds)]
      : [];
    this.#status.replaceChildren(badge(status, problem), ...facts.map(fact));
    this.#draw();
    return problem ? sentence : `result: ${facts.join(", ")}`;
  }

  /** Says that a run takes its time. */
  wait() {
    this.#root.classList.add("busy");
  }

  #isEmpty(message) {
    return message.status === 204;
  }

  #draw() {
    const isCut = this.#last.length > SHOWN_MAX;
    const shown = isCut ? this.#last.slice(0, SHOWN_MAX) : this.#last;
    // Cut text is no JSON any more, and could only be indented by luck.
    const text = this.#isIndented && !isCut ? indent(shown) : shown;
    this.#text.replaceChildren(paint(text, "json", null));
    if (isCut) {
      const rest = document.createElement("em");
      rest.textContent = `\n… and ${size(this.#last.length - SHOWN_MAX)} more`;
      this.#text.append(rest);
    }
  }
}

function badge(status, problem) {
  const element = document.createElement("strong");
  element.className = "badge";
  element.textContent = status === undefined ? problem.kind : `${status}`;
  element.title = "The status that the server answers with";
  return element;
}

function fact(text) {
  const element = document.createElement("span");
  element.textContent = text;
  return element;
}

function counted({ status, headers, body }) {
  if (status >= 400) return "problem";
  if (status === 204) return "no output";
  const type = headers.find(([name]) => name === "content-type")?.[1] ?? "";
  if (!type.includes("ndjson")) return "one document";
  return `${body.reduce((lines, byte) => lines + (byte === 10), 0)} lines`;
}
