// The module as a file of its own in the package, for the entry that loads it on demand.

export { instantiate } from "./module.js";
