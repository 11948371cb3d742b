// Clang's thread-safety analysis of the server and the native client: node tools/threads.mjs [SOURCE…]
//
// What a mutex guards is written where it is declared (thread_safety.h); that it is held wherever it must be is shown
// here, without running anything.

import { execFileSync } from "node:child_process";
import { checkSources, compileCommands, flagsOf, run } from "./clean-sources.mjs";
import { filesBelow } from "./sources.mjs";

const flags = "-fsyntax-only -Wno-everything -Wthread-safety -Wthread-safety-beta -Werror";
const named = process.argv.slice(2);
const build = "build/dev";
const sources = named.length > 0 ? named : filesBelow(["server/src", "server/stores", "client-native/src"], ".cpp");
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
