// ./run's own: what it refuses, and how tools/test.mjs adds up what the runners say.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../support/millrace-server.mjs";

test("./run names what it expects instead of an unknown word", () => {
  const refusals = [
    [["nonsense"], /^run: unknown command 'nonsense'; .*help/],
    [["test", "unit", "nonsense"], /^run: unknown suite 'nonsense'; expected one of unit, .*ports$/m],
    [["test", "distros", "sid"], /^run: unknown Debian 'sid'; expected one of bookworm, trixie, forky$/m],
    [["check", "nonsense"], /^run: unknown check 'nonsense'; expected one of format, .*docs$/m],
    [["check", "--x"], /^run: unknown check '--x'; expected one of/],
    [["build", "--x"], /^run: .\/run build takes no parameters; remove '--x'$/m],
    [["docs", "x"], /^run: .\/run docs takes no parameters; remove 'x'$/m],
    [["pictures", "--x"], /^run: .\/run pictures takes no parameters; remove '--x'$/m],
    [["bench", "--x"], /^run: unknown option '--x'; expected --rounds N/],
    [["bench", "nonsense"], /^run: unknown scenario 'nonsense'; expected one of fanout, .*, all$/m],
    [["bench", "fanout", "--rounds", "x"], /^run: --rounds: expected a whole number instead of 'x'$/m],
    [["bench", "million", "--minutes", "x"], /^run: --minutes: expected a whole number instead of 'x'$/m],
    [["bench", "wasm", "--x"], /^run: .\/run bench wasm takes no parameters; remove '--x'$/m],
    [["fuzz", "--x"], /^run: unknown option '--x'; expected --runs N, --seconds N, --seed N$/m],
    [["fuzz", "--runs"], /^run: --runs: expected a whole number instead of ''$/m],
    [["simulate", "--x", "1"], /^run: unknown option '--x'; expected --seeds N, /],
    [["soak", "--x"], /^run: unknown option '--x'; expected --rounds N, /],
    [["release", "--x"], /^run: unknown option '--x'; expected --twice or --root$/m],
    [["sanitize", "--x"], /^run: unknown sanitizer '--x'; expected address/],
    [["sanitize", "nonsense"], /^run: unknown sanitizer 'nonsense'; expected address .*thread$/m],
  ];
  for (const [parameters, message] of refusals) {
    const { status, stdout, stderr } = spawnSync(join(root, "run"), parameters, { encoding: "utf8" });
    assert.equal(status, 1);
    assert.equal(stdout, "", "it neither installs nor builds before it says so");
    assert.match(stderr, message);
  }
});

test("./run COMMAND --help prints what ./run help has of it, and does nothing", () => {
  const all = readFileSync(join(root, "tools/help.txt"), "utf8");
  const commands = new Set([...all.matchAll(/^\.\/run (\w+)/gm)].map(([, command]) => command));
  commands.delete("help");
  assert.equal(commands.size, 12);
  for (const command of commands) {
    const { status, stdout, stderr } = spawnSync(join(root, "run"), [command, "--help"], { encoding: "utf8" });
    assert.equal(status, 0, `${command}: ${stderr}`);
    assert.match(stdout, new RegExp(`^\\./run ${command}\\b`));
    assert.ok(all.includes(stdout), `${command}: ${stdout}`);
    assert.doesNotMatch(stdout, new RegExp(`^\\./run (?!${command}\\b)`, "m"));
  }
});

test("./run, its help and bench/main.mjs name the same benchmarks", () => {
  const expected = (command, parameters) =>
    /expected one of (.*), all\n/.exec(spawnSync(command, parameters, { cwd: root, encoding: "utf8" }).stderr)[1];
  const scenarios = expected(process.execPath, ["bench/main.mjs", "nonsense"]);
  assert.deepEqual(expected("./run", ["bench", "nonsense"]).split(", ").sort(), scenarios.split(", ").sort());
  const help = readFileSync(join(root, "tools/help.txt"), "utf8").replaceAll(/\s+/g, " ");
  assert.ok(help.includes(`: ${expected("./run", ["bench", "nonsense"])} (all by default)`));
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
