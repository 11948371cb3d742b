// The examples of the npm package are built as their readers would build them, with the package as it is here.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { build } from "vite";
import { serve, streams } from "../support/http-server.mjs";
import { root } from "../support/millrace-server.mjs";

const run = promisify(execFile);
const examples = join(root, "examples/npm");
const names = readdirSync(examples, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const folder = join(root, "build/npm-examples");
const read = (path) => JSON.parse(readFileSync(path, "utf8"));

before(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(examples, folder, { recursive: true, filter: (path) => !/node_modules|dist$/.test(path) });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
});

test("every example asks for this version of the package, and for what it was tried with", () => {
  assert.ok(names.length >= 5);
  for (const { name } of names) {
    const { dependencies, devDependencies } = read(join(examples, name, "package.json"));
    for (const [other, range] of Object.entries({ ...dependencies, ...devDependencies })) {
      const { version } = read(join(root, "node_modules", other, "package.json"));
      assert.equal(range, `^${version}`, `${name}: ${other}`);
    }
  }
});

test("node prints what comes", async (context) => {
  const server = await serve(streams("retry: 1\nid: 7\nevent: created\ndata: 17\n\n"));
  context.after(() => server.close());
  const { stdout } = await run(process.execPath, ["main.js", server.origin], {
    cwd: join(folder, "node"),
    timeout: 20_000,
  });
  assert.match(stdout, /open, over fetch\n.*"created" \(ID "7"\) "17"\ncreated 17 7\n/);
});

for (const { name } of names.filter(({ name }) => name !== "node")) {
  test(`${name} is built`, async () => {
    const at = join(folder, name);
    const here = process.cwd();
    process.chdir(at); // as its own `npm run build` would: plugins look for their files there
    try {
      const { output } = await build({ root: at, logLevel: "error" });
      const [page, code] = [/\.html$/, /\.js$/].map((end) => output.filter(({ fileName }) => end.test(fileName)));
      assert.equal(page.length, 1);
      assert.ok(
        code.some(({ code }) => code.includes("text/event-stream")),
        "the package is in it",
      );
    } finally {
      process.chdir(here);
    }
  });
}
