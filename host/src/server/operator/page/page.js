// The live page. Everything from the server is put in as text, never as HTML: paths and names are of others.

const RATE_SECONDS = 5;
const LATENCY_SECONDS = 10;
const HISTORY_SECONDS = 60;
const SILENCE_MS = 10_000;
const PAUSE_MS_MAX = 15_000;
const BIG_BOXES_MAX = 24;
const BOXES_MAX = 96;

const REASONS = {
  trap: "trapped, exhausted its stack or its handles, or returned no response",
  deadline: "exceeded guest-time, request-time or configure-time",
  memory: "exhausted its memory",
  cancelled: "was in a call when the client left, or did not read its response",
  requests: "served requests-per-instance requests",
  idle: "was idle for idle-instance-time after it had served",
  "requested-by-guest": "asked for its replacement",
  "memory-grown": "has grown to more than retire-memory",
  "handle-leak": "holds many more handles than after its first request",
  backpressure: "still asked for backpressure after its request",
  replaced: "belonged to a component or a route that was replaced or removed",
  failed: "could not be started",
};

/** Those that follow from the configuration, not from a fault. */
const EXPECTED = ["requests", "idle", "requested-by-guest", "replaced"];

const get = (id) => document.getElementById(id);

/** An element with a class and a text, or with children. */
function make(name, className, ...content) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

/** Sets a text, and touches nothing if it is there already. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Numbers.

function rate(value) {
  if (value === 0) return "0";
  if (value < 10) return value.toFixed(1);
  return Math.round(value).toLocaleString("en");
}

function bytes(value) {
  if (value == null) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A time of a histogram with these bounds: below the lowest and above the highest, it is not known exactly. */
function seconds(value, bounds) {
  if (value == null) return "–";
  if (value === bounds[0]) return `≤ ${Math.round(value * 1e6)} µs`;
  if (value === Infinity) return `> ${bounds.at(-1)} s`;
  if (value >= 1) return `${value.toFixed(1)} s`;
  if (value >= 0.001) return `${(value * 1e3).toFixed(value >= 0.1 ? 0 : 1)} ms`;
  return `${Math.round(value * 1e6)} µs`;
}

const percent = (part) => (part > 0 && part < 0.01 ? "< 1 %" : `${Math.round(part * 100)} %`);
const time = (at) => new Date(at * 1000).toLocaleTimeString("en-GB");
const sum = (numbers) => numbers.reduce((all, number) => all + number, 0);

/**
 * The value below which this part of the observations lies, of the counts of buckets. In the lowest bucket it is its
 * bound, above all bounds it is infinite. Null without observations.
 */
function quantile(part, counts, bounds) {
  const wanted = part * sum(counts);
  if (wanted === 0) return null;
  let before = 0;
  for (let index = 0; index < bounds.length; index += 1) {
    if (before + counts[index] >= wanted) {
      if (index === 0) return bounds[0];
      const from = bounds[index - 1];
      return from + ((bounds[index] - from) * (wanted - before)) / counts[index];
    }
    before += counts[index];
  }
  return Infinity;
}

/** Of each count, by how much it has grown. It begins again at 0 if the server, or the route, is a new one. */
function grown(now, before) {
  if (!before || now.some((count, index) => count < before[index])) return now.map(() => 0);
  return now.map((count, index) => count - before[index]);
}

// What was shown before: the last minute.

let history = [];

function remember(event) {
  const last = history.at(-1);
  if (last && event.uptime < last.uptime) {
    history = [];
    recent.clear();
  }
  if (last && event.uptime === last.uptime) return false;
  history.push(event);
  history = history.filter((old) => event.uptime - old.uptime <= HISTORY_SECONDS + 1);
  return true;
}

/** The youngest event that is at least so old, or the oldest one. */
function ago(age) {
  const now = history.at(-1).uptime;
  return history.findLast((event) => now - event.uptime >= age - 0.5) ?? history[0];
}

const routeOf = (event, path) => event.routes.find((route) => route.path === path);

/** What happened in the last seconds to a route, or to all of them and what no route matched. */
function rates(path, now = history.at(-1), before = ago(RATE_SECONDS)) {
  const passed = now.uptime - before.uptime;
  const counts = (event, route) => {
    const { classes, left } = route?.responses ?? { classes: [0, 0, 0, 0, 0], left: 0 };
    return [...classes, left, route?.["responses-cut"] ?? 0];
  };
  const routes = path == null ? now.routes : [routeOf(now, path)];
  const all = routes.map((route) => grown(counts(now, route), counts(before, routeOf(before, route.path) ?? route)));
  if (path == null) all.push(grown(counts(now, { responses: now.unrouted }), counts(before, { responses: before.unrouted })));
  const per = (index) => (passed > 0 ? sum(all.map((one) => one[index])) / passed : 0);
  return { all: per(0) + per(1) + per(2) + per(3) + per(4) + per(5), bad: per(3), failed: per(4) + per(6), left: per(5) };
}

/** The histogram of the last seconds, of a route or of all. */
function recentCounts(kind, path) {
  const [now, before] = [history.at(-1), ago(LATENCY_SECONDS)];
  const routes = path == null ? now.routes : [routeOf(now, path)];
  const all = routes.map((route) => grown(route[kind], (routeOf(before, route.path) ?? route)[kind]));
  return now.bounds.map((_, index) => sum(all.map((one) => one[index]))).concat(sum(all.map((one) => one.at(-1))));
}

// The whole server.

const tiles = new Map();

function tile(name, text, note, values, isWrong = false) {
  let parts = tiles.get(name);
  if (!parts) {
    const [value, small] = [document.createTextNode(""), make("small")];
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 60 26");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    svg.append(path);
    const box = make("div", "tile", make("dt", "", name), make("dd", "", value, small, svg));
    get("tiles").append(box);
    parts = { box, value, small, path };
    tiles.set(name, parts);
  }
  say(parts.value, text);
  say(parts.small, note ? ` ${note}` : "");
  parts.box.classList.toggle("wrong", isWrong);
  const most = Math.max(...values.map(([, value]) => value), Number.MIN_VALUE);
  const now = history.at(-1).uptime;
  const points = values.map(([at, value]) => [60 - (now - at), 25 - (23 * value) / most]);
  const line = points.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join("L");
  parts.path.setAttribute("d", points.length < 2 ? "" : `M${points[0][0]},27L${line}L60,27`);
}

/** A figure of each event of the last minute, with its time. */
const over = (figure) => history.map((event, index) => [event.uptime, figure(event, history[index - 1] ?? event)]);

function showServer(event) {
  const now = rates();
  const perSecond = (name) => over((event, before) => rates(null, event, before)[name]);
  tile("requests", rate(now.all), "/s", perSecond("all"));
  tile("errors 5xx", rate(now.failed), "/s", perSecond("failed"), now.failed > 0);
  tile("errors 4xx", rate(now.bad), "/s", perSecond("bad"));
  const latency = (kind, part) => (event, before) => {
    const counts = event.routes.map((route) => grown(route[kind], (routeOf(before, route.path) ?? route)[kind]));
    const all = [...event.bounds, 0].map((_, index) => sum(counts.map((one) => one[index])));
    const value = quantile(part, all, event.bounds) ?? 0;
    return value === Infinity ? 2 * event.bounds.at(-1) : value;
  };
  const durations = recentCounts("durations");
  const at = (part, counts = durations) => seconds(quantile(part, counts, event.bounds), event.bounds);
  tile("latency p50", at(0.5), "", over(latency("durations", 0.5)));
  tile("latency p99", at(0.99), "", over(latency("durations", 0.99)));
  const waits = recentCounts("queue-waits");
  tile("wait for a slot p99", at(0.99, waits), "", over(latency("queue-waits", 0.99)));
  tile("connections", event.connections.toLocaleString("en"), "", over((event) => event.connections));
  tile("resident memory", bytes(event["resident-memory-bytes"]), "", over((event) => event["resident-memory-bytes"] ?? 0));

  const { reloads } = event;
  get("reload").hidden = !reloads;
  if (reloads) {
    const refusal = reloads.refusal;
    get("reload").classList.toggle("wrong", refusal != null);
    // Sweden writes dates as ISO 8601 does.
    const since = `The configuration of ${new Date(reloads["loaded-at"] * 1000).toLocaleString("sv-SE")} serves`;
    say(get("reload"), refusal == null
      ? `${since}; ${reloads.ok} reloads, ${reloads.refused} refused.`
      : `${since}. The last reload was refused: ${refusal}`);
  }
}

// Routes and their slots.

const sections = new Map();

function sectionOf(path) {
  let section = sections.get(path);
  if (!section) {
    section = get("route").content.firstElementChild.cloneNode(true);
    section.querySelector("h2").textContent = path;
    get("routes").append(section);
    sections.set(path, section);
  }
  return section;
}

function showRoutes(event) {
  for (const [path, section] of sections) {
    if (!routeOf(event, path)) {
      section.remove();
      sections.delete(path);
    }
  }
  for (const route of event.routes) showRoute(event, route, sectionOf(route.path));
  get("left-out").hidden = event["routes-left-out"] === 0;
  say(get("left-out"), `${event["routes-left-out"]} more routes are not shown here; they are in the metrics.`);
}

function showRoute(event, route, section) {
  const about = [route.component ?? "removed", route.isolation, `${bytes(route["linear-memory-bytes"])} of memory`];
  say(section.querySelector(".about"), about.filter(Boolean).join(" · "));
  const { idle, busy, warming } = route.states;
  const states = `${busy} busy, ${idle} idle${warming ? `, ${warming} warming` : ""}`;
  say(section.querySelector(".states"), states);
  const now = rates(route.path);
  const durations = recentCounts("durations", route.path);
  const at = (part, counts) => seconds(quantile(part, counts, event.bounds), event.bounds);
  figures(section.querySelector(".figures"), [
    ["requests", `${rate(now.all)} /s`],
    ["5xx", `${rate(now.failed)} /s`, now.failed > 0],
    ["4xx", `${rate(now.bad)} /s`],
    ["client left", `${rate(now.left)} /s`],
    ["p50", at(0.5, durations)],
    ["p90", at(0.9, durations)],
    ["p99", at(0.99, durations)],
    ["wait p99", at(0.99, recentCounts("queue-waits", route.path))],
  ]);
  const slots = section.querySelector(".slots");
  const isTogether = route.rows.some((row) => row.slot == null);
  slots.classList.toggle("together", isTogether);
  slots.classList.toggle("many", !isTogether && route.rows.length > BIG_BOXES_MAX);
  slots.classList.toggle("most", !isTogether && route.rows.length > BOXES_MAX);
  const kind = isTogether ? "group" : "slot";
  if (slots.children.length !== route.rows.length || slots.dataset.kind !== kind) {
    slots.dataset.kind = kind;
    slots.replaceChildren(...route.rows.map(() => (isTogether ? newGroup() : newSlot())));
  }
  const isOnly = event.workers === 1;
  route.rows.forEach((row, index) => (isTogether ? showGroup : showSlot)(slots.children[index], row, isOnly));
  const fullest = Math.max(0, ...route.rows.map((row) => part(row.arena ?? row["arena-max"], "high-water-bytes")));
  const label = `Slots of ${route.path}: ${states}; the fullest arena has used ${percent(fullest)} of its memory.`;
  if (slots.getAttribute("aria-label") !== label) slots.setAttribute("aria-label", label);
  if (section.querySelector("details").open) showTable(section.querySelector("table"), route.rows, isTogether);
}

function figures(list, wanted) {
  if (list.children.length === 0) list.append(...wanted.map(([name]) => make("div", "", make("dt", "", name), make("dd"))));
  wanted.forEach(([, text, isWrong = false], index) => {
    const box = list.children[index];
    say(box.lastChild, text);
    box.classList.toggle("wrong", isWrong);
  });
}

/** The part of an arena that a figure is. */
const part = (arena, figure) => (arena ? arena[figure] / Math.max(1, arena["capacity-bytes"]) : 0);

function newSlot() {
  const text = make("div", "say", make("b"), make("span"), make("span"));
  const tank = make("div", "tank", make("div", "fill"), make("div", "kept"), make("div", "top"));
  return make("div", "slot", text, tank);
}

function showSlot(box, row, isOnly) {
  box.className = `slot ${row.state}`;
  const { arena } = row;
  const used = part(arena, "request-high-water-bytes");
  const properties = { used, high: part(arena, "high-water-bytes"), "sealed-part": part(arena, "sealed-bytes") };
  for (const [name, value] of Object.entries(properties)) box.style.setProperty(`--${name}`, value.toFixed(4));
  box.style.setProperty("--least", used > 0 ? "3px" : "0");
  const [state, place, more] = box.querySelector(".say").children;
  say(state, row.state);
  say(place, isOnly ? `slot ${row.slot}` : `worker ${row.worker}, slot ${row.slot}`);
  say(more, arena ? `${percent(used)} of ${bytes(arena["capacity-bytes"])}` : "");
  const title = `worker ${row.worker}, slot ${row.slot}: ${row.state}, ${row.requests ?? 0} requests` +
    (arena ? `, last ${bytes(arena["request-high-water-bytes"])}, most ${bytes(arena["high-water-bytes"])}` : "");
  if (box.title !== title) box.title = title;
}

function newGroup() {
  const bar = (...parts) => make("div", "bar", ...parts.map((part) => make("i", part)));
  return make("div", "group", make("b"), make("p"), bar("busy", "warming", "idle"), make("p"), bar("used", "rest"));
}

function showGroup(box, row) {
  const [title, states, bar, memory, used] = box.children;
  const { busy, warming, idle } = row.slots;
  say(title, row.worker == null ? "all workers" : `worker ${row.worker}`);
  [busy, warming, idle].forEach((count, index) => bar.children[index].style.setProperty("--part", count));
  say(states, `${busy} busy, ${idle} idle${warming ? `, ${warming} warming` : ""}`);
  const most = row["arena-max"];
  memory.hidden = used.hidden = !most;
  const full = part(most, "high-water-bytes");
  say(memory, `the fullest arena has used ${percent(full)} of ${bytes(most?.["capacity-bytes"])}`);
  [full, 1 - full].forEach((part, index) => used.children[index].style.setProperty("--part", part.toFixed(4)));
}

function showTable(table, rows, isTogether) {
  const arena = (figure) => (row) => bytes((row.arena ?? row["arena-max"])?.[figure]);
  const columns = [
    ["worker", (row) => row.worker ?? "all"],
    ...(isTogether
      ? [["busy", (row) => row.slots.busy], ["idle", (row) => row.slots.idle]]
      : [["slot", (row) => row.slot], ["state", (row) => row.state]]),
    ["requests", (row) => row.requests ?? "–"],
    ["memory", (row) => bytes(row["linear-memory-bytes"])],
    ["arena", arena("capacity-bytes")],
    ["last request", arena("request-high-water-bytes")],
    ["most", arena("high-water-bytes")],
    ["sealed", arena("sealed-bytes")],
    ["survivors", arena("request-survivors-bytes")],
  ];
  const cell = (name, text) => make(name, text === "state" || name === "state" ? "" : "number", String(text));
  if (table.tHead.dataset.columns !== columns.map(([name]) => name).join()) {
    table.tHead.dataset.columns = columns.map(([name]) => name).join();
    table.tHead.replaceChildren(make("tr", "", ...columns.map(([name]) => cell("th", name))));
  }
  table.tBodies[0].replaceChildren(
    ...rows.map((row) => make("tr", "", ...columns.map(([, of]) => cell("td", of(row))))));
}

// Retired instances.

/** When the count of a route's reason has grown last, as far as this page has seen it. */
const recent = new Map();

function showRetirements(event, before) {
  const rows = [];
  const told = [];
  for (const route of event.routes) {
    const old = before && (routeOf(before, route.path)?.retirements ?? {});
    for (const [reason, count] of Object.entries(route.retirements)) {
      const key = JSON.stringify([route.path, reason]);
      if (old && count > (old[reason] ?? 0)) {
        recent.set(key, event.at);
        told.push(`${count - (old[reason] ?? 0)} of ${route.path} retired: ${reason}`);
      }
      rows.push([route.path, reason, count, recent.get(key)]);
    }
  }
  get("no-retirements").hidden = rows.length > 0;
  get("retirements").hidden = rows.length === 0;
  rows.sort((one, other) => (other[3] ?? 0) - (one[3] ?? 0) || other[2] - one[2]);
  get("retirements").tBodies[0].replaceChildren(...rows.map(([path, reason, count, last]) => {
    const isNew = last && event.at - last < HISTORY_SECONDS && !EXPECTED.includes(reason);
    return make("tr", isNew ? "new" : "", make("td", "", path), make("td", "", reason),
      make("td", "number", count.toLocaleString("en")), make("td", "number", last ? time(last) : "–"),
      make("td", "soft", REASONS[reason] ?? ""));
  }));
  if (told.length > 0) say(get("live"), told.join("; "));
}

function show(event) {
  const before = history.at(-1);
  if (!remember(event)) return;
  get("main").hidden = false;
  get("main").classList.remove("stale");
  say(get("version"), event.version);
  say(get("at"), `${time(event.at)} · up ${uptime(event.uptime)} · ${event.workers} ${event.workers === 1 ? "worker" : "workers"}`);
  const ready = get("ready");
  ready.hidden = false;
  ready.className = `pill ${event["is-ready"] ? "good" : "wrong"}`;
  say(ready, event["is-ready"] ? "✓ ready" : "✗ not ready");
  showServer(event);
  showRoutes(event);
  showRetirements(event, history.includes(before) ? before : null);
}

function uptime(value) {
  const [days, hours, minutes] = [Math.floor(value / 86_400), Math.floor(value / 3600) % 24, Math.floor(value / 60) % 60];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${Math.floor(value)} s`;
}

// The stream. `EventSource` cannot send a token, so the stream is read by hand.

let token = "";
let pause = 0;

function setConnection(text, kind) {
  const pill = get("connection");
  pill.className = `pill ${kind}`;
  if (pill.textContent !== text) {
    pill.textContent = text;
    say(get("live"), text);
    document.title = kind === "good" ? "arenaria" : `(${text}) arenaria`;
  }
  if (kind !== "good") get("main").classList.add("stale");
}

/** Reads one stream to its end. Gives why it ended. */
async function read() {
  // A header field cannot carry other characters, and no token has them.
  if (!/^[!-~]*$/.test(token)) return "token";
  const abort = new AbortController();
  let silence;
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => abort.abort(), SILENCE_MS);
  };
  heard();
  try {
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    const response = await fetch("events", { headers, cache: "no-store", signal: abort.signal });
    if (response.status === 401) return "token";
    if (!response.ok) return (await response.text()).trim();
    get("token-form").hidden = true;
    // A link cannot send the token.
    get("links").hidden = token !== "";
    let rest = "";
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return "the connection is lost";
      heard();
      const messages = (rest + value).split("\n\n");
      rest = messages.pop();
      for (const message of messages) {
        if (message.startsWith("event: end")) return "the server ends";
        setConnection("● live", "good");
        pause = 0;
        show(JSON.parse(message.slice("data: ".length)));
      }
    }
  } catch {
    return "the connection is lost";
  } finally {
    clearTimeout(silence);
    abort.abort();
  }
}

async function run() {
  for (;;) {
    const why = await read();
    if (why === "token") {
      setConnection("a token is needed", "wrong");
      await askForToken();
      continue;
    }
    setConnection(`✗ ${why}`, "wrong");
    pause = Math.min(Math.max(1000, 2 * pause), PAUSE_MS_MAX);
    await new Promise((resume) => setTimeout(resume, pause));
  }
}

function askForToken() {
  const form = get("token-form");
  say(get("token-note"), token ? "This token was refused." : "");
  form.hidden = false;
  get("token").focus();
  return new Promise((resume) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      token = get("token").value.trim();
      get("token").value = "";
      resume();
    }, { once: true });
  });
}

run();
