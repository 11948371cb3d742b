// `millrace/slim`: the same without the WebAssembly module in its text. setWasm() says where that is.

export * from "./index.js";
export { setWasm, type WasmSource } from "./module-slim.js";
