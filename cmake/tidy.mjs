// clang-tidy over C++ sources: node cmake/tidy.mjs BUILD SOURCE…, BUILD having a compile_commands.json. As many at once as
// there are processors. What was clean is not read again (BUILD/tidy has its hash) until the preprocessed text with its
// comments, the command that compiles it, the rules or clang-tidy itself are others.

import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";

const [build, ...sources] = process.argv.slice(2);
const commands = new Map(
  JSON.parse(readFileSync(join(build, "compile_commands.json"), "utf8")).map((entry) => [entry.file, entry]),
);
const rules = execFileSync("clang-tidy", ["--version"], { encoding: "utf8" }) + readFileSync(".clang-tidy", "utf8");
const clean = join(build, "tidy");
mkdirSync(clean, { recursive: true });

/** Runs it; resolves to its exit code, and what it wrote. */
function run(command, parameters, options) {
  return new Promise((settle, reject) => {
    const child = spawn(command, parameters, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    const output = [];
    child.stdout.on("data", (bytes) => output.push(bytes));
    child.stderr.resume(); // counts of warnings that the rules leave out
    child.on("error", reject);
    child.on("close", (code) => settle({ code, output: Buffer.concat(output) }));
  });
}

async function hashOf({ command, directory, file }) {
  const preprocess = `${command.replace(/ -o \S+/, "")} -E -C -o -`;
  const { code, output } = await run("sh", ["-c", preprocess], { cwd: directory });
  // What is not preprocessed is not clean: let clang-tidy say why.
  if (code !== 0) return undefined;
  return createHash("sha256").update(rules).update(command).update(readFileSync(file)).update(output).digest("hex");
}

const left = [...sources];
const failed = [];
async function work() {
  for (let source = left.shift(); source; source = left.shift()) {
    const entry = commands.get(resolve(source));
    if (!entry) throw new Error(`${source} is in no compile command of ${build}: is it in a CMakeLists.txt?`);
    const hash = await hashOf(entry);
    if (hash && existsSync(join(clean, hash))) continue;
    const { code, output } = await run("clang-tidy", ["--quiet", "-p", build, source]);
    if (code === 0) {
      if (hash) writeFileSync(join(clean, hash), "");
    } else {
      failed.push(source);
      process.stdout.write(output);
    }
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, work));
if (failed.length > 0) {
  console.log(`clang-tidy found something in ${failed.length} of ${sources.length}: ${failed.sort().join(" ")}`);
  process.exitCode = 1;
}
