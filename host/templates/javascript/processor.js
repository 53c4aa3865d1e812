// Greets by name. `wit/processor.wit` says what a processor exports.
let greeting = 'hello';

export const lifecycle = {
  // Called once per instance. The settings come from `arenaria.toml`. What it throws ends the start.
  configure(settings) {
    greeting = new Map(settings).get('greeting') ?? greeting;
  },
};

export const handler = {
  // Called once per request, with the whole body as a Uint8Array.
  handle({ method, pathWithQuery, body }) {
    const [path] = pathWithQuery.split('?', 1);
    if (path !== '/') return text(404, 'not found\n');
    if (method === 'GET') return text(200, `${greeting}, world\n`);
    if (method !== 'POST') return text(405, 'expected GET or POST\n');
    return text(200, `${greeting}, ${new TextDecoder().decode(body).trim()}\n`);
  },
};

function text(status, body) {
  const headers = [['content-type', 'text/plain; charset=utf-8']];
  return { status, headers, body: new TextEncoder().encode(body) };
}

// JavaScript has a garbage collector and no arena, so there is nothing to report.
const nothing = {
  capacity: 0n, inUse: 0n, highWater: 0n, requestHighWater: 0n, resets: 0n,
  sealed: 0n, requestSurvivors: 0n, spills: 0n, persistent: 0n, phases: [], retire: false,
};
export const memory = { usage: () => nothing };
