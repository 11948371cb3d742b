// ./run's own: what it refuses, and how tools/test.mjs adds up what the runners say.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../support/millrace-server.mjs";

test("./run names what it expects instead of an unknown word", () => {
  const refusals = [
    [["nonsense"], /^run: unknown command 'nonsense'; .*help/],
    [["test", "unit", "nonsense"], /^run: unknown suite 'nonsense'; expected one of unit, .*ports$/m],
    [["check", "nonsense"], /^run: unknown check 'nonsense'; expected one of format, .*docs$/m],
    [["sanitize", "nonsense"], /^run: unknown sanitizer 'nonsense'; expected address .*thread$/m],
  ];
  for (const [parameters, message] of refusals) {
    const { status, stdout, stderr } = spawnSync(join(root, "run"), parameters, { encoding: "utf8" });
    assert.equal(status, 1);
    assert.equal(stdout, "", "it neither installs nor builds before it says so");
    assert.match(stderr, message);
  }
});

// A tree with one test of ctest's, and two of node's.
function treeWith(context, { ctestPasses, nodePasses }) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-run-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const base = { name: "dev", generator: "Ninja", binaryDir: "$" + "{sourceDir}/build" };
  const presets = {
    version: 6,
    configurePresets: [base],
    testPresets: [{ name: "unit", configurePreset: "dev", execution: { noTestsAction: "error" } }],
  };
  writeFileSync(join(folder, "CMakePresets.json"), JSON.stringify(presets));
  writeFileSync(
    join(folder, "CMakeLists.txt"),
    `cmake_minimum_required(VERSION 3.25)
     project(tree LANGUAGES NONE)
     enable_testing()
     add_test(NAME One COMMAND \${CMAKE_COMMAND} -E ${ctestPasses})`,
  );
  const configured = spawnSync("cmake", ["--preset", "dev"], { cwd: folder, encoding: "utf8" });
  assert.equal(configured.status, 0, configured.stderr);
  mkdirSync(join(folder, "tests/node"), { recursive: true });
  writeFileSync(
    join(folder, "tests/node/two.test.mjs"),
    `import assert from "node:assert/strict";
     import { test } from "node:test";
     test("passes", () => {});
     test("may fail", () => assert.ok(${nodePasses}));`,
  );
  return folder;
}

function runSuites(folder, ...parameters) {
  const environment = { ...process.env };
  delete environment.NODE_TEST_CONTEXT; // node's runner in a test of node's runner
  const { status, stdout } = spawnSync(process.execPath, [join(root, "tools/test.mjs"), ...parameters], {
    cwd: folder,
    encoding: "utf8",
    env: environment,
  });
  return { status, stdout, last: stdout.trimEnd().split("\n").at(-1) };
}

test("the sum is what the runners count", (context) => {
  const good = runSuites(treeWith(context, { ctestPasses: "true", nodePasses: true }), "unit", "node");
  assert.equal(good.last, "3 passed, 0 failed");
  assert.equal(good.status, 0);
  assert.match(good.stdout, /^unit: 100% tests passed, 0 tests failed out of 1$/m);
  assert.match(good.stdout, /^node: # pass 2$/m);

  const bad = runSuites(treeWith(context, { ctestPasses: "false", nodePasses: false }), "unit", "node");
  assert.equal(bad.last, "1 passed, 2 failed");
  assert.equal(bad.status, 1);
});

test("what could not be built, and a suite without tests, have failed", (context) => {
  const folder = treeWith(context, { ctestPasses: "true", nodePasses: true });
  mkdirSync(join(folder, "tests/browser"));
  const { last, stdout, status } = runSuites(folder, "--failed", "package: could not be built", "unit", "browser");
  assert.equal(last, "1 passed, 2 failed");
  assert.equal(status, 1);
  assert.match(stdout, /^package: could not be built$/m);
  assert.match(stdout, /^browser: tests\/browser has no tests$/m);
});
