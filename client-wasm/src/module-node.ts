// The core for Node.js: a module built for speed rather than size. See batch-text-node.ts.

import wasmText from "millrace-node.wasm";
import type { Exports } from "./abi.js";
import { bytesOf } from "./module-text.js";

export async function instantiate(): Promise<Exports> {
  try {
    const { instance } = await WebAssembly.instantiate(bytesOf(wasmText));
    return instance.exports as unknown as Exports;
  } catch {
    return (await import("./wasm2js.js")).instantiate();
  }
}

/** Throws if WebAssembly cannot be compiled. */
export function instantiateNow(): Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(bytesOf(wasmText))).exports as unknown as Exports;
}
