// batch-text.ts for Node.js, whose module writes text in the form of JavaScript strings: Buffer converts that in a
// fraction of a TextDecoder's time.

import { Buffer } from "node:buffer";
import type { Exports } from "./abi.js";
import { type BatchText, decodedText } from "./decoded-text.js";

/** Offset of a batch's flag for UTF-16 text. */
const isWideAt = 16;

/** `length` is in units of one or two bytes. */
function bufferedText(): BatchText {
  let seen: Uint8Array | undefined;
  let buffer = Buffer.alloc(0);
  return (memory, at, length, batch) => {
    if (seen !== memory) {
      seen = memory;
      buffer = Buffer.from(memory.buffer);
    }
    const isWide = buffer[batch + isWideAt] === 1;
    return buffer.toString(isWide ? "utf16le" : "latin1", at, at + (isWide ? 2 * length : length));
  };
}

/**
 * Without WebAssembly, the core is the same JavaScript as elsewhere. (An instance's exports have no prototype, unlike a
 * JavaScript object.)
 */
export const batchTextOf = (exports: Exports): BatchText =>
  exports instanceof Object ? decodedText() : bufferedText();
