// ./run bench wasm: the package beside its peers, in one run. README.md beside this folder says how to read it.

import { fileURLToPath } from "node:url";
import { sizeOf, uses } from "../../client-wasm/sizes.mjs";
import { measureAll } from "./compare.mjs";

/** Other ways to take the package, and its peers, each in one file. */
const others = [
  { what: "everything, in one file with all that is loaded when it is needed", contents: 'export * from "./index.js"' },
  { what: "millrace/slim: EventSource, the .wasm aside", contents: 'export { EventSource, setWasm } from "./slim.js"' },
  { what: "millrace/js: EventSource", contents: 'export { EventSource } from "./js.js"' },
];
const peers = [
  { what: "eventsource 5", contents: 'export { EventSource } from "eventsource"' },
  { what: "eventsource-parser", contents: 'export { createParser } from "eventsource-parser"' },
  {
    what: "@microsoft/fetch-event-source",
    contents: 'export { fetchEventSource } from "@microsoft/fetch-event-source"',
  },
  { what: "openai's Stream", contents: 'export { Stream } from "openai/core/streaming"' },
];
const here = fileURLToPath(new URL(".", import.meta.url));

async function printSizes() {
  console.log(
    "\nBytes, bundled for browsers by esbuild, minified and gzipped; the first as client-wasm/build.mjs limits them",
  );
  const inOneFile = others.map((use) => ({ ...use, external: [] }));
  const ofPeers = peers.map((use) => ({ ...use, external: [], resolveDir: here }));
  for (const use of [...uses, ...inOneFile, ...ofPeers]) {
    console.log(`  ${String(await sizeOf(use)).padStart(6)}  ${use.what}`);
  }
}

const only = process.argv[2];
console.log(`Node.js ${process.versions.node}`);
await measureAll(only);
if (!only) await printSizes();
process.exit(); // event sources that have failed might keep the process alive
