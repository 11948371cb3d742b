// The core of `millrace`: the WebAssembly module in the package's text; if it cannot be compiled (a Content Security
// Policy without 'wasm-unsafe-eval', a locked-down or old browser), the same C++ as JavaScript, which is loaded only
// then. build.mjs replaces this file by module-slim.ts and module-js.ts for those entries.

import wasmText from "millrace.wasm";
import type { Exports } from "./abi.js";
import { bytesOf } from "./module-text.js";

export async function instantiate(): Promise<Exports> {
  try {
    // Asynchronously, because some browsers refuse to compile more than 4 KiB on the main thread.
    const { instance } = await WebAssembly.instantiate(bytesOf(wasmText));
    return instance.exports as unknown as Exports;
  } catch {
    return (await import("./wasm2js.js")).instantiate();
  }
}

/** Throws if WebAssembly cannot be compiled, or not on this thread. */
export function instantiateNow(): Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(bytesOf(wasmText))).exports as unknown as Exports;
}
