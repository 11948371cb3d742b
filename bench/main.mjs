// Runs the benchmarks of build/release: ./run bench [SCENARIO…] [--rounds N]. bench/README.md has the reading.
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { publish, publishStorms, table } from "./report.mjs";
import { scenarios } from "./scenarios.mjs";
import { servers, start } from "./servers.mjs";

const program = "build/release/bin/millrace";
const storesProgram = "build/release/bin/millrace_stores_benchmark";
const parserProgram = "build/release/bin/millrace_parser_benchmark";

function fail(message) {
  console.error(`bench: ${message}`);
  process.exit(1);
}

// What is being done, in a line of a terminal that the next one takes the place of.
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else if (text) console.error(text);
}

// The generator's report; what it found wrong stands in it.
function load(args) {
  return new Promise((resolve, reject) => {
    execFile(program, ["bench", ...args.map(String)], { maxBuffer: 1 << 20 }, (error, stdout, stderr) => {
      if (stdout) resolve(JSON.parse(stdout));
      else reject(new Error(stderr || String(error)));
    });
  });
}

async function once(scenario, name) {
  const server = await start(name, scenario.subscribers);
  // The paths of the scenario come last: they win.
  const args = [`http://127.0.0.1:${server.port}`, "--server-pid", server.pid, ...servers[name].load, ...scenario.load];
  try {
    return { report: await load(args), command: `millrace bench ${args.join(" ")}` };
  } finally {
    await server.stop();
  }
}

async function measure(scenario, rounds) {
  const runs = Object.fromEntries(scenario.servers.map((name) => [name, []]));
  const command = {};
  for (let round = 1; round <= rounds; ++round) {
    for (const name of scenario.servers) {
      progress(`bench: ${scenario.name}, round ${round} of ${rounds}: ${name}`);
      const result = await once(scenario, name);
      runs[name].push(result.report);
      command[name] = result.command;
    }
  }
  progress("");
  console.log(`\n${scenario.title}\n\n${table(scenario, runs)}`);
  return { scenario, runs, command };
}

// Options go to Google Benchmark.
function benchmarkParser(options) {
  const usual = ["--benchmark_repetitions=5", "--benchmark_enable_random_interleaving=true"];
  const { status } = spawnSync(parserProgram, [...usual, "--benchmark_report_aggregates_only=true", ...options], {
    stdio: "inherit",
  });
  if (status !== 0) fail(`${parserProgram} has failed`);
}

function simulateStorms() {
  const output = execFileSync("build/release/bin/millrace_bench_storm", { maxBuffer: 1 << 24, encoding: "utf8" });
  console.log(publishStorms(JSON.parse(output)));
}

const isForGoogle = (arg) => arg.startsWith("--benchmark_");
const args = process.argv.slice(2);
const { values, positionals } = parseArgs({
  args: args.filter((arg) => !isForGoogle(arg)),
  options: { rounds: { type: "string", default: "3" } },
  allowPositionals: true,
});
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) fail("--rounds: expected a number from 1");
const all = [...Object.keys(scenarios), "stores", "parser", "storm"];
const chosen = positionals.length === 0 || positionals.includes("all") ? all : positionals;
for (const name of chosen) {
  if (!all.includes(name)) fail(`there is no scenario '${name}': choose from ${all.join(", ")}, all`);
}
for (const name of chosen) {
  if (name === "parser") {
    benchmarkParser(args.filter(isForGoogle));
    continue;
  }
  if (name === "stores") {
    const { status } = spawnSync(storesProgram, ["--rounds", String(rounds)], { stdio: "inherit" });
    if (status !== 0) fail(`${storesProgram} has failed`);
    continue;
  }
  if (name === "storm") {
    simulateStorms();
    continue;
  }
  const results = [];
  for (const scenario of scenarios[name]) results.push(await measure(scenario, rounds));
  publish(name, results);
}
