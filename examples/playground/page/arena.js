// The arena, drawn from what `arenaria:processor/memory.usage` says after each run, and from nothing
// else. All marks are the instance's: the highest since it began.

import { size } from "./units.js";

/** How long a run is replayed: three phases and the reset. */
const REPLAY_MS = 900;

/** A part that is there is seen, however small. */
const SLIVER = 0.004;

export class Arena {
  #root;
  #phases = new Map();
  #replay = null;
  #calm = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(root) {
    this.#root = root;
  }

  /** Draws the box as it is after a run. */
  show({ usage, shape, requests }) {
    const { capacity, persistent, sealed, highWater, resets } = usage;
    const total = shape.linearBytes;
    const fixed = total - capacity;
    this.#part("fixed", fixed, total);
    this.#part("persistent", persistent, total);
    this.#part("sealed", sealed, total);
    const begin = (fixed + persistent + sealed) / total;
    const end = Math.min(1, begin + Math.max(highWater / total, SLIVER));
    this.#find(".high").style.left = `${begin * 100}%`;
    this.#find(".high").style.width = `${(end - begin) * 100}%`;
    // Keeps the words beside it. Of the strip's width, as padding is counted.
    this.#find(".part-free").style.setProperty("--high", `${(end - begin) * 100}%`);
    this.#find(".beam polygon").setAttribute(
      "points",
      `${begin * 1000},0 ${end * 1000},0 1000,30 0,30`,
    );
    this.#say("high-water", size(highWater));
    this.#say("capacity", size(capacity));
    this.#say("resets", resets.toLocaleString("en"));
    this.#say("linear", size(total));
    this.#say("since", requests === 1 ? "this request" : `the last ${requests} requests`);
    this.#say("of-fixed", size(fixed));
    this.#say("of-persistent", size(persistent));
    this.#find(".key-sealed").hidden = sealed === 0;
    this.#say("of-sealed", size(sealed));
    this.#say("scale", magnification(total / Math.max(highWater, 1)));
    this.#drawPhases(usage.phases, highWater);
    this.#find(".strip").setAttribute("aria-label", this.#sentence(usage, total));
    this.#root.classList.add("known");
  }

  /** The instance is gone; what is shown was its last. */
  forget() {
    this.#replay?.cancel();
    this.#root.classList.remove("known");
  }

  #drawPhases(phases, highWater) {
    const list = this.#find(".phases");
    for (const { name, highWater: mark } of phases) {
      let row = this.#phases.get(name);
      if (!row) {
        row = phaseRow(name);
        this.#phases.set(name, row);
        list.append(row);
      }
      const share = highWater === 0 ? 0 : mark / highWater;
      row.querySelector(".gauge").style.setProperty("--share", share);
      row.querySelector(".bytes").textContent = size(mark);
    }
    for (const [name, row] of this.#phases) {
      row.hidden = !phases.some((phase) => phase.name === name);
    }
    this.#play(phases, highWater);
  }

  /** Fills and smooths the box once, phase by phase. Skipped while the last replay still runs. */
  #play(phases, highWater) {
    if (this.#calm.matches || highWater === 0 || this.#replay?.playState === "running") return;
    const step = 1 / (phases.length + 1);
    phases.forEach(({ name, highWater: mark }, index) => {
      const level = `scaleX(${mark / highWater})`;
      this.#phases.get(name).querySelector(".grain").animate(
        [
          { transform: "scaleX(0)", opacity: 1, offset: 0 },
          { transform: "scaleX(0)", opacity: 1, offset: index * step },
          { transform: level, opacity: 1, offset: (index + 0.8) * step },
          { transform: level, opacity: 1, offset: 1 - step * 0.6 },
          { transform: level, opacity: 0, offset: 1 },
        ],
        { duration: REPLAY_MS, easing: "ease-out" },
      );
    });
    this.#replay = this.#find(".high").animate(
      [{ opacity: 0.35 }, { opacity: 1, offset: 0.7 }, { opacity: 1 }],
      { duration: REPLAY_MS },
    );
  }

  #part(name, bytes, total) {
    const element = this.#find(`.part-${name}`);
    element.style.width = `${(bytes / total) * 100}%`;
    element.hidden = bytes === 0;
  }

  #sentence({ capacity, persistent, highWater, phases }, total) {
    const marks = phases.map(({ name, highWater: mark }) => `${name} ${size(mark)}`).join(", ");
    return `Memory of ${size(total)}: the arena has ${size(capacity)}, of which ` +
      `${size(persistent)} are persistent and at most ${size(highWater)} were in use; ${marks}.`;
  }

  #say(name, text) {
    this.#find(`[data-say="${name}"]`).textContent = text;
  }

  #find(selector) {
    return this.#root.querySelector(selector);
  }
}

function phaseRow(name) {
  const row = document.createElement("li");
  row.className = `phase phase-${name}`;
  for (const [kind, text] of [["name", name], ["gauge", ""], ["bytes", ""]]) {
    const element = document.createElement("span");
    element.className = kind;
    element.textContent = text;
    row.append(element);
  }
  const grain = document.createElement("span");
  grain.className = "grain";
  row.querySelector(".gauge").append(grain);
  return row;
}

function magnification(factor) {
  return factor < 10 ? `${factor.toFixed(1)} ×` : `${Math.round(factor).toLocaleString("en")} ×`;
}
