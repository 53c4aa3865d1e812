// The page: what is typed is run, and what comes of it is shown.

import { Arena } from "./arena.js";
import { Editor } from "./editor.js";
import { EXAMPLES } from "./examples.js";
import { decode, encode } from "./fragment.js";
import { indexOfByte } from "./position.js";
import { Result, problemOf } from "./result.js";
import { Runner } from "./runner.js";
import { Server } from "./server.js";

/** How long a pause in typing is. */
const PAUSE_MS = 120;

/** A run that takes longer than this is worth a sign. */
const PATIENCE_MS = 150;

/** How long nothing changes before a screen reader hears of it. */
const QUIET_MS = 700;

const find = (selector) => document.querySelector(selector);

function start(module) {
  const program = new Editor(find("#program-pane"), "jq", changed);
  const text = new Editor(find("#document-pane"), "json", changed);
  const result = new Result(find("#result-pane"));
  const arena = new Arena(find("#arena"));
  const server = new Server(find("#server"));
  const output = find("#output");
  const isolation = find("#isolation");
  const runner = new Runner(module, output.value, answered);
  let pause = 0;
  let patience = 0;

  function changed() {
    clearTimeout(pause);
    pause = setTimeout(run, PAUSE_MS);
  }

  function run() {
    clearTimeout(pause);
    clearTimeout(patience);
    patience = setTimeout(() => result.wait(), PATIENCE_MS);
    runner.run({
      program: program.text,
      document: text.text,
      output: output.value,
      isFresh: isolation.value === "fresh",
    });
  }

  function answered(job, message) {
    clearTimeout(patience);
    const problem = problemOf(message);
    program.clear();
    text.clear();
    const sentence = problem ? complain(job, problem) : "";
    announce(result.show(message, problem, sentence));
    if (message.type === "answer") arena.show(message);
    else arena.forget();
    if (job) server.compare(job, message);
  }

  /** Marks the place of a problem where it is, and gives the sentence that says so. */
  function complain(job, { kind, detail, offset }) {
    const places = {
      program: [program, job?.program, "the program"],
      document: [text, job?.document, "the document"],
    };
    if (!Object.hasOwn(places, kind)) return detail;
    const [editor, source, name] = places[kind];
    // What is typed meanwhile is judged by the next run.
    const isOld = source !== editor.text;
    const index = offset === undefined || isOld ? undefined : indexOfByte(source, offset);
    return `${name}, ${editor.complain(detail, index)}`;
  }

  function show(state) {
    program.text = state.program;
    text.text = state.document;
    output.value = state.output ?? "lines";
    run();
  }

  async function showFragment() {
    const fragment = location.hash.slice(1);
    if (fragment === "") return show(EXAMPLES[0]);
    try {
      show(await decode(fragment));
      find("#examples").value = "";
    } catch (error) {
      show(EXAMPLES[0]);
      tell(error.message);
    }
  }

  async function copyLink() {
    const state = { program: program.text, document: text.text, output: output.value };
    try {
      const fragment = await encode(state);
      history.replaceState(null, "", `#${fragment}`);
      await navigator.clipboard.writeText(location.href);
      tell("link copied: it holds the program and the document, and no server is told");
    } catch (error) {
      const isDenied = error instanceof DOMException;
      tell(isDenied ? "the link is in the address bar; copying it was not allowed" : error.message);
    }
  }

  const examples = find("#examples");
  examples.append(...EXAMPLES.map(({ name }, index) => new Option(name, index)));
  examples.value = "0";
  examples.addEventListener("change", () => examples.value && show(EXAMPLES[examples.value]));
  for (const select of [output, isolation]) select.addEventListener("change", run);
  find("#replace").addEventListener("click", () => {
    runner.replace();
    run();
  });
  find("#copy-link").addEventListener("click", copyLink);
  addEventListener("hashchange", showFragment);
  listenToKeys({
    Enter: run,
    KeyP: () => program.focus(),
    KeyJ: () => text.focus(),
    KeyR: () => result.focus(),
    KeyE: () => [program, text].find((editor) => editor.isWrong)?.goToMark(),
    KeyL: copyLink,
  });
  server.discover();
  showFragment();
}

/** Alt+Shift and a letter, wherever the letter stands; and Ctrl+Enter. */
function listenToKeys(actions) {
  addEventListener("keydown", (event) => {
    const isEnter = event.code === "Enter" && (event.ctrlKey || event.metaKey);
    const isLetter = event.altKey && event.shiftKey && event.code.startsWith("Key");
    const action = isEnter || isLetter ? actions[event.code] : undefined;
    if (!action) return;
    event.preventDefault();
    action();
  });
}

let quiet = 0;

/** Says it aloud once typing rests, and nothing twice in a row. */
function announce(sentence) {
  clearTimeout(quiet);
  quiet = setTimeout(() => {
    const live = find("#live");
    if (live.textContent !== sentence) live.textContent = sentence;
  }, QUIET_MS);
}

let told = 0;

/** Something short that passes by itself. */
function tell(sentence) {
  const toast = find("#toast");
  toast.textContent = sentence;
  toast.classList.add("shown");
  clearTimeout(told);
  told = setTimeout(() => toast.classList.remove("shown"), 6000);
}

/** What this browser lacks, as a sentence. Empty if it lacks nothing. */
function missing() {
  const lacks = [];
  if (typeof WebAssembly !== "object") lacks.push("WebAssembly");
  if (typeof Worker !== "function") lacks.push("workers");
  if (typeof BigInt !== "function") lacks.push("64-bit integers");
  return lacks.length === 0 ? "" : `it has no ${lacks.join(" and no ")}`;
}

async function compile() {
  const response = await fetch("transform.core.wasm");
  if (!response.ok) throw new Error(`the component was answered with ${response.status}`);
  // Some servers do not know the type, and then there is no compiling while it comes.
  const isTyped = response.headers.get("content-type")?.startsWith("application/wasm");
  const canStream = isTyped && typeof WebAssembly.compileStreaming === "function";
  return canStream
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer());
}

function apologise(sentence) {
  const sorry = find("#sorry");
  sorry.textContent = sentence;
  sorry.hidden = false;
  document.body.classList.add("broken");
}

const lack = missing();
if (lack) {
  apologise(`This page runs a WebAssembly component, and this browser cannot: ${lack}.`);
} else {
  compile().then(start).catch((error) => {
    apologise(`This page runs a WebAssembly component, and it did not start: ${error.message}.`);
  });
}
