// Builds the package into dist/: the core to WebAssembly and to JavaScript (build/wasm, by CMake), those and the
// TypeScript to one file an entry for `import`, `require` and `<script src>` (esbuild), and the types (tsc). Fails when it
// has grown beyond its size limits.

import { execFileSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { checkSharedValues } from "../tools/shared-values.mjs";
import { exportNames, manglingOf, renameExports } from "./short-names.mjs";
import { adapters, sizeOf, uses } from "./sizes.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const wasmBuild = join(root, "build/wasm");

function run(command, ...parameters) {
  // Debian's Emscripten finds its JavaScript passes' libraries there. Its system libraries come ready-made in a cache
  // that it takes only from its own place.
  const { EM_CACHE: _, ...env } = process.env;
  execFileSync(command, parameters, { cwd: root, stdio: "inherit", env: { NODE_PATH: "/usr/share/nodejs", ...env } });
}

function buildCore() {
  run("cmake", "--preset", "wasm", "--log-level=WARNING");
  run("cmake", "--build", "build/wasm", "--target", "millrace_wasm", "millrace_wasm_node", "millrace_wasm2js");
}

/** The other direction of src/module-text.ts. */
async function textOf(bytes) {
  const { bytesOf, zero, singleCodes, pairCodes } = await importTypeScript("src/module-text.ts");
  const character = (code) => String.fromCharCode(32 + code);
  let text = "";
  for (const byte of bytes) {
    const code = (zero - byte) & 0xff;
    const rest = code - singleCodes;
    if (rest < 0) text += character(code);
    else text += character(singleCodes + Math.floor(rest / pairCodes)) + character(rest % pairCodes);
  }
  if (!Buffer.from(bytesOf(text)).equals(bytes)) throw new Error("src/module-text.ts does not read what textOf wrote");
  return text;
}

async function importTypeScript(path) {
  const { code } = esbuild.transformSync(readFileSync(join(here, path), "utf8"), { loader: "ts", format: "esm" });
  return import(`data:text/javascript,${encodeURIComponent(code)}`);
}

checkSharedValues();
buildCore();
const names = exportNames(readFileSync(join(here, "exports.txt"), "utf8").trim().split("\n"));
const moduleOf = (name) => renameExports(readFileSync(join(wasmBuild, "bin", name)), names);
const wasm = moduleOf("millrace.wasm");
const wasmTexts = {
  "millrace.wasm": await textOf(wasm),
  "millrace-node.wasm": await textOf(moduleOf("millrace-node.wasm")),
};

/**
 * What stands in for what: `instead` names files of src/ for others of it; and whether wasm2js.js stays a file of its own.
 */
const choose = ({ instead = {}, inlineJs = false }) => ({
  name: "choose what stands in for what",
  setup(build) {
    for (const [name, other] of Object.entries(instead)) {
      const filter = new RegExp(`/${name.split("/").at(-1)}\\.js$`);
      build.onResolve({ filter }, () => ({ path: join(here, "src", `${other}.ts`) }));
    }
    build.onResolve({ filter: /\/(extras|core-module)\.js$/ }, ({ path }) =>
      inlineJs ? undefined : { path: path.replace("../", "./"), external: true },
    );
    build.onResolve({ filter: /\/wasm2js\.js$/ }, ({ path }) =>
      inlineJs ? { path: join(here, "dist/wasm2js.js") } : { path, external: true },
    );
  },
});

const common = {
  bundle: true,
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  absWorkingDir: here,
};

const inlineWasm = {
  name: "inline the WebAssembly module",
  setup(build) {
    build.onResolve({ filter: /^millrace(-node)?\.wasm$/ }, ({ path }) => ({ path, namespace: "wasm" }));
    build.onLoad({ filter: /./, namespace: "wasm" }, ({ path }) => ({ contents: wasmTexts[path], loader: "text" }));
  },
};

// Not minified but for `<script src>`: bundlers take out what is not used, and do it worse on minified text. But constants
// are put where they are used, which bundlers cannot do, since they cannot know that nothing changes them.
async function bundle(entry, outfile, format, { parts = {}, isForTests = false, ...options } = {}) {
  await esbuild.build({
    ...common,
    entryPoints: [entry],
    outfile,
    format,
    // So that CommonJS names its exports where Node.js looks for them when it is imported.
    ...(format === "cjs" ? { platform: "node" } : {}),
    sourcemap: true,
    minifySyntax: true,
    external: ["millrace", "react", "vue", "node:buffer", "node:events"],
    plugins: [choose(parts), inlineWasm],
    inject: parts.globals ? [join("src", parts.globals)] : [],
    ...manglingOf(names, !isForTests),
    ...options,
  });
  // What an enum's member is called must not be called otherwise: esbuild would leave it to be looked up in vain.
  const [lost] = /\b(Flag|Input|Kind|Verdict)\.\w+/.exec(readFileSync(resolve(here, outfile), "utf8")) ?? [];
  if (lost) throw new Error(`${outfile}: ${lost} has been renamed: take it out of short-names.mjs`);
}

/** For builds that may run in Cloudflare's workers. */
const asked = { "handler-calls": "handler-calls-asked", "cache-mode": "transports/cache-mode-asked" };

/** For engines that have no WebAssembly, and may lack more: `globals` are put in place of the platform's. */
const plainJs = {
  instead: {
    ...asked,
    module: "module-js",
    "transports/of-event-source": "transports/of-event-source-js",
  },
  globals: "platform-js.ts",
  inlineJs: true,
};

/** For Node.js and what takes its place, where time counts and bytes do not. */
const forNode = {
  instead: { module: "module-node", "batch-text": "batch-text-node", "message-target": "message-target-node" },
};

/** For Cloudflare's workers, which compile no WebAssembly that comes as text. */
const forWorkerd = { instead: { ...asked, module: "module-js" }, inlineJs: true };

/** The entries by their names in package.json's `exports`: `index` is `.`, and so are `node` and `workerd` there. */
const entries = {
  index: {},
  node: { ...forNode, entry: "index" },
  workerd: { ...forWorkerd, entry: "index" },
  slim: { instead: { ...asked, module: "module-slim" } },
  js: plainJs,
  eventsource: { instead: { module: "module-lazy" } },
};

/** For runtimes that look for types by themselves, as jsr.json's readers. */
const selfTyped = (name) => ({ banner: { js: `/* @ts-self-types="./types/${name}.d.ts" */` } });
const onJsr = Object.values(JSON.parse(readFileSync(join(here, "jsr.json"), "utf8")).exports);
const typedBy = (name) => (onJsr.includes(`./dist/${name}.js`) ? selfTyped(name) : {});

/** wasm2js.js: the core as JavaScript, made when it is asked for and not when the file is loaded. */
async function bundleWasm2js() {
  const text = readFileSync(join(wasmBuild, "bin/wasm2js.js"), "utf8").replace(/^ {2}"(\w+)":/gm, (line, name) =>
    line.replace(name, names[name] ?? name),
  );
  const begin = text.indexOf("var retasmFunc = asmFunc(");
  if (begin < 0) throw new Error("wasm2js no longer ends its file as build.mjs expects");
  const make = "export const instantiate = () => asmFunc({ abort() { throw new Error('the core has failed'); } });\n";
  await esbuild.build({
    ...common,
    stdin: { contents: text.slice(0, begin) + make, resolveDir: here },
    minify: true,
    format: "esm",
    outfile: "dist/wasm2js.js",
  });
}

// Types once for `import` and once for `require`: the nearest package.json decides what a .d.ts file describes.
function emitTypes() {
  const types = join(here, "dist/types");
  run("npx", "--no-install", "tsc", "--project", here, "--emitDeclarationOnly", "--outDir", types);
  const reached = new Set();
  const reach = (name) => {
    if (reached.has(name)) return;
    reached.add(name);
    const text = readFileSync(join(types, name), "utf8");
    for (const [, path] of text.matchAll(/from "(\.[^"]*)\.js"/g)) reach(join(dirname(name), `${path}.d.ts`));
  };
  for (const name of Object.keys({ ...entries, ...adapters })) reach(`${entries[name]?.entry ?? name}.d.ts`);
  for (const name of readdirSync(types, { recursive: true })) {
    if (name.endsWith(".d.ts") && !reached.has(name)) rmSync(join(types, name));
  }
  cpSync(types, join(here, "dist/types-cjs"), { recursive: true });
  writeFileSync(join(here, "dist/types-cjs/package.json"), '{ "type": "commonjs" }\n');
}

rmSync(join(here, "dist"), { recursive: true, force: true });
await bundleWasm2js();
for (const [name, parts] of Object.entries(entries)) {
  const { entry = name } = parts;
  await bundle(`src/${entry}.ts`, `dist/${name}.js`, "esm", { parts, ...typedBy(name) });
  await bundle(`src/${entry}.ts`, `dist/${name}.cjs`, "cjs", { parts });
}
for (const name of Object.keys(adapters)) {
  await bundle(`src/${name}.ts`, `dist/${name}.js`, "esm", typedBy(name));
  await bundle(`src/${name}.ts`, `dist/${name}.cjs`, "cjs");
}
await bundle("src/extras.ts", "dist/extras.js", "esm", { parts: { instead: asked } });
await bundle("src/core-module.ts", "dist/core-module.js", "esm");
await bundle("src/index.ts", "dist/millrace.iife.js", "iife", { globalName: "millrace", minify: true });
writeFileSync(join(here, "dist/millrace.wasm"), wasm);
emitTypes();
// For tests/node: the core by itself, which the package keeps to itself.
for (const [name, parts] of Object.entries({
  core: { inlineJs: true },
  node: { ...forNode, inlineJs: true },
  js: plainJs,
})) {
  const forTests = join(wasmBuild, `${name}-for-tests.mjs`);
  await bundle("src/core-for-tests.ts", forTests, "esm", { parts, isForTests: true });
}

for (const { what, limit, ...use } of uses) {
  const bytes = await sizeOf(use);
  console.log(`millrace: ${what}: ${bytes} bytes minified and gzipped (limit ${limit})`);
  if (bytes > limit) throw new Error(`${what} has outgrown its limit of ${limit} bytes`);
}

/** Where the bytes go: each source's part of a minified bundle, for `node build.mjs --sizes`. */
async function showParts(what, contents, parts) {
  const { metafile, outputFiles } = await esbuild.build({
    ...common,
    stdin: { contents, resolveDir: join(here, "src") },
    minify: true,
    format: "esm",
    write: false,
    metafile: true,
    outfile: "bundle.js",
    plugins: [choose(parts), inlineWasm],
    ...manglingOf(names, true),
  });
  const gzipped = gzipSync(outputFiles[0].contents, { level: 9 }).length;
  console.log(`\n${what}: ${outputFiles[0].contents.length} bytes minified, ${gzipped} gzipped, of them minified`);
  const { inputs } = Object.values(metafile.outputs)[0];
  for (const [path, { bytesInOutput }] of Object.entries(inputs).sort(
    ([, a], [, b]) => b.bytesInOutput - a.bytesInOutput,
  )) {
    if (bytesInOutput > 0) console.log(`  ${String(bytesInOutput).padStart(6)}  ${path.replace(/^(src\/|wasm:)/, "")}`);
  }
}

if (process.argv.includes("--sizes")) {
  console.log(`\nmillrace.wasm: ${wasm.length} bytes, ${gzipSync(wasm, { level: 9 }).length} gzipped`);
  await showParts("EventSource alone", 'export { EventSource } from "./event-source.ts"', {});
  await showParts("the whole package", 'export * from "./index.ts"', {});
  await showParts("millrace/eventsource", 'export * from "./eventsource.ts"', entries.eventsource);
  await showParts("extras.js", 'export * from "./extras.ts"', {});
}
