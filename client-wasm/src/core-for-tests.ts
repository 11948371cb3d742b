// What tests look at from inside; no part of the package.

export { coreNow, Kind, loadCore, maxInputBytes, Source } from "./core.js";
export { Parser } from "./parser.js";
