// The examples of the npm package ask for what they were tried with; the one for Node.js runs. tests/browser builds the pages.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { serve, streams } from "../support/http-server.mjs";
import { root } from "../support/millrace-server.mjs";
import { copyExamples, exampleNames, examples } from "../support/npm-examples.mjs";

const run = promisify(execFile);
const read = (path) => JSON.parse(readFileSync(path, "utf8"));

test("every example asks for this version of the package, and for what it was tried with", () => {
  const names = exampleNames();
  assert.ok(names.length >= 6);
  for (const name of names) {
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
    cwd: join(copyExamples("npm-examples"), "node"),
    timeout: 60_000,
  });
  assert.match(stdout, /open, over fetch\n.*"created" \(ID "7"\) "17"\ncreated 17 7\n/);
});
