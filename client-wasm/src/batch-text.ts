// The text of the core's batches. build.mjs replaces this file by batch-text-node.ts for Node.js.

import type { Exports } from "./abi.js";
import { DecodedText } from "./decoded-text.js";

export interface BatchText {
  /** Returns the text at `at` in the module's memory, which belongs to the batch at `batch`. */
  of(memory: Uint8Array, at: number, length: number, batch: number): string;
}

/** The reader for an instance of the core. */
export const batchTextOf = (_exports: Exports): BatchText => new DecodedText();
