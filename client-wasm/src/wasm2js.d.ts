// What build.mjs makes of build/wasm/bin/wasm2js.js.
import type { Exports } from "./core.js";

export function instantiate(): Exports;
