// Runs test suites and adds up what their runners say: node tools/test.mjs [--failed TEXT]… SUITE…
//
// contract, node and browser are the *.test.mjs below tests/, check is tools/check.mjs, any other suite is a test preset
// of CMakePresets.json. Each --failed is a failure that there was before: what could not be built. The last lines are the
// runners' own summaries and the sum; the exit code is 1 if anything failed. Whole outputs are in build/log.

import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const testMilliseconds = 300_000; // as the test presets have it

let passed = 0;
let failed = 0;
const summaries = [];

/** A runner that fails although it counts no failed test has one more than it knows. */
function count(good, bad, code, summary) {
  passed += good;
  failed += code !== 0 && bad === 0 ? 1 : bad;
  summaries.push(summary);
}

/** Runs it, shows the lines of its output that `isShown` lets through, and writes all of them to `log`. */
function run(command, parameters, { isShown = () => true, log, environment = {} } = {}) {
  return new Promise((settle, reject) => {
    const child = spawn(command, parameters, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...environment },
    });
    const file = log && createWriteStream(log);
    for (const output of [child.stdout, child.stderr]) {
      createInterface({ input: output }).on("line", (line) => {
        file?.write(`${line}\n`);
        if (isShown(line)) console.log(line);
      });
    }
    child.on("error", reject);
    child.on("close", (code) => (file ? file.end(() => settle(code ?? 1)) : settle(code ?? 1)));
  });
}

async function ctestSuite(name) {
  const log = `build/log/test-${name}.log`;
  console.log(`run: tests: ${name} (${log})`);
  const code = await run("ctest", ["--preset", name, "--parallel", String(availableParallelism())], {
    log,
    isShown: (line) => !/^ +Start +\d+:|[.] +Passed /.test(line),
    // The unit suite runs the same tests for a tenth of the time.
    environment: name === "cluster" ? { MILLRACE_CLUSTER_ROUNDS: process.env.MILLRACE_CLUSTER_ROUNDS ?? "10" } : {},
  });
  const summary = /^\d+% tests passed, (\d+) tests failed out of (\d+)$/m.exec(readFileSync(log, "utf8"));
  if (!summary) return count(0, 1, code, `${name}: ctest ran no test`);
  const bad = Number(summary[1]);
  count(Number(summary[2]) - bad, bad, code, `${name}: ${summary[0]}`);
}

async function nodeSuite(name) {
  const folder = join("tests", name);
  const files = readdirSync(folder).filter((file) => /\.test\.m?js$/.test(file));
  const tap = `build/log/test-${name}.tap`;
  if (files.length === 0) return count(0, 1, 1, `${name}: ${folder} has no tests`);
  console.log(`run: tests: ${name} (${tap})`);
  const reporters = ["--test-reporter=spec", "--test-reporter-destination=stdout"];
  reporters.push("--test-reporter=tap", `--test-reporter-destination=${tap}`);
  const code = await run(
    process.execPath,
    ["--test", `--test-timeout=${testMilliseconds}`, ...reporters, ...files.sort().map((file) => join(folder, file))],
    { isShown: (line) => !line.includes("✔") },
  );
  const totals = [...readFileSync(tap, "utf8").matchAll(/^# (tests|pass|fail|cancelled|skipped|todo) (\d+)$/gm)];
  const total = (kind) => Number(totals.find((each) => each[1] === kind)?.[2] ?? 0);
  count(
    total("pass"),
    total("fail") + total("cancelled"),
    code,
    totals.map(([line]) => `${name}: ${line}`).join("\n") || `${name}: node ran no test`,
  );
}

async function checkSuite() {
  const code = await run(process.execPath, ["tools/check.mjs"]);
  count(code === 0 ? 1 : 0, 0, code, `check: ${code === 0 ? "all clean" : "failed, see above"}`);
}

/** A line a system: what passed there, or what went wrong. */
async function portsSuite() {
  const lines = [];
  const code = await run("tests/ports/try.sh", [], { isShown: (line) => lines.push(line) });
  count(lines.filter((line) => /PASSED|compiles/.test(line)).length, 0, code, lines.join("\n"));
}

const suites = process.argv.slice(2);
while (suites[0] === "--failed") {
  count(0, 1, 1, suites[1]);
  suites.splice(0, 2);
}
mkdirSync("build/log", { recursive: true });
for (const suite of suites) {
  if (suite === "check") await checkSuite();
  else if (suite === "ports") await portsSuite();
  else if (["contract", "node", "browser"].includes(suite)) await nodeSuite(suite);
  else await ctestSuite(suite);
}
console.log(`\n${summaries.join("\n")}\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
