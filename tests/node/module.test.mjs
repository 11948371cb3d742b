// The WebAssembly module: what it may ask for, and what it gives.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const module = new WebAssembly.Module(readFileSync(new URL("../../build/wasm/bin/millrace.wasm", import.meta.url)));

test("imports nothing: no I/O, no clock, no JavaScript", () => {
  assert.deepEqual(WebAssembly.Module.imports(module), []);
});

test("exports what exports.txt lists, its memory, and nothing else", () => {
  const listed = readFileSync(new URL("../../client-wasm/exports.txt", import.meta.url), "utf8")
    .trim()
    .split("\n");
  const exported = WebAssembly.Module.exports(module).map(({ name }) => name);
  assert.deepEqual(exported.sort(), ["memory", ...listed.map((name) => name.slice(1))].sort());
});
