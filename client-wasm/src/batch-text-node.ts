// The same in Node.js, whose module gives text as strings have it: Buffer makes a string of that in a fraction of the time
// that a TextDecoder takes.

import { Buffer } from "node:buffer";
import type { Exports } from "./abi.js";
import type { batchTextOf as Common } from "./batch-text.js";
import { DecodedText } from "./decoded-text.js";

/** Where a batch says whether its text is of UTF-16. */
const isWideAt = 16;

class BufferedText {
  #memory: Uint8Array | undefined;
  #buffer = Buffer.alloc(0);

  /** `length` is in units, of two bytes or of one. */
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
 * Where WebAssembly may not be compiled, the core is the JavaScript for everyone. (An instance's exports inherit nothing,
 * unlike an object of JavaScript.)
 */
export const batchTextOf: typeof Common = (exports: Exports) =>
  exports instanceof Object ? new DecodedText() : new BufferedText();
