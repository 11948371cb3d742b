// The text of the core's batches. build.mjs replaces this file by batch-text-node.ts for Node.js.

import type { Exports } from "./abi.js";
import { type BatchText, decodedText } from "./decoded-text.js";

/** The reader for an instance of the core. */
export const batchTextOf = (_exports: Exports): BatchText => decodedText();
