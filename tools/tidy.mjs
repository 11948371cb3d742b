// clang-tidy over what we ship: node tools/tidy.mjs [SOURCE…]
//
// Most of its time goes into headers. So it reads sources with equal flags together, in a file that includes them, unless
// their names in unnamed namespaces clash. If that file does not compile, it reads its sources one by one.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { checkSources, compileCommands, flagsOf, run } from "./clean-sources.mjs";
import { filesBelow, shipped } from "./sources.mjs";

const build = "build/dev";
const mostTogether = 16;

/** The names that a source declares in unnamed namespaces, each with its declaration if others may repeat that. */
function unnamedIn(file) {
  const names = new Map();
  for (const [, body] of readFileSync(file, "utf8").matchAll(/^namespace \{\n(.*?)^\} {2}\/\/ namespace$/gms)) {
    for (const [line, name] of body.matchAll(/^(?![\s/#}]|template\b).*?\b(\w+)\s*(?:[({=;[]|:(?!:)|final\b).*$/gm)) {
      if (name !== "static_assert") names.set(name, line.startsWith("using ") ? line : file);
    }
  }
  return names;
}

/** The entries in groups that can be read together. */
function groupsOf(entries) {
  const groups = [];
  for (const entry of entries) {
    const kind = entry.isReplacement ? entry.file : flagsOf(entry);
    const names = [...unnamedIn(entry.file)];
    const fits = (group) =>
      group.kind === kind &&
      group.entries.length < mostTogether &&
      names.every(([name, declaration]) => (group.names.get(name) ?? declaration) === declaration);
    let group = groups.find(fits);
    if (!group) {
      group = { kind, entries: [], names: new Map() };
      groups.push(group);
    }
    group.entries.push(entry);
    for (const [name, declaration] of names) group.names.set(name, declaration);
  }
  return groups.map((group) => group.entries);
}

/** One entry for the group: of a source that includes its sources, named after the first of them. */
function together(group) {
  const [first] = group;
  if (group.length === 1) return { ...first, parts: [] };
  const file = resolve(build, "tidy", relative(".", first.file).replaceAll("/", "."));
  const includes = group.map((part) => `#include "${part.file}"  // NOLINT(bugprone-suspicious-include)\n`).join("");
  writeFileSync(file, includes);
  const command = first.command.replace(/ -o \S+ -c \S+$/, ` -o ${file}.o -c ${file}`);
  const name = group.map((part) => relative(".", part.file)).join(" ");
  return { file, name, directory: first.directory, command, parts: group };
}

const isForWasm = (file) => file.startsWith("client-wasm/");

/** The entries of the sources that only Emscripten compiles: with its headers, for its target. */
function wasmCommands(files) {
  const headers = "/usr/share/emscripten/cache/sysroot/include";
  if (files.length > 0 && !existsSync(headers)) {
    console.log(`tidy leaves out ${files.join(" ")}: Emscripten is not installed`);
    return [];
  }
  const flags = [
    ...["--target=wasm32-unknown-emscripten", "-D__EMSCRIPTEN__", "-msimd128", "-std=c++20", "-fno-exceptions"],
    ...["core/include", "core/src", "client-wasm/src"].map((folder) => `-I${resolve(folder)}`),
    ...["-nostdinc++", ...["c++/v1", "compat", "."].map((folder) => `-isystem ${join(headers, folder)}`)],
  ].join(" ");
  return files.map((source) => {
    const file = resolve(source);
    return { file, directory: resolve("."), command: `clang++ ${flags} -o ${file}.o -c ${file}`, isReplacement: true };
  });
}

async function tidy(entry) {
  // The build's compiler is GCC, some of whose warnings clang does not know.
  const command = `clang-tidy --quiet ${entry.file} -- ${flagsOf(entry)} -Wno-unknown-warning-option`;
  // On standard error it counts the warnings that the rules leave out.
  const { code, output } = await run("sh", ["-c", command], { cwd: entry.directory });
  return code === 0 ? undefined : output;
}

mkdirSync(join(build, "tidy"), { recursive: true });
const named = process.argv.slice(2);
const sources = named.length > 0 ? named : filesBelow([...shipped, "client-wasm/src"], ".cpp");
const entries = [
  ...compileCommands(
    build,
    sources.filter((file) => !isForWasm(file)),
  ),
  ...wasmCommands(sources.filter(isForWasm)),
];
await checkSources({
  check: "tidy",
  build,
  entries: groupsOf(entries).map((group) => together(group)),
  rules: execFileSync("clang-tidy", ["--version"], { encoding: "utf8" }) + readFileSync(".clang-tidy", "utf8"),
  async findings(entry) {
    const found = await tidy(entry);
    if (!found?.includes("[clang-diagnostic-error]") || entry.parts.length === 0) return found;
    const each = [];
    for (const part of entry.parts) each.push(await tidy(part));
    const all = each.filter((one) => one !== undefined);
    return all.length > 0 ? Buffer.concat(all) : undefined;
  },
});
