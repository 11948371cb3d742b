// Everything that reads the tree without running it: node tools/check.mjs [CHECK…]. Whole outputs are in build/log.

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { filesBelow, formatted } from "./sources.mjs";

const node = (script) => [process.execPath, [script]];
const checks = {
  format: ["clang-format", ["--dry-run", "-Werror", ...filesBelow(formatted, ".cpp", ".h")]],
  threads: node("tools/threads.mjs"),
  tidy: node("tools/tidy.mjs"),
  release: node("tools/optimized.mjs"),
  shared: [process.execPath, ["tools/shared-values.mjs", "--check"]],
  biome: ["npx", ["--no-install", "biome", "ci", "--colors=off"]],
  types: ["npm", ["run", "check:types", "--workspaces", "--if-present"]],
  docs: node("tools/docs.mjs"),
};

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(checks);
const unknown = names.find((name) => !Object.hasOwn(checks, name));
if (unknown !== undefined) {
  console.error(`run: unknown check '${unknown}'; expected one of ${Object.keys(checks).join(", ")}`);
  process.exit(1);
}
mkdirSync("build/log", { recursive: true });
for (const name of names) {
  const [command, parameters] = checks[name];
  const { status, error, stdout, stderr } = spawnSync(command, parameters, { encoding: "utf8", maxBuffer: 1 << 28 });
  const output = error ? `${command}: ${error.message}\n` : stdout + stderr;
  writeFileSync(`build/log/check-${name}.log`, output);
  if (status === 0) {
    console.log(`run: check ${name}: clean`);
  } else {
    process.stdout.write(output);
    console.log(`run: check ${name}: failed`);
    process.exitCode = 1;
  }
}
