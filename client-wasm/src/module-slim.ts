// The core of `millrace/slim`: the package's file `millrace.wasm`, which the user serves.

import type { Exports } from "./abi.js";

/** The file's address, a response with it, its bytes, or the compiled module. */
export type WasmSource = string | URL | Response | BufferSource | WebAssembly.Module;

let source: WasmSource | Promise<WasmSource> | undefined;

/** Call it before the first connection; `millrace.wasm` must have the same version as the package. */
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

/** Only for bytes or a compiled module. */
export function instantiateNow(): Exports {
  const wasm = source ?? unset();
  if (wasm instanceof WebAssembly.Module) return instanceOf(wasm);
  if (wasm instanceof ArrayBuffer || ArrayBuffer.isView(wasm)) return instanceOf(new WebAssembly.Module(wasm));
  throw new Error("millrace/slim: the module has to be fetched first");
}

const instanceOf = (module: WebAssembly.Module) => new WebAssembly.Instance(module).exports as unknown as Exports;
