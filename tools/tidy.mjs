// clang-tidy over what we ship: node tools/tidy.mjs [SOURCE…]

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { checkSources, run } from "./clean-sources.mjs";
import { filesBelow, shipped } from "./sources.mjs";

const named = process.argv.slice(2);
await checkSources({
  check: "tidy",
  build: "build/dev",
  sources: named.length > 0 ? named : filesBelow(shipped, ".cpp"),
  rules: execFileSync("clang-tidy", ["--version"], { encoding: "utf8" }) + readFileSync(".clang-tidy", "utf8"),
  async findings(source) {
    // On standard error it counts the warnings that the rules leave out.
    const { code, output } = await run("clang-tidy", ["--quiet", "-p", "build/dev", source]);
    return code === 0 ? undefined : output;
  },
});
