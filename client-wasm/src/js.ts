// `millrace/js`: the same with the core as JavaScript, for engines known to have no WebAssembly.

export * from "./index.js";
