// build.mjs replaces this import by the compiled module of `src/abi.cpp`, as text that module-text.ts reads.
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

declare module "node:events" {
  /** The listeners of the type, as they were given. */
  export function getEventListeners(target: EventTarget, type: string): unknown[];
}
