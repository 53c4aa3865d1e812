// Draws the report that the page embeds. All text enters as text nodes, never as HTML.
"use strict";
const report = JSON.parse(document.getElementById("report").textContent);
const LOOKS = {
  broken: ["✗", "BROKEN"], missed: ["△", "missed"], holds: ["✓", "holds"], noted: ["•", "noted"],
};
const DASHES = [[], [9, 3], [4, 3], [10, 3, 3, 3], [16, 4], [2, 3], [14, 3, 3, 3, 3, 3], [5, 2, 2, 2]];

/** An element with attributes and children; strings become text. */
function el(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A number with three digits that count, grouped by thousands. */
function number(value) {
  if (value === null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e15) return value.toExponential(2);
  if (Number.isInteger(value) || size >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toLocaleString("en-US", { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });
}

function short(value) {
  const format = { notation: "compact", maximumSignificantDigits: 4 };
  return value === null ? "" : value.toLocaleString("en-US", format);
}

const range = (spread) => `${number(spread.min)}–${number(spread.max)}`;
const anchor = (index) => `${index + 1}-${report.sections[index].scenario}`;
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function badge(verdict) {
  const [mark, word] = LOOKS[verdict];
  return el("span", { class: `badge ${verdict}` }, el("span", { "aria-hidden": "true" }, mark), ` ${word}`);
}

function facts(entries) {
  const rows = entries.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  return el("dl", { class: "facts" }, ...rows);
}

function summary() {
  const section = el("section", { id: "findings" }, el("h2", {}, "Findings"));
  const cut = report.sections.filter((one) => one.interrupted).length;
  if (cut > 0) section.append(el("p", { class: "interrupted" }, `! interrupted sections: ${cut}`));
  const tiles = section.appendChild(el("ul", { class: "tiles" }));
  for (const [verdict, [mark, word]] of Object.entries(LOOKS)) {
    const found = report.sections.flatMap((one, index) =>
      one.findings.filter((f) => f.verdict === verdict).map((f) => [f, one, index]));
    const none = found.length ? "" : " none";
    tiles.append(el("li", { class: verdict + none }, el("span", { class: "mark", "aria-hidden": "true" }, mark),
      el("strong", {}, String(found.length)), ` ${word}`));
    if (!found.length) continue;
    const wrong = verdict === "broken" || verdict === "missed";
    const open = wrong || found.length <= 8 ? { open: "" } : {};
    const items = found.map(([finding, one, index]) => el("li", {},
      el("a", { href: `#${anchor(index)}` }, finding.text), " ", el("span", { class: "from" }, one.title)));
    section.append(el("details", { class: "verdicts", ...open },
      el("summary", {}, badge(verdict), ` ${found.length}`), el("ul", {}, ...items)));
  }
  return section;
}

function table(data) {
  const numeric = data.columns.map((_, index) => data.rows.some((row) => typeof row[index] !== "string"));
  const look = (index) => (numeric[index] ? { class: "number" } : {});
  const cell = (value) => {
    if (typeof value === "string") return [value];
    if (value === null || typeof value === "number") return [number(value)];
    if (value.min === value.max) return [number(value.median)];
    return [number(value.median), el("span", { class: "range" }, ` (${range(value)})`)];
  };
  const head = data.columns.map((column, index) => el("th", { scope: "col", ...look(index) }, column));
  const rows = data.rows.map((row) => el("tr", {}, ...row.map((value, index) =>
    el(index ? "td" : "th", { ...(index ? {} : { scope: "row" }), ...look(index) }, ...cell(value)))));
  return el("figure", { class: "table" }, el("figcaption", {}, el("h3", {}, data.title)),
    el("div", { class: "scroll", role: "region", "aria-label": data.title, tabindex: "0" },
      el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows))));
}

function bars(data) {
  const shown = data.bars.filter((bar) => bar.value.max > 0);
  const greatest = Math.max(...shown.map((bar) => bar.value.max));
  const least = Math.min(...shown.map((bar) => (bar.value.min > 0 ? bar.value.min : bar.value.max)));
  const low = Math.log10(least) - 1;
  const place = (value) => {
    if (!(value > 0)) return 0;
    return 100 * (data.axis.log ? (Math.log10(value) - low) / (Math.log10(greatest) - low) : value / greatest);
  };
  const rows = data.bars.map(({ name, value }) => {
    const text = value.min < value.max ? `${number(value.median)} (${range(value)})` : number(value.median);
    const fill = el("div", { class: "fill" });
    fill.style.width = `${place(value.median)}%`;
    const whisker = el("div", { class: "range-line" });
    whisker.style.left = `${place(value.min)}%`;
    whisker.style.width = `${place(value.max) - place(value.min)}%`;
    return el("li", {}, el("span", {}, name, " ", el("strong", {}, text)), el("div", { class: "track" }, fill, whisker));
  });
  const log = data.axis.log ? ", logarithmic" : "";
  return el("figure", { class: "plot" }, el("figcaption", {}, el("h3", {}, data.title)),
    el("p", { class: "note" }, data.axis.label + log), el("ul", { class: "bars" }, ...rows));
}

/** Draws a vertical line and its word for each mark. */
function drawMarks(marks) {
  return (plot) => {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = css("--mark");
    ctx.font = `${11 * ratio}px sans-serif`;
    ctx.setLineDash([2 * ratio, 3 * ratio]);
    marks.forEach((mark, index) => {
      const x = plot.valToPos(mark.x, "x", true);
      if (!Number.isFinite(x)) return;
      const before = x > bbox.left + bbox.width * 0.75;
      ctx.textAlign = before ? "right" : "left";
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const row = bbox.top + (12 + 14 * (index % 4)) * ratio;
      ctx.fillText(mark.label, x + (before ? -4 : 4) * ratio, row);
    });
    ctx.restore();
  };
}

function lines(data) {
  const figure = el("figure", { class: "plot" }, el("figcaption", {}, el("h3", {}, data.title)));
  const fits = (axis, value) => value !== null && (!axis.log || value > 0);
  let hidden = 0;
  const series = data.series.map((one) => {
    const points = one.points.filter(([x, y]) => fits(data.x, x) && fits(data.y, y));
    hidden += one.points.length - points.length;
    return [points.map((point) => point[0]), points.map((point) => point[1])];
  });
  if (series.every(([xs]) => xs.length === 0)) {
    figure.append(el("p", { class: "note" }, "There are no values."));
    return [figure, () => {}];
  }
  const place = figure.appendChild(el("div", { class: "canvas" }));
  if (hidden > 0) figure.append(el("p", { class: "note" }, `Values that this axis cannot show: ${hidden}.`));
  let plot = null;
  const draw = () => {
    plot?.destroy();
    const axis = (one, size) => ({
      label: one.label, stroke: css("--muted"), values: (_, ticks) => ticks.map(short), size,
      grid: { stroke: css("--grid"), width: 1 }, ticks: { stroke: css("--grid"), width: 1 },
    });
    const scale = (one) => (one.log ? { time: false, distr: 3 } : {
      time: false, range: (_, min, max) => [Math.min(0, min), max > 0 ? max * 1.02 : 1],
    });
    const curve = (one, index) => ({
      label: one.name, stroke: css(`--series-${(index % 8) + 1}`), width: 1.5, dash: DASHES[index % 8],
      points: { show: one.points.length < 60, size: 5 }, spanGaps: true, value: (_, value) => number(value ?? null),
    });
    plot = new uPlot({
      width: place.clientWidth || 800, height: 320, axes: [axis(data.x, 34), axis(data.y, 56)],
      scales: { x: scale(data.x), y: scale(data.y) },
      series: [{ label: data.x.label, value: (_, value) => number(value ?? null) }, ...data.series.map(curve)],
      hooks: { draw: [drawMarks(data.marks)] },
    }, uPlot.join(series.map(([xs, ys]) => [xs, ys])), place);
  };
  return [figure, draw];
}

const redraws = [];
function plot(data) {
  if (data.kind === "bars") return bars(data);
  const [figure, draw] = lines(data);
  redraws.push(draw);
  return figure;
}

function section(data, index) {
  const id = anchor(index);
  const section = el("section", { id }, el("h2", {}, el("a", { href: `#${id}` }, data.title), " ",
    el("code", {}, data.scenario)));
  if (data.interrupted) section.append(el("p", { class: "interrupted" }, "! interrupted before its end"));
  if (data.summary) section.append(el("p", { class: "summary" }, data.summary));
  const findings = data.findings.map((f) => el("li", {}, badge(f.verdict), el("span", {}, f.text)));
  section.append(el("ul", { class: "findings" }, ...findings), ...data.plots.map(plot), ...data.tables.map(table));
  if (data.commands.length) {
    section.append(el("details", { class: "commands" }, el("summary", {}, `Commands (${data.commands.length})`),
      ...data.commands.map((command) => el("pre", {}, command))));
  }
  return section;
}

function contents() {
  const items = report.sections.map((one, index) => {
    const item = el("li", {}, el("a", { href: `#${anchor(index)}` }, one.title));
    for (const verdict of ["broken", "missed"]) {
      const count = one.findings.filter((f) => f.verdict === verdict).length;
      if (count) item.append(" ", el("span", { class: `count ${verdict}` }, `${LOOKS[verdict][0]} ${count}`));
    }
    return item;
  });
  return el("nav", { "aria-label": "Contents" }, el("h2", {}, "Contents"), el("ol", {},
    el("li", {}, el("a", { href: "#findings" }, "Findings")), ...items,
    el("li", {}, el("a", { href: "#machine" }, "Machine"))));
}

document.title = `arenaria: load tests of ${report.started}`;
const machine = Object.entries(report.machine).map(([name, value]) =>
  [name.replaceAll("_", " "), value === null || value === "" ? "unknown" : typeof value === "object" ? JSON.stringify(value) : String(value)]);
document.body.append(
  el("header", {}, el("h1", {}, "Load tests of arenaria"), facts([["Begun", report.started],
    ["Versions", report.versions.join(", ")], ["Command", el("code", {}, report.command)]])),
  contents(),
  el("main", {}, summary(), ...report.sections.map(section),
    el("section", { id: "machine" }, el("h2", {}, "Machine"), facts(machine))));
const redraw = () => redraws.forEach((draw) => draw());
redraw();
addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
