// clang-tidy over what we ship: node tools/tidy.mjs [SOURCE…]

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { checkSources, compileCommands, flagsOf, run } from "./clean-sources.mjs";
import { filesBelow, shipped } from "./sources.mjs";

const build = "build/dev";
const named = process.argv.slice(2);
await checkSources({
  check: "tidy",
  build,
  entries: compileCommands(build, named.length > 0 ? named : filesBelow(shipped, ".cpp")),
  rules: execFileSync("clang-tidy", ["--version"], { encoding: "utf8" }) + readFileSync(".clang-tidy", "utf8"),
  async findings(entry) {
    const command = `clang-tidy --quiet ${entry.file} -- ${flagsOf(entry)}`;
    // On standard error it counts the warnings that the rules leave out.
    const { code, output } = await run("sh", ["-c", command], { cwd: entry.directory });
    return code === 0 ? undefined : output;
  },
});
