// Checks C++ sources by a command, as many at once as there are processors. What was clean is not read again until the
// preprocessed text with its comments, the command that compiles it, or the rules are others: BUILD/CHECK has its hash.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";

/** Runs it; resolves to its exit code, and what it wrote to standard output, and to standard error. */
export function run(command, parameters, options) {
  return new Promise((settle, reject) => {
    const child = spawn(command, parameters, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    const output = [];
    const errors = [];
    child.stdout.on("data", (bytes) => output.push(bytes));
    child.stderr.on("data", (bytes) => errors.push(bytes));
    child.on("error", reject);
    child.on("close", (code) => settle({ code, output: Buffer.concat(output), errors: Buffer.concat(errors) }));
  });
}

async function hashOf({ command, directory, file }, rules) {
  const { code, output } = await run("sh", ["-c", `${command.replace(/ -o \S+/, "")} -E -C -o -`], { cwd: directory });
  // What is not preprocessed is not clean: let the check say why.
  if (code !== 0) return undefined;
  return createHash("sha256").update(rules).update(command).update(readFileSync(file)).update(output).digest("hex");
}

/**
 * `findings(source, entry)` resolves to what is wrong with the source, whose entry in BUILD/compile_commands.json that is,
 * or to nothing. Prints it, and sets the exit code.
 */
export async function checkSources({ check, build, sources, rules, findings }) {
  const commands = new Map(
    JSON.parse(readFileSync(join(build, "compile_commands.json"), "utf8")).map((entry) => [entry.file, entry]),
  );
  const clean = join(build, check);
  mkdirSync(clean, { recursive: true });
  const left = [...sources];
  const failed = [];
  async function work() {
    for (let source = left.shift(); source; source = left.shift()) {
      const entry = commands.get(resolve(source));
      if (!entry) throw new Error(`${source} is in no compile command of ${build}: is it in a CMakeLists.txt?`);
      const hash = await hashOf(entry, rules);
      if (hash && existsSync(join(clean, hash))) continue;
      const found = await findings(source, entry);
      if (found === undefined) {
        if (hash) writeFileSync(join(clean, hash), "");
      } else {
        failed.push(source);
        process.stdout.write(found);
      }
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  if (failed.length === 0) return;
  console.log(`${check} found something in ${failed.length} of ${sources.length}: ${failed.sort().join(" ")}`);
  process.exitCode = 1;
}
