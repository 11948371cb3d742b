// Internals for tests; not part of the package.

export { Kind } from "./abi.js";
export { coreNow, loadCore, maxInputBytes, Source } from "./core.js";
export { Parser } from "./parser.js";
