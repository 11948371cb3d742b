// Warnings of the optimizer in what we ship: node tools/optimized.mjs [SOURCE…]
//
// GCC finds some faults, and imagines some, only where it optimizes as for a release. Tests are built otherwise, and a
// Release build shows warnings without ending at them: here they are errors.

import { execFileSync } from "node:child_process";
import { checkSources, compileCommands, flagsOf, run } from "./clean-sources.mjs";
import { filesBelow, shipped } from "./sources.mjs";

const flags = "-O3 -DNDEBUG -U_GLIBCXX_ASSERTIONS -g0 -Werror -c -o /dev/null";
const named = process.argv.slice(2);
const build = "build/dev";
const sources = named.length > 0 ? named : filesBelow(shipped, ".cpp");
await checkSources({
  check: "optimized",
  build,
  entries: compileCommands(build, sources),
  rules: execFileSync("g++", ["--version"], { encoding: "utf8" }) + flags,
  async findings(entry) {
    const command = `g++ ${flagsOf(entry)} ${flags} ${entry.file}`;
    const { code, errors } = await run("sh", ["-c", command], { cwd: entry.directory });
    return code === 0 ? undefined : errors;
  },
});
