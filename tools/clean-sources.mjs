// Checks C++ sources by a command, as many at once as there are processors. What was clean is not read again until the
// preprocessed text with its comments, the command that compiles it, or the rules are others: BUILD/CHECK has its hash.

import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { filesBelow, replacements, shipped } from "./sources.mjs";

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

/**
 * The entries of BUILD/compile_commands.json for the sources: how each is compiled. A replacement, which this build does
 * not compile, gets the entry of its neighbour.
 */
export function compileCommands(build, sources) {
  const all = JSON.parse(readFileSync(join(build, "compile_commands.json"), "utf8"));
  const commands = new Map(all.map((entry) => [entry.file, entry]));
  return sources.map((source) => {
    const file = resolve(source);
    const entry = commands.get(file);
    if (entry) return entry;
    const neighbour = all.find((other) => replacements.includes(source) && dirname(other.file) === dirname(file));
    if (!neighbour) throw new Error(`${source} is in no compile command of ${build}: is it in a CMakeLists.txt?`);
    return { ...neighbour, file, command: neighbour.command.replaceAll(neighbour.file, file), isReplacement: true };
  });
}

/** The compiler's flags in an entry, without its source and its object. */
export const flagsOf = ({ command }) => command.replace(/^(\S*ccache )?\S+ /, "").replace(/ -o \S+ -c \S+$/, "");

async function hashOf({ command, directory, file }, rules) {
  const { code, output } = await run("sh", ["-c", `${command.replace(/ -o \S+/, "")} -E -C -o -`], { cwd: directory });
  // What is not preprocessed is not clean: let the check say why.
  if (code !== 0) return undefined;
  return createHash("sha256").update(rules).update(command).update(readFileSync(file)).update(output).digest("hex");
}

/**
 * Checks the entries. `findings(entry)` resolves to what is wrong with it, or to nothing. Prints the findings, and sets
 * the exit code. An entry may have a `name` in place of its file's.
 */
export async function checkSources({ check, build, entries, rules, findings }) {
  const clean = join(build, check);
  mkdirSync(clean, { recursive: true });
  const left = [...entries];
  const failed = [];
  async function work() {
    for (let entry = left.shift(); entry; entry = left.shift()) {
      const hash = await hashOf(entry, rules);
      if (hash && existsSync(join(clean, hash))) continue;
      const found = await findings(entry);
      if (found === undefined) {
        if (hash) writeFileSync(join(clean, hash), "");
      } else {
        failed.push(entry.name ?? entry.file);
        process.stdout.write(found);
      }
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  if (failed.length === 0) return;
  console.log(`${check} found something in ${failed.length} of ${entries.length}: ${failed.sort().join(" ")}`);
  process.exitCode = 1;
}

/**
 * Checks the sources, or all that we ship if none is named, by a compiler with these flags more, for which every warning
 * is an error.
 */
export async function checkByCompiler({ check, compiler, flags, sources }) {
  const build = "build/dev";
  await checkSources({
    check,
    build,
    entries: compileCommands(build, sources.length > 0 ? sources : filesBelow(shipped, ".cpp")),
    rules: execFileSync(compiler, ["--version"], { encoding: "utf8" }) + flags,
    async findings(entry) {
      const command = `${compiler} ${flagsOf(entry)} ${flags} ${entry.file}`;
      const { code, errors } = await run("sh", ["-c", command], { cwd: entry.directory });
      return code === 0 ? undefined : errors;
    },
  });
}
