// Clang's thread-safety analysis of the server and the native client: node tools/threads.mjs [SOURCE…]
//
// What a mutex guards is written where it is declared (thread_safety.h); that it is held wherever it must be is shown
// here, without running anything.

import { execFileSync } from "node:child_process";
import { checkSources, run } from "./clean-sources.mjs";
import { filesBelow } from "./sources.mjs";

const flags = "-fsyntax-only -Wno-everything -Wthread-safety -Wthread-safety-beta -Werror";
const named = process.argv.slice(2);
await checkSources({
  check: "threads",
  build: "build/dev",
  sources: named.length > 0 ? named : filesBelow(["server/src", "server/stores", "client-native/src"], ".cpp"),
  rules: execFileSync("clang++", ["--version"], { encoding: "utf8" }) + flags,
  async findings(_, { command, directory, file }) {
    const compiled = command.replace(/^(\S*ccache )?\S+/, "clang++").replace(/ -o \S+ -c \S+$/, "");
    const { code, errors } = await run("sh", ["-c", `${compiled} ${flags} ${file}`], { cwd: directory });
    return code === 0 ? undefined : errors;
  },
});
