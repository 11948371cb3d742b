// What users get: bytes, minified and gzipped, of what a bundler leaves of the package in dist/ where only this much of it
// is used, as it is first loaded, and of the files that are loaded when they are needed. build.mjs checks the limits, and
// ./run bench wasm prints the same sizes beside those of other packages.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const dist = join(fileURLToPath(new URL(".", import.meta.url)), "dist");

/** Loaded when they are needed. */
const lazy = ["./wasm2js.js", "./extras.js", "./core-module.js"];

/** The adapters, beside `millrace`, which they import: what is measured of each, and its bytes at most. */
export const adapters = {
  react: ["useEventSource", 672],
  vue: ["useEventSource", 400],
  svelte: ["eventSourceStore", 400],
  observable: ["observeEvents", 400],
  "from-readable-stream": ["EventSource", 1088],
  inspect: ["inspect", 1024],
};

/** `contents` is a program that uses the package; `external` is not counted. */
export const uses = [
  { what: "EventSource alone", contents: 'export { EventSource } from "./index.js"', limit: 9_420 },
  { what: "the whole package", contents: 'export * from "./index.js"', limit: 15_424 },
  { what: "millrace/eventsource", contents: 'export { EventSource } from "./eventsource.js"', limit: 4_360 },
  {
    what: "  and with its first source, core-module.js",
    contents: 'export * from "./core-module.js"',
    limit: 4_980,
    external: ["./wasm2js.js"],
  },
  { what: "extras.js, where it is needed", contents: 'export * from "./extras.js"', limit: 6_984, external: [] },
  ...Object.entries(adapters).map(([name, [exported, limit]]) => ({
    what: `millrace/${name} beside it`,
    contents: `export { ${exported} } from "./${name}.js"`,
    limit,
    external: ["millrace", "react", "vue"],
  })),
];

export async function sizeOf({ contents, external = lazy, resolveDir = dist }) {
  const { outputFiles } = await esbuild.build({
    stdin: { contents, resolveDir },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "ascii",
    legalComments: "none",
    logLevel: "error",
    write: false,
    external,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}
