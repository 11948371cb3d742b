// Clang's thread-safety analysis of what we ship: node tools/threads.mjs [SOURCE…]
//
// Declarations say what a mutex guards (threads/mutex.h). This checks, without running anything, that it is held.

import { execFileSync } from "node:child_process";
import { checkSources, compileCommands, flagsOf, run } from "./clean-sources.mjs";
import { filesBelow, shipped } from "./sources.mjs";

const flags = "-fsyntax-only -Wno-everything -Wthread-safety -Wthread-safety-beta -Werror";
const named = process.argv.slice(2);
const build = "build/dev";
const sources = named.length > 0 ? named : filesBelow(shipped, ".cpp");
await checkSources({
  check: "threads",
  build,
  entries: compileCommands(build, sources),
  rules: execFileSync("clang++", ["--version"], { encoding: "utf8" }) + flags,
  async findings(entry) {
    const command = `clang++ ${flagsOf(entry)} ${flags} ${entry.file}`;
    const { code, errors } = await run("sh", ["-c", command], { cwd: entry.directory });
    return code === 0 ? undefined : errors;
  },
});
