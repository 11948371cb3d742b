// What publishing depends on: one version everywhere, files that are there, and a workflow that stores no secret.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../support/millrace-server.mjs";

const read = (path) => readFileSync(join(root, path), "utf8");
const manifest = JSON.parse(read("client-wasm/package.json"));
const jsr = JSON.parse(read("client-wasm/jsr.json"));

test("jsr.json has the package's version, and entries that say where their types are", () => {
  assert.equal(jsr.version, manifest.version);
  for (const [name, path] of Object.entries(jsr.exports)) {
    assert.equal(manifest.exports[name].import.default, path);
    const code = read(join("client-wasm", path));
    const [, types] = /^\/\* @ts-self-types="([^"]*)" \*\/\n/.exec(code) ?? [];
    assert.ok(types && existsSync(join(root, "client-wasm/dist", types)), `${path} says where its types are`);
    assert.doesNotMatch(code, / from "[^.]/, `${path} imports nothing by a bare name`);
  }
});

test("the package is published with provenance, by a workflow without a token", () => {
  assert.deepEqual(manifest.publishConfig, { access: "public", provenance: true });
  const workflow = read(".github/workflows/publish-npm.yml");
  assert.match(workflow, /id-token: write/);
  assert.match(workflow, /npm publish --workspace client-wasm --ignore-scripts/);
  assert.doesNotMatch(workflow, /secrets\.|NODE_AUTH_TOKEN|registry-url/);
});

test("the changes of the next version stand under its heading", () => {
  const [, unreleased] = /^## \[Unreleased\] – (\S+)$/m.exec(read("CHANGELOG.md")) ?? [];
  const heading = new RegExp(`^## \\[${manifest.version.replaceAll(".", "\\.")}\\]`, "m");
  assert.ok(unreleased === manifest.version || heading.test(read("CHANGELOG.md")), "a section for this version");
});
