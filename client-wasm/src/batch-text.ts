// How the core's batches give their text. build.mjs puts batch-text-node.ts in place of this file for Node.js.

import type { Exports } from "./abi.js";
import { DecodedText } from "./decoded-text.js";

export interface BatchText {
  /** The text at `at` in the module's memory, of the batch at `batch`. */
  of(memory: Uint8Array, at: number, length: number, batch: number): string;
}

/** Of an instance of the core. */
export const batchTextOf = (_exports: Exports): BatchText => new DecodedText();
