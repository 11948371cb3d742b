// The text of the core's batches, from UTF-8 to strings.

import type { Exports } from "./abi.js";

/** Returns the text at `at` in the module's memory, which belongs to the batch at `batch`. */
export type BatchText = (memory: Uint8Array, at: number, length: number, batch: number) => string;

export function decodedText(_exports?: Exports): BatchText {
  // A byte order mark at the front of a batch's text is data: the parser has removed the stream's own.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return (memory, at, length) => decoder.decode(memory.subarray(at, at + length));
}
