// The package as npm packs it: what is in it, what the checkers of packages say, and that it runs where it is installed.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { freePort } from "../support/free-port.mjs";
import { serve, streams } from "../support/http-server.mjs";
import { root } from "../support/millrace-server.mjs";
import { projectWithPackage } from "../support/packed-package.mjs";
import { within } from "../support/until.mjs";

const run = promisify(execFile);

let project;
before(() => {
  project = projectWithPackage("packed", ["react", "vue"]);
});

test("holds what its exports name, source maps, its README, and nothing that runs when it is installed", () => {
  const { files, installed, manifest } = project;
  const named = JSON.stringify(manifest.exports)
    .match(/"\.\/[^"*]+"/g)
    .map((path) => JSON.parse(path));
  for (const path of named.filter((path) => path.startsWith("./dist/"))) {
    assert.ok(existsSync(join(installed, path)), `${path} is missing`);
    if (/\.c?js$/.test(path)) assert.ok(files.includes(`${path.slice(2)}.map`), `${path} has no source map`);
  }
  for (const path of files) assert.match(path, /^(dist\/|package\.json$|README\.md$|LICENSE$)/);
  for (const path of ["README.md", "LICENSE", "dist/millrace.iife.js", "dist/millrace.wasm"])
    assert.ok(files.includes(path));
  assert.deepEqual(
    Object.keys(manifest.scripts).filter((name) => /install|prepare/.test(name)),
    [],
  );
  assert.equal(manifest.dependencies, undefined);
});

test("evaluates no text as code", () => {
  for (const path of project.files.filter((path) => /\.c?js$/.test(path))) {
    assert.doesNotMatch(readFileSync(join(project.installed, path), "utf8"), /\beval\(|new Function\(/, path);
  }
});

test("publint finds nothing", async () => {
  const { messages } = await publint({ pkgDir: project.installed, pack: false, strict: true });
  assert.deepEqual(
    messages.map((message) => formatMessage(message, project.manifest, { color: false })),
    [],
  );
});

test("@arethetypeswrong/cli finds nothing", async () => {
  const attw = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
  const parameters = [
    attw,
    project.archive,
    "--exclude-entrypoints",
    "./millrace.wasm",
    "--format",
    "ascii",
    "--no-color",
  ];
  await run(process.execPath, parameters).catch(({ stdout, stderr }) => assert.fail(stdout + stderr));
});

// What refuses our module, but not the one that Node.js's own fetch brings, which it compiles before.
const refuse = `
    const { instantiate } = WebAssembly;
    WebAssembly.instantiate = (what, ...rest) => {
      if (what instanceof WebAssembly.Module) return instantiate(what, ...rest);
      return Promise.reject(new WebAssembly.CompileError("refused"));
    };`;

/** Programs of the project's, by file name: they print the data of the first event at the URL they are given. */
const programs = {
  "esm.js": `
    import { EventSource } from "millrace";
    const source = new EventSource(process.argv[2]);
    source.onmessage = ({ data }) => { console.log(data); source.close(); };`,
  "commonjs.cjs": `
    const { connect } = require("millrace");
    (async () => { for await (const { data } of connect(process.argv[2])) { console.log(data); break; } })();`,
  "plain.js": `${refuse}
    const { connect, parse } = await import("millrace/js");
    for await (const { data } of connect(process.argv[2])) { console.log(parse(\`data: \${data}\\n\\n\`)[0].data); break; }`,
  "plain.cjs": `
    delete globalThis.WebAssembly;
    const { encode } = require("millrace/js");
    console.log(encode({ data: "first" }).slice(6).trim());`,
  "fallback.js": `${refuse}
    const { connect } = await import("millrace");
    for await (const { data } of connect(process.argv[2])) { console.log(data); break; }`,
  "fallback.cjs": `${refuse}
    const { connect } = require("millrace");
    (async () => { for await (const { data } of connect(process.argv[2])) { console.log(data); break; } })();`,
  "slim.js": `
    import { readFileSync } from "node:fs";
    import { connect, setWasm } from "millrace/slim";
    setWasm(readFileSync(new URL(import.meta.resolve("millrace/millrace.wasm"))));
    for await (const { data } of connect(process.argv[2])) { console.log(data); break; }`,
  "vue.js": `
    import { effectScope, watch } from "vue";
    import { useEventSource } from "millrace/vue";
    const scope = effectScope();
    scope.run(() => {
      const { event } = useEventSource(process.argv[2]);
      watch(event, ({ data }) => { console.log(data); scope.stop(); }, { flush: "sync" });
    });`,
  "svelte.js": `
    import { eventSourceStore } from "millrace/svelte";
    const leave = eventSourceStore(process.argv[2]).subscribe(({ event }) => { if (event) { console.log(event.data); leave(); } });`,
  "observable.cjs": `
    const { observeEvents } = require("millrace/observable");
    const subscription = observeEvents(process.argv[2]).subscribe(({ data }) => { console.log(data); subscription.unsubscribe(); });`,
  "from-readable-stream.js": `
    import { EventSource } from "millrace/from-readable-stream";
    const source = EventSource.fromReadableStream((await fetch(process.argv[2])).body);
    source.onmessage = ({ data }) => { console.log(data); source.close(); };`,
  "inspect.js": `
    import { connect } from "millrace";
    import { inspect } from "millrace/inspect";
    const lines = [];
    for await (const { data } of inspect(connect(process.argv[2]), { log: (line) => lines.push(line) })) {
      console.log(/open, over fetch/.test(lines[1]) && data);
      break;
    }`,
  "react.cjs": `
    const { useEventSource } = require("millrace/react");
    console.log(typeof useEventSource === "function" && "first");`,
};

for (const [name, text] of Object.entries(programs)) {
  test(`runs where it is installed: ${name}`, async (context) => {
    const server = await serve(streams({ body: "data: first\n\n", open: true }));
    context.after(() => server.close());
    writeFileSync(join(project.folder, name), text);
    const { stdout } = await run(process.execPath, [name, server.origin], { cwd: project.folder, timeout: 60_000 });
    assert.equal(stdout, "first\n");
  });
}

test("what its README begins with brings the first events, and the next ones after a restart of the server", async (context) => {
  const readme = readFileSync(join(project.installed, "README.md"), "utf8");
  const [server, client] = [...readme.matchAll(/^```mjs\n(.*?)^```/gms)].map(([, text]) => text);
  const port = await freePort();
  const start = (name, text) => {
    writeFileSync(join(project.folder, name), text.replaceAll("8080", port).replace("1000", "50"));
    const child = spawn(process.execPath, [name], { cwd: project.folder, stdio: ["ignore", "pipe", "inherit"] });
    context.after(() => child.kill());
    return child;
  };
  const first = start("server.mjs", server);
  const lines = createInterface(start("client.mjs", client).stdout)[Symbol.asyncIterator]();
  const next = async () => (await within(lines.next(), "an event")).value;
  assert.deepEqual([await next(), await next()], ["event 1", "event 2"]);
  first.kill();
  await once(first, "exit");
  start("server.mjs", server.replace("event ", "again "));
  for (let number = 3; ; number++) {
    const line = await next();
    if (line === `again ${number}`) break;
    assert.equal(line, `event ${number}`); // was on its way when the server ended
  }
});

test("slim says what it lacks", async () => {
  writeFileSync(join(project.folder, "unset.js"), 'import { parse } from "millrace/slim"; parse("data: a");');
  await assert.rejects(run(process.execPath, ["unset.js"], { cwd: project.folder }), /call setWasm\(\) first/);
});
