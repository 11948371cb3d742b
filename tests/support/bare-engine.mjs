// A JavaScript engine with nothing around it, in which a build of the package runs: the language itself, and what a test
// gives it.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import vm from "node:vm";
import { root } from "./millrace-server.mjs";

/** What `millrace` or `millrace/js` exports where there are no globals but the language's less `without`, and `globals`. */
export function loadBare(entry, globals, without = ["WebAssembly", "FinalizationRegistry"]) {
  const context = vm.createContext({ ...globals });
  vm.runInContext(without.map((name) => `delete globalThis.${name};`).join(""), context);
  const path = join(root, "client-wasm/dist", `${entry}.cjs`);
  const load = vm.runInContext(`(function (module, exports, require) { ${readFileSync(path, "utf8")}\n})`, context);
  const module = { exports: {} };
  load(module, module.exports, createRequire(path));
  return module.exports;
}
