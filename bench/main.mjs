// Runs the benchmarks of build/release: ./run bench [SCENARIO…] [--rounds N] [--streams N] [--minutes N]. bench/README.md
// has the reading.
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { answersTable, http2Table, longRunTable, publish, publishParser, publishStorms, table } from "./report.mjs";
import { scenarios } from "./scenarios.mjs";
import { servers, start } from "./servers.mjs";

const program = "build/release/bin/millrace";
const longestLoadMs = 90_000;
const storesProgram = "build/release/bin/millrace_stores_benchmark";
const http2Program = "build/release/bin/millrace_bench_http2";
const longRunProgram = "build/release/bin/millrace_bench_long_run";
const answersProgram = "build/release/bin/millrace_bench_answers";
const stopsProgram = "build/release/bin/millrace_bench_answer_stops";
const stateProgram = "build/release/bin/millrace_bench_state";
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
    const options = { maxBuffer: 1 << 20, timeout: longestLoadMs };
    execFile(program, ["bench", ...args.map(String)], options, (error, stdout, stderr) => {
      if (stdout) resolve(JSON.parse(stdout));
      else if (error.killed) reject(new Error(`the load was not over after ${longestLoadMs / 1000} s`));
      else reject(new Error(stderr || String(error)));
    });
  });
}

async function once(scenario, name) {
  const server = await start(name, scenario.subscribers);
  // The paths of the scenario come last: they win.
  const args = [
    `${servers[name].scheme ?? "http"}://127.0.0.1:${server.port}`,
    "--server-pid",
    server.pid,
    ...servers[name].load,
    ...scenario.load,
  ];
  try {
    return { report: await load(args), command: `millrace bench ${args.join(" ")}` };
  } finally {
    await server.stop();
  }
}

// Failures, which are reported at the end; the run continues without them.
const troubles = [];
function trouble(what, message) {
  troubles.push(`${what}: ${message}`);
  console.error(`bench: ${troubles.at(-1)}`);
}

async function measure(scenario, rounds) {
  const of = (value) => Object.fromEntries(scenario.servers.map((name) => [name, value()]));
  const results = { scenario, rounds, runs: of(() => []), errors: of(() => []), command: {} };
  for (let round = 1; round <= rounds; ++round) {
    for (const name of scenario.servers) {
      progress(`bench: ${scenario.name}, round ${round} of ${rounds}: ${name}`);
      try {
        const { report, command } = await once(scenario, name);
        results.runs[name].push(report);
        results.command[name] = command;
      } catch (error) {
        results.errors[name].push(error.message.trim());
        progress("");
        trouble(`${scenario.name}, round ${round}, ${name}`, error.message.trim());
      }
    }
  }
  progress("");
  console.log(`\n${scenario.title}\n\n${table(results)}`);
  return results;
}

// Options go to Google Benchmark. The page is of all streams, without any.
function benchmarkParser(options) {
  const file = "build/parser_benchmark.json";
  const usual = ["--benchmark_repetitions=5", "--benchmark_enable_random_interleaving=true"];
  const toFile = [`--benchmark_out=${file}`, "--benchmark_out_format=json"];
  const args = [...usual, "--benchmark_report_aggregates_only=true", ...toFile, ...options];
  const { status } = spawnSync(parserProgram, args, { stdio: "inherit" });
  if (status !== 0) return trouble("parser", `${parserProgram} has failed`);
  if (options.length === 0) console.log(publishParser(JSON.parse(readFileSync(file, "utf8"))));
}

function benchmarkStores() {
  const { status } = spawnSync(storesProgram, ["--rounds", String(rounds)], { stdio: "inherit" });
  if (status !== 0) trouble("stores", `${storesProgram} has failed`);
}

// Rounds of each kind take turns, and the median of each counts: figures drift, and ratios within a run do so less.
function benchmarkHttp2(kinds, [streams, events, rate]) {
  const runs = new Map(["clear", "tls"].flatMap((line) => kinds.map((each) => [`${line} ${each}`, []])));
  for (let round = 1; round <= rounds; ++round) {
    for (const kind of runs.keys()) {
      progress(`bench: HTTP/2, round ${round} of ${rounds}: ${kind} a connection`);
      const [line, each] = kind.split(" ");
      const args = [line, streams, each, events, rate].map(String);
      runs.get(kind).push(JSON.parse(execFileSync(http2Program, args, { encoding: "utf8", timeout: 900_000 })));
    }
  }
  progress("");
  console.log(`\n${http2Table(runs)}`);
}

// Minutes of events and heartbeats, cuts, and resuming; in clear and over TLS. The program prints its steps on stderr.
function runLong(streams, minutes) {
  const runs = new Map();
  for (const line of ["clear", "tls"]) {
    console.error(`bench: ${minutes} minutes of ${streams} streams, ${line}`);
    const { stdout, status } = spawnSync(longRunProgram, [line, String(streams), String(minutes)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
      timeout: (minutes + 15) * 60_000,
    });
    if (status !== 0)
      trouble(`million, ${line}`, "it was not over in time, or an event was lost or doubled: see above");
    if (stdout) runs.set(line, JSON.parse(stdout));
  }
  console.log(`\n${longRunTable(runs)}`);
}

// A thread for each answer is tried with a tenth, too: with all of them it may not get as far.
function benchmarkAnswers(answers) {
  const tries = [
    [answers, "answers"],
    [Math.ceil(answers / 10), "answers"],
    [Math.ceil(answers / 10), "threads"],
    [answers, "threads"],
  ];
  const runs = tries.map(() => []);
  for (let round = 1; round <= rounds; ++round) {
    for (const [i, [count, way]] of tries.entries()) {
      progress(`bench: answers, round ${round} of ${rounds}: ${count}, ${way}`);
      const { stdout, stderr } = spawnSync(answersProgram, [String(count), "10", way], {
        encoding: "utf8",
        timeout: longestLoadMs,
      });
      if (stdout) runs[i].push({ way, asked: count, ...JSON.parse(stdout) });
      else trouble(`answers, ${count}, ${way}`, stderr.trim() || "it was not over in time");
    }
  }
  progress("");
  console.log(`\n${answersTable(runs)}\n`);
  for (const way of ["here", "there"]) measureStops(way);
}

// How long a stop takes to reach the producer, while 1,000 others run; through a store only 100.
function measureStops(way) {
  const { stdout, stderr } = spawnSync(stopsProgram, [way === "here" ? "1000" : "100", "1000", way], {
    encoding: "utf8",
    timeout: longestLoadMs,
  });
  if (!stdout) return trouble(`stops ${way}`, stderr?.trim() || "it was not over in time");
  const { running, stops, p50Ms, p99Ms, maxMs } = JSON.parse(stdout);
  const from = way === "here" ? "another connection" : "another node";
  console.log(
    `stop p99: ${p99Ms} ms from ${from} (p50 ${p50Ms}, longest ${maxMs}; ${stops} stops, ${running} running)`,
  );
}

// Topics, and entries of the log: it must not matter how long that is.
function benchmarkState() {
  const rows = [
    [1_000, 100_000],
    [10_000, 10_000],
    [10_000, 100_000],
    [10_000, 1_000_000],
  ].map((sizes) => {
    const args = [...sizes, 5 * rounds].map(String);
    const { publishNs, stateMs } = JSON.parse(execFileSync(stateProgram, args, { encoding: "utf8", timeout: 300_000 }));
    const inOrder = stateMs.toSorted((a, b) => a - b);
    const median = inOrder[Math.floor(inOrder.length / 2)];
    return `| ${sizes.map((size) => size.toLocaleString("en")).join(" | ")} | ${median} | ${inOrder.at(-1)} | ${publishNs} |`;
  });
  const head =
    "| topics | entries of the log | median, ms | slowest, ms | publishing, ns an event |\n|---|---|---|---|---|";
  console.log(
    `\n${[head, ...rows].join("\n")}\n\nLoad average: ${loadavg()
      .map((load) => load.toFixed(2))
      .join(", ")}`,
  );
}

function simulateStorms() {
  const output = execFileSync("build/release/bin/millrace_bench_storm", { maxBuffer: 1 << 24, encoding: "utf8" });
  console.log(publishStorms(JSON.parse(output)));
}

const isForGoogle = (arg) => arg.startsWith("--benchmark_");
const args = process.argv.slice(2);
function parsed() {
  try {
    return parseArgs({
      args: args.filter((arg) => !isForGoogle(arg)),
      options: { rounds: { type: "string", default: "3" }, streams: { type: "string" }, minutes: { type: "string" } },
      allowPositionals: true,
    });
  } catch (error) {
    return fail(`${error.message.split(". ")[0]}; expected [SCENARIO…] [--rounds N] [--streams N] [--minutes N]`);
  }
}
const { values, positionals } = parsed();
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) fail("--rounds: expected a number from 1");
const streams = values.streams === undefined ? undefined : Number(values.streams);
if (streams !== undefined && (!Number.isInteger(streams) || streams < 100))
  fail("--streams: expected a number from 100");
const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
if (minutes !== undefined && (!Number.isInteger(minutes) || minutes < 1 || positionals.join() !== "million"))
  fail("--minutes: expected a number from 1, and the scenario million alone");
const all = [...Object.keys(scenarios), "h2", "million", "answers", "state", "stores", "parser", "storm"];
const chosen = positionals.length === 0 || positionals.includes("all") ? all : positionals;
for (const name of chosen) {
  if (!all.includes(name)) fail(`unknown scenario '${name}'; expected one of ${all.join(", ")}, all`);
}
async function run(name) {
  if (name === "h2") return benchmarkHttp2([0, 1, 10, 100], [streams ?? 10_000, 20, 5]);
  if (name === "million" && minutes !== undefined) return runLong(streams ?? 100_000, minutes);
  if (name === "million") return benchmarkHttp2([100], [streams ?? 100_000, 3, 1]);
  if (name === "answers") return benchmarkAnswers(streams ?? 10_000);
  if (name === "parser") return benchmarkParser(args.filter(isForGoogle));
  if (name === "stores") return benchmarkStores();
  if (name === "state") return benchmarkState();
  if (name === "storm") return simulateStorms();
  const results = [];
  for (const scenario of scenarios[name]) results.push(await measure(scenario, rounds));
  publish(name, results);
}

for (const name of chosen) {
  const begin = performance.now();
  await run(name).catch((error) => trouble(name, error.message));
  console.error(`bench: ${name} took ${((performance.now() - begin) / 1000).toFixed(0)} s`);
}
if (troubles.length > 0) fail(`not all of it could be measured:\n  ${troubles.join("\n  ")}`);
