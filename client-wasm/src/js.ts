// `millrace/js`: the same on the core as JavaScript, for engines known to have no WebAssembly.

export * from "./index.js";
