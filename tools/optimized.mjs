// Warnings of the optimizer in what we ship: node tools/optimized.mjs [SOURCE…]
//
// GCC finds some faults, and imagines some, only where it optimizes as for a release. Tests are built otherwise, and a
// Release build shows warnings without ending at them: here they are errors.

import { checkByCompiler } from "./clean-sources.mjs";

await checkByCompiler({
  check: "optimized",
  compiler: "g++",
  flags: "-O3 -DNDEBUG -U_GLIBCXX_ASSERTIONS -g0 -Werror -c -o /dev/null",
  sources: process.argv.slice(2),
});
