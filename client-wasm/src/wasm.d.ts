// build.mjs puts the module that `src/abi.cpp` compiles to in place of this import, as text that module-text.ts reads.
declare module "millrace.wasm" {
  const text: string;
  export default text;
}

declare module "millrace-node.wasm" {
  const text: string;
  export default text;
}

declare module "node:buffer" {
  export interface Buffer {
    readonly [index: number]: number;
    toString(encoding: "latin1" | "utf16le", begin: number, end: number): string;
  }
  export const Buffer: { alloc(bytes: number): Buffer; from(memory: ArrayBufferLike): Buffer };
}
