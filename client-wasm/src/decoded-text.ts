// The text of the core's batches, from UTF-8 to strings.

import type { Exports } from "./abi.js";

/** Returns the text at `at` in the module's memory, which belongs to the batch at `batch`. */
export type BatchText = (memory: Uint8Array, at: number, length: number, batch: number) => string;

/** Chromium takes twice as long for a text of megabytes as for such pieces of it: their memory is used again. */
const pieceBytes = 65536;

export function decodedText(_exports?: Exports): BatchText {
  // A byte order mark at the front of a batch's text is data: the parser has removed the stream's own.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const decode = (memory: Uint8Array, at: number, length: number): string =>
    length > pieceBytes
      ? decoder.decode(memory.subarray(at, at + pieceBytes), { stream: true }) +
        decode(memory, at + pieceBytes, length - pieceBytes)
      : decoder.decode(memory.subarray(at, at + length));
  return decode;
}
