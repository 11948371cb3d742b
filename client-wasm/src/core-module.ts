// A file of its own in the package: the module, for the entry that loads it when it is needed.

export { instantiate } from "./module.js";
