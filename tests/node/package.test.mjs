// The package as its users meet it: imported, required, type-checked, and described by its README.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as imported from "millrace";

const root = fileURLToPath(new URL("../..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, "client-wasm/package.json"), "utf8"));

test("import and require give the same", () => {
  const required = createRequire(import.meta.url)("millrace");
  assert.deepEqual(Object.keys(imported).sort(), [
    "ConnectionError",
    "EventSource",
    "EventStreamDecoder",
    "EventStreamEncoder",
    "EventStreamParser",
    "connect",
    "encode",
    "parse",
    "ready",
  ]);
  assert.deepEqual(Object.keys(required).sort(), Object.keys(imported).sort());
});

test("what is CommonJS gives its names to import, too", async () => {
  for (const name of Object.keys(manifest.exports).filter((name) => manifest.exports[name].require)) {
    const { import: asModule, require: asCommon } = manifest.exports[name];
    const [names, common] = await Promise.all(
      [asModule, asCommon].map(async ({ default: path }) => Object.keys(await import(join(root, "client-wasm", path)))),
    );
    const named = common.filter((exported) => exported !== "default" && exported !== "module.exports");
    assert.deepEqual(named.sort(), names.sort(), name);
  }
});

test("importing it does nothing: nothing is compiled, and nothing keeps the program", () => {
  const script = `
    for (const name of ["instantiate", "compile", "Module"]) {
      Object.defineProperty(WebAssembly, name, { get: () => { console.log(name); } });
    }
    await import("millrace");`;
  const parameters = ["--input-type=module", "--eval", script];
  assert.equal(execFileSync(process.execPath, parameters, { cwd: root, encoding: "utf8", timeout: 60_000 }), "");
});

test("needs nothing else, and says so to bundlers", () => {
  assert.equal(manifest.dependencies, undefined);
  assert.equal(manifest.sideEffects, false);
  assert.equal(manifest.engines.node, ">=18");
});

const compilers = { 7: "node_modules/.bin/tsc", 6: "client-wasm/node_modules/.bin/tsc" };

/** Type-checks `files` (names and texts) in a folder below the root, where "millrace" is found. */
function typeCheck(folder, files, options, compiler = 7) {
  const at = join(root, "build", folder);
  rmSync(at, { recursive: true, force: true });
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, "package.json"), '{ "type": "module" }');
  for (const [name, text] of files) writeFileSync(join(at, name), text);
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: "ES2022",
    module: "NodeNext",
    moduleResolution: "NodeNext",
    typeRoots: [join(root, "node_modules/@types")],
    ...options,
  };
  writeFileSync(join(at, "tsconfig.json"), JSON.stringify({ compilerOptions, files: files.map(([name]) => name) }));
  try {
    execFileSync(join(root, compilers[compiler]), ["--project", at], { encoding: "utf8" });
  } catch (error) {
    assert.fail(error.stdout || error.message);
  }
}

const browserOptions = { lib: ["ES2022", "DOM", "DOM.Iterable", "DOM.AsyncIterable"], types: [] };
const source = (name) => [name, readFileSync(new URL(`types/${name}`, import.meta.url), "utf8")];

for (const compiler of Object.keys(compilers)) {
  test(`its types replace the DOM's EventSource, and catch mistakes: TypeScript ${compiler}`, () => {
    const version = execFileSync(join(root, compilers[compiler]), ["--version"], { encoding: "utf8" });
    assert.match(version, new RegExp(`^Version ${compiler}\\.`));
    typeCheck("types-dom", [source("dom.ts"), source("adapters.ts")], browserOptions, compiler);
  });
}

test("its types serve CommonJS in Node.js without the DOM's", () => {
  typeCheck("types-node", [source("node.cts")], { lib: ["ES2022"], types: ["node"] });
});

test("what the documents show compiles", () => {
  const documents = ["client-wasm/README.md", "README.md"].map((path) => readFileSync(join(root, path), "utf8"));
  const all = documents.join("\n");
  const scripts = [...all.matchAll(/^```(?:vue|svelte)\n<script.*?>\n(.*?)^<\/script>/gms)].map(([, text]) => [
    "ts",
    text,
  ]);
  assert.ok(scripts.length >= 2);
  const shown = [...all.matchAll(/^```(js|tsx?)\n(.*?)^```/gms)].map(([, language, text]) => [language, text]);
  const examples = [...shown, ...scripts].map(([language, text], index) => [
    `example-${index + 1}.${language.replace("js", "ts")}`,
    `${text}\nexport {};`,
  ]);
  assert.ok(examples.length >= 10);
  typeCheck("types-readme", examples, { ...browserOptions, jsx: "react-jsx" });
});
