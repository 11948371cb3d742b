// The module that build.mjs makes from build/wasm/bin/wasm2js.js.
import type { Exports } from "./abi.js";

export function instantiate(): Exports;
