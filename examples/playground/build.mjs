// Builds the page: transpiles the component, puts it beside the page's files, and packs each file.
//
//     node build.mjs COMPONENT FOLDER     (in a folder where `npm ci` has been run)
//
// What is served is the component's own core module, byte for byte; jco adds the calling code.

import { constants, brotliCompressSync, gzipSync } from "node:zlib";
import { createRequire } from "node:module";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Of the whole page as gzip packs it, the component included. */
const PACKED_BYTES_MAX = 1_200_000;

const [component, folder] = process.argv.slice(2);
if (!folder) throw new Error("usage: node build.mjs COMPONENT FOLDER");

// The packages are where npm installed them, which is not beside this file.
const require = createRequire(join(process.cwd(), "package.json"));
const transpiler = require.resolve("@bytecodealliance/jco-transpile");
const { transpile } = await import(pathToFileURL(transpiler));

const { files, imports } = await transpile(component, {
  name: "transform",
  instantiation: "async",
  base64Cutoff: 0,
  emitTypescriptDeclarations: false,
  minify: true,
  nodejsCompat: false,
  wasiShim: false,
});
if (imports.length > 0) throw new Error(`the component imports ${imports.join(", ")}`);

const page = join(import.meta.dirname, "page");
const all = new Map(Object.entries(files));
for (const name of readdirSync(page)) all.set(name, readFileSync(join(page, name)));

// Nothing of an earlier build stays.
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const sum = { plain: 0, gzip: 0, brotli: 0 };
for (const [name, bytes] of all) {
  const gzip = gzipSync(bytes, { level: 9 });
  const brotli = brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  writeFileSync(join(folder, name), bytes);
  writeFileSync(join(folder, `${name}.gz`), gzip);
  writeFileSync(join(folder, `${name}.br`), brotli);
  sum.plain += bytes.length;
  sum.gzip += gzip.length;
  sum.brotli += brotli.length;
}
const kb = (bytes) => `${Math.round(bytes / 1000)} kB`;
console.log(
  `playground: ${all.size} files, ${kb(sum.plain)}; ${kb(sum.gzip)} with gzip, ${kb(sum.brotli)} with brotli`,
);
if (sum.gzip > PACKED_BYTES_MAX) {
  throw new Error(`${sum.gzip} bytes with gzip where at most ${PACKED_BYTES_MAX} are allowed`);
}
