// `millrace/slim`: the same without the WebAssembly module in its text. setWasm() sets the module's source.

export * from "./index.js";
export { setWasm, type WasmSource } from "./module-slim.js";
