// batch-text.ts for Node.js, whose module writes text in the form of JavaScript strings: Buffer converts that in a
// fraction of a TextDecoder's time.

import { Buffer } from "node:buffer";
import type { Exports } from "./abi.js";
import type { batchTextOf as Common } from "./batch-text.js";
import { DecodedText } from "./decoded-text.js";

/** Offset of a batch's flag for UTF-16 text. */
const isWideAt = 16;

class BufferedText {
  #memory: Uint8Array | undefined;
  #buffer = Buffer.alloc(0);

  /** `length` is in units of one or two bytes. */
  of(memory: Uint8Array, at: number, length: number, batch: number): string {
    if (this.#memory !== memory) {
      this.#memory = memory;
      this.#buffer = Buffer.from(memory.buffer);
    }
    const isWide = this.#buffer[batch + isWideAt] === 1;
    return this.#buffer.toString(isWide ? "utf16le" : "latin1", at, at + (isWide ? 2 * length : length));
  }
}

/**
 * Without WebAssembly, the core is the same JavaScript as elsewhere. (An instance's exports have no prototype, unlike a
 * JavaScript object.)
 */
export const batchTextOf: typeof Common = (exports: Exports) =>
  exports instanceof Object ? new DecodedText() : new BufferedText();
