// Program and document in the part of the address after `#`, which a browser never sends. Deflated
// where the browser can; read with a bound, because whoever made the link may mean harm.

/** What every browser, chat and mail still takes as one link. */
export const LINK_BYTES_MAX = 32 * 1024;

/** What a link may unfold to. */
const STATE_BYTES_MAX = 2 * 1024 * 1024;

const PLAIN = "0.";
const DEFLATED = "1.";

/** The fragment, without `#`. Throws a sentence if it is too long for a link. */
export async function encode({ program, document, output }) {
  const bytes = new TextEncoder().encode(JSON.stringify({ program, document, output }));
  const isDeflated = typeof CompressionStream === "function";
  const packed = isDeflated
    ? await collect(through(bytes, new CompressionStream("deflate-raw")), Infinity)
    : bytes;
  const text = (isDeflated ? DEFLATED : PLAIN) + toBase64(packed);
  if (text.length > LINK_BYTES_MAX) {
    throw new Error(
      `too large for a link: ${kib(text.length)} where at most ${kib(LINK_BYTES_MAX)} fit; ` +
        "shorten the document",
    );
  }
  return text;
}

/** What a fragment says. Throws a sentence if it says nothing that was meant for this page. */
export async function decode(text) {
  if (text.length > 4 * LINK_BYTES_MAX) throw new Error("this link is too long");
  try {
    const packed = fromBase64(text.slice(2));
    let bytes = packed;
    if (text.startsWith(DEFLATED)) {
      const inflated = through(packed, new DecompressionStream("deflate-raw"));
      bytes = await collect(inflated, STATE_BYTES_MAX);
    } else if (!text.startsWith(PLAIN)) {
      throw new Error("unknown form");
    }
    const state = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    const isRight = typeof state.program === "string" && typeof state.document === "string";
    if (!isRight) throw new Error("no program and document");
    const { program, document } = state;
    return { program, document, output: state.output === "array" ? "array" : "lines" };
  } catch (cause) {
    throw new Error("this link is damaged: it holds no program and document", { cause });
  }
}

function through(bytes, transformation) {
  return new Blob([bytes]).stream().pipeThrough(transformation);
}

async function collect(stream, most) {
  const chunks = [];
  let length = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > most) {
      await reader.cancel();
      throw new Error("too large");
    }
    chunks.push(value);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** The variant for addresses: no character of it needs escaping. */
function toBase64(bytes) {
  let text = "";
  for (let start = 0; start < bytes.length; start += 8192) {
    text += String.fromCharCode(...bytes.subarray(start, start + 8192));
  }
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function fromBase64(text) {
  const standard = text.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(standard), (character) => character.charCodeAt(0));
}

function kib(bytes) {
  return `${Math.ceil(bytes / 1024)} KiB`;
}
