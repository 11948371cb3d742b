// The reference, of the C++ headers by Doxygen and of the npm package by TypeDoc, and the web site with them (site.mjs):
// node tools/docs.mjs. All take a warning for an error, and write to build/docs.

import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";

const references = [
  { what: "the C++ headers", result: "build/docs/cpp/index.html", command: ["doxygen", "docs/Doxyfile"] },
  {
    what: "the npm package",
    result: "build/docs/npm/index.html",
    command: ["npm", "run", "--silent", "docs", "--workspace", "client-wasm"],
  },
  { what: "the web site", result: "build/docs/site/index.html", command: ["node", "tools/site.mjs"] },
];
mkdirSync("build/docs", { recursive: true });
for (const { what, result, command } of references) {
  const { status, stdout, stderr } = spawnSync(command[0], command.slice(1), { encoding: "utf8" });
  if (status === 0) {
    console.log(`run: ${what}: ${result}`);
  } else {
    process.stdout.write(stdout + stderr);
    console.log(`run: ${what}: not without warnings, see above`);
    process.exitCode = 1;
  }
}
