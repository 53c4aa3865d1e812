// Answers by path, as the other test components do: see ../README.md.

import { getArguments, getEnvironment } from 'wasi:cli/environment@0.2.10';
import { subscribeDuration } from 'wasi:clocks/monotonic-clock@0.2.10';
import { getDirectories } from 'wasi:filesystem/preopens@0.2.10';
import { getRandomBytes } from 'wasi:random/random@0.2.10';

const HOUR = 3_600_000;
const GROW_BYTES = 24 << 20;

// What an instance that is used again still has.
let count = 0;
const kept = [];

addEventListener('fetch', (event) => event.respondWith(respond(event.request)));

async function respond(request) {
  const url = new URL(request.url);
  count += 1;
  switch (url.pathname) {
    case '/':
      return text('hello, world\n');
    case '/echo':
      return new Response(request.body);
    case '/stream':
      return new Response(stream(Number(url.searchParams.get('chunks') ?? 1000)));
    case '/trap':
      // An error that nobody catches is answered by the engine. The host ends a component that
      // asks for more random bytes than any host gives.
      getRandomBytes(2n ** 62n);
      return text('unreachable\n');
    case '/loop':
      for (;;);
    case '/hoard':
      for (;;) kept.push(new Array(16384).fill(count));
    case '/grow':
      new Uint8Array(GROW_BYTES).fill(1);
      return text('grown\n');
    case '/sleep':
      await new Promise((done) => setTimeout(done, HOUR));
      return text('unreachable\n');
    case '/fetch':
      return fetched(url.searchParams.get('authority'));
    case '/env':
      return text(JSON.stringify({ environment: getEnvironment(), arguments: getArguments() }));
    case '/files':
      return text(JSON.stringify(getDirectories().map(([, name]) => name)));
    case '/leak':
      kept.push(subscribeDuration(0n));
      return text(`${kept.length}\n`);
    case '/remember':
      return text(`${count}\n`);
    default:
      return text('not found\n', 404);
  }
}

function text(body, status = 200) {
  return new Response(body, { status, headers: { 'content-type': 'text/plain' } });
}

// Chunks of 1 KiB, each its number, made when they are asked for.
function stream(chunks) {
  const encoder = new TextEncoder();
  let next = 0;
  return new ReadableStream({
    pull(controller) {
      if (next === chunks) return controller.close();
      controller.enqueue(encoder.encode(`${String(next).padStart(1023)}\n`));
      next += 1;
    },
  });
}

async function fetched(authority) {
  try {
    const answer = await fetch(`http://${authority}/`);
    return text(await answer.text());
  } catch (error) {
    return text(`${error}\n`, 502);
  }
}
