// Where `millrace` has the core from: the WebAssembly module in its own text, and where that may not be compiled (a
// Content Security Policy without 'wasm-unsafe-eval', a locked-down or old browser) the same C++ as JavaScript, which is
// loaded only then. build.mjs puts module-slim.ts and module-js.ts in place of this file for those entries.

import wasmText from "millrace.wasm";
import type { Exports } from "./abi.js";
import { bytesOf } from "./module-text.js";

export async function instantiate(): Promise<Exports> {
  try {
    // Not on the main thread, where some browsers refuse to compile more than 4 KiB.
    const { instance } = await WebAssembly.instantiate(bytesOf(wasmText));
    return instance.exports as unknown as Exports;
  } catch {
    return (await import("./wasm2js.js")).instantiate();
  }
}

/** Throws where WebAssembly may not be compiled, or not on this thread. */
export function instantiateNow(): Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(bytesOf(wasmText))).exports as unknown as Exports;
}
