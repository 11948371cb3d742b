// The core of `millrace/js`: the C++ as JavaScript, for engines known to have no WebAssembly.

import type { Exports } from "./abi.js";
import * as wasm2js from "./wasm2js.js";

export async function instantiate(): Promise<Exports> {
  return wasm2js.instantiate();
}

export function instantiateNow(): Exports {
  return wasm2js.instantiate();
}
