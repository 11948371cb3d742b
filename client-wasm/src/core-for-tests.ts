// Internals for tests; not part of the package.

export { coreNow, loadCore, maxInputBytes, Source } from "./core.js";
export { Parser } from "./parser.js";
export { Kind } from "./shared-values.js";
