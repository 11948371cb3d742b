// Clang's thread-safety analysis of what we ship: node tools/threads.mjs [SOURCE…]
//
// Declarations say what a mutex guards (threads/mutex.h). This checks, without running anything, that it is held.

import { checkByCompiler } from "./clean-sources.mjs";

await checkByCompiler({
  check: "threads",
  compiler: "clang++",
  flags: "-fsyntax-only -Wno-everything -Wthread-safety -Wthread-safety-beta -Werror",
  sources: process.argv.slice(2),
});
