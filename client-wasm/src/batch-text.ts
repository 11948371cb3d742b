// The text of the core's batches. build.mjs replaces this file by batch-text-node.ts for Node.js.

/** Makes the reader for an instance of the core. */
export { decodedText as batchTextOf } from "./decoded-text.js";
