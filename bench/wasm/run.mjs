// ./run bench wasm: the package beside its peers, in one run. README.md beside this folder says how to read it.

import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { measureAll } from "./compare.mjs";

/** Bytes of what a bundler makes of it, minified and gzipped. */
async function sizeOf(contents, external) {
  const { outputFiles } = await esbuild.build({
    stdin: { contents, resolveDir: new URL(".", import.meta.url).pathname },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    platform: "browser",
    legalComments: "none",
    logLevel: "error",
    write: false,
    external,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

const wasm2js = ["./wasm2js.js"];
const sizes = [
  ["millrace: EventSource, with the WebAssembly", 'export { EventSource } from "millrace"', wasm2js],
  ["millrace: EventStreamParser, the same", 'export { EventStreamParser } from "millrace"', wasm2js],
  ["millrace: everything", 'export * from "millrace"', wasm2js],
  ["millrace: everything, in one file with the fallback", 'export * from "millrace"'],
  ["millrace/slim: EventSource, the .wasm aside", 'export { EventSource, setWasm } from "millrace/slim"'],
  ["millrace/js: EventSource", 'export { EventSource } from "millrace/js"'],
  ["millrace/react, beside millrace", 'export * from "millrace/react"', ["millrace", "react"]],
  ["millrace/vue, beside millrace", 'export * from "millrace/vue"', ["millrace", "vue"]],
  ["eventsource 5", 'export { EventSource } from "eventsource"'],
  ["eventsource-parser", 'export { createParser } from "eventsource-parser"'],
  ["@microsoft/fetch-event-source", 'export { fetchEventSource } from "@microsoft/fetch-event-source"'],
  ["openai's Stream", 'export { Stream } from "openai/core/streaming"'],
];

const only = process.argv[2];
console.log(`Node.js ${process.versions.node}`);
await measureAll(only);
if (!only) {
  console.log("\nBytes, bundled by esbuild, minified and gzipped");
  for (const [what, contents, external] of sizes) {
    console.log(`  ${String(await sizeOf(contents, external)).padStart(6)}  ${what}`);
  }
}
process.exit(); // event sources that have failed might keep the process alive
