// Builds the package into dist/: the core to WebAssembly (build/wasm, by CMake), that and the TypeScript to one file each
// for `import` and `require` (esbuild), and the types (tsc). Fails when it has grown beyond its size limit.

import { execFileSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const wasmBuild = join(root, "build/wasm");

/** Bytes, minified and gzipped: of what a bundler leaves of the package where only this much of it is used. */
const limits = { core: 6_656, eventSource: 8_704, all: 11_264 };

function run(command, ...parameters) {
  // Debian's Emscripten finds its JavaScript passes' libraries there. Its system libraries come ready-made in a cache
  // that it takes only from its own place.
  const { EM_CACHE: _, ...env } = process.env;
  execFileSync(command, parameters, { cwd: root, stdio: "inherit", env: { NODE_PATH: "/usr/share/nodejs", ...env } });
}

function buildModule() {
  run("cmake", "--preset", "wasm", "--log-level=WARNING");
  run("cmake", "--build", "build/wasm", "--target", "millrace_wasm");
  return readFileSync(join(wasmBuild, "bin/millrace.wasm"));
}

/** The other direction of src/module-text.ts. */
async function textOf(bytes) {
  const { bytesOf, rotation, singleCodes, pairCodes } = await importTypeScript("src/module-text.ts");
  const character = (code) => String.fromCharCode(32 + code);
  let text = "";
  for (const byte of bytes) {
    const code = (byte + rotation) & 0xff;
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

const wasmText = await textOf(buildModule());

const common = {
  bundle: true,
  minify: true,
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  absWorkingDir: here,
  plugins: [
    {
      name: "inline the WebAssembly module",
      setup(build) {
        build.onResolve({ filter: /^millrace\.wasm$/ }, ({ path }) => ({ path, namespace: "wasm" }));
        build.onLoad({ filter: /./, namespace: "wasm" }, () => ({ contents: wasmText, loader: "text" }));
      },
    },
  ],
};

function bundle(entry, outfile, format, options = {}) {
  return esbuild.build({ ...common, entryPoints: [entry], outfile, format, sourcemap: true, ...options });
}

// Types once for `import` and once for `require`: the nearest package.json decides what a .d.ts file describes.
function emitTypes() {
  const emit = (folder) =>
    run("npx", "--no-install", "tsc", "--project", here, "--emitDeclarationOnly", "--outDir", folder);
  emit(join(here, "dist/types"));
  for (const name of readdirSync(join(here, "dist/types"), { recursive: true })) {
    if (name.endsWith(".d.ts") && !publicTypes.has(name)) rmSync(join(here, "dist/types", name));
  }
  rmSync(join(here, "dist/types/transports"), { recursive: true });
  cpSync(join(here, "dist/types"), join(here, "dist/types-cjs"), { recursive: true });
  writeFileSync(join(here, "dist/types-cjs/package.json"), '{ "type": "commonjs" }\n');
}

/** What index.d.ts leads to. */
const publicTypes = new Set(["index.d.ts", "connect.d.ts", "event-source.d.ts", "types.d.ts"]);

async function checkSize(what, contents, limit) {
  const { outputFiles } = await esbuild.build({
    ...common,
    stdin: { contents, resolveDir: join(here, "src"), loader: "ts" },
    format: "esm",
    write: false,
  });
  const bytes = gzipSync(outputFiles[0].contents, { level: 9 }).length;
  console.log(`millrace: ${what}: ${bytes} bytes minified and gzipped, WebAssembly and all (limit ${limit})`);
  if (bytes > limit) throw new Error(`${what} has outgrown its limit of ${limit} bytes`);
}

rmSync(join(here, "dist"), { recursive: true, force: true });
await bundle("src/index.ts", "dist/index.js", "esm");
await bundle("src/index.ts", "dist/index.cjs", "cjs");
emitTypes();
// For tests/node: the core by itself, which the package keeps to itself.
await bundle("src/core-for-tests.ts", join(wasmBuild, "core-for-tests.mjs"), "esm");

await checkSize("the core and its loader", 'export { loadCore, Source } from "./core.js"', limits.core);
await checkSize("EventSource alone", 'export { EventSource } from "./index.js"', limits.eventSource);
await checkSize("the whole package", 'export * from "./index.js"', limits.all);
