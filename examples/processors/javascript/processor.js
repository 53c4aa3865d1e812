// A processor in JavaScript: greets whoever the body names, and says how often it did.
let greeting = 'hello';
let count = 0;

export const lifecycle = {
  configure(settings) {
    greeting = new Map(settings).get('greeting') ?? greeting;
  },
};

export const handler = {
  handle({ body }) {
    const name = new TextDecoder().decode(body).trim() || 'world';
    count += 1;
    const text = `${greeting}, ${name} (${count})\n`;
    const headers = [['content-type', 'text/plain; charset=utf-8']];
    return { status: 200, headers, body: new TextEncoder().encode(text) };
  },
};

// The engine has a collector of its own and no arena: there is nothing to read.
const nothing = {
  capacity: 0n, inUse: 0n, highWater: 0n, requestHighWater: 0n, resets: 0n,
  sealed: 0n, requestSurvivors: 0n, spills: 0n, persistent: 0n, phases: [], retire: false,
};
export const memory = { usage: () => nothing };
