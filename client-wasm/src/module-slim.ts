// Where `millrace/slim` has the core from: a file of its own, `millrace.wasm` in the package, wherever the user serves it.

import type { Exports } from "./abi.js";

/** Where the file is, or what it holds: an address, a response, its bytes, or the compiled module. */
export type WasmSource = string | URL | Response | BufferSource | WebAssembly.Module;

let source: WasmSource | Promise<WasmSource> | undefined;

/** To be called before the first connection; `millrace.wasm` has to be of the same version as this. */
export function setWasm(wasm: WasmSource | Promise<WasmSource>): void {
  source = wasm;
}

function unset(): never {
  throw new Error(
    'millrace/slim: call setWasm() first, with the address of "millrace/millrace.wasm" or with what is in it',
  );
}

export async function instantiate(): Promise<Exports> {
  let wasm = await (source ?? unset());
  if (typeof wasm === "string" || wasm instanceof URL) wasm = await fetch(wasm);
  if (wasm instanceof Response) {
    if (!wasm.ok) throw new Error(`millrace/slim: ${wasm.url} was answered with status ${wasm.status}`);
    wasm = await wasm.arrayBuffer();
  }
  return instanceOf(wasm instanceof WebAssembly.Module ? wasm : await WebAssembly.compile(wasm));
}

/** Of bytes or a compiled module only. */
export function instantiateNow(): Exports {
  const wasm = source ?? unset();
  if (wasm instanceof WebAssembly.Module) return instanceOf(wasm);
  if (wasm instanceof ArrayBuffer || ArrayBuffer.isView(wasm)) return instanceOf(new WebAssembly.Module(wasm));
  throw new Error("millrace/slim: the module has to be fetched first");
}

const instanceOf = (module: WebAssembly.Module) => new WebAssembly.Instance(module).exports as unknown as Exports;
