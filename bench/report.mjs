// Medians, tables, charts, and their place in docs/benchmarks.md.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { servers } from "./servers.mjs";

const page = "docs/benchmarks.md";
const folder = "docs/benchmarks";

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function output(command, ...args) {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  } catch {
    return "";
  }
}

/** What the figures were measured on and with. */
export function machine() {
  const packageVersion = (name) => output("dpkg-query", "-W", "-f", `${"$"}{Version}`, name);
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: output("git", "rev-parse", "--short", "HEAD"),
    cpu: `${cpus().length} × ${cpus()[0].model}`,
    memoryGB: Math.round(totalmem() / 1e9),
    kernel: output("uname", "-sr"),
    compiler: output("c++", "--version").split("\n")[0],
    nginx: packageVersion("nginx"),
    nchan: packageVersion("libnginx-mod-nchan"),
    node: process.version,
    betterSse: JSON.parse(readFileSync("node_modules/better-sse/package.json", "utf8")).version,
    cppHttplib: packageVersion("libcpp-httplib-dev"),
  };
}

/** The scenario's table of medians, as Markdown; `runs` holds the reports of each server, `errors` why others lack. */
export function table({ scenario, rounds, runs, errors }) {
  const of = (name, figure) => median(runs[name].map(figure.of));
  const first = scenario.base ?? "ceiling";
  const base = runs[first]?.length > 0 ? first : null;
  const rows = scenario.servers.map((name) => {
    const cells = scenario.figures.map((figure) => {
      if (runs[name].length === 0) return "";
      const value = of(name, figure);
      const ratio = base && base !== name && figure.ratio ? ` (${(value / of(base, figure)).toFixed(2)}×)` : "";
      return figure.show(value) + ratio;
    });
    const failures = runs[name].flatMap((report) => Object.entries(report.failures).filter(([, count]) => count > 0));
    const kinds = [...new Set(failures.map(([kind]) => kind))];
    if (errors[name].length > 0) kinds.push(`${errors[name].length} of ${rounds} rounds failed`);
    cells.push(kinds.join(", ") || "none");
    return [servers[name].title, ...cells];
  });
  const head = ["", ...scenario.figures.map((figure) => figure.title), "failures"];
  return [head, head.map(() => "-"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

// One bar a server, drawn by gnuplot.
function draw({ scenario, runs }) {
  const plain = (name) => servers[name].title.replaceAll(/[*`]/g, "").replace("ceiling: a bare ", "bare ");
  const rows = scenario.servers
    .filter((name) => runs[name].length > 0)
    .map((name, i) => `${i} ${median(runs[name].map(scenario.chart.of))} "${plain(name)}"`);
  const file = `${folder}/${scenario.name}.svg`;
  const script = `
set terminal svg size 720,${70 + 34 * rows.length} font "sans-serif,13" background "#ffffff"
set output "${file}"
set title "${scenario.title}: ${scenario.chart.title}" noenhanced
set style fill solid
set yrange [${rows.length - 0.4}:-0.6]
set xrange [0:*]
set offsets 0, graph 0.12, 0, 0
set grid x lc "#dddddd"
set border 1 lc "#888888"
set tics nomirror
unset key
$data << END
${rows.join("\n")}
END
plot $data using (0):0:(0):2:($0-0.3):($0+0.3):ytic(3) with boxxyerror lc "#2f6f8f", \
     $data using 2:0:(sprintf(" %.3g", $2)) with labels left
`;
  execFileSync("gnuplot", [], { input: script });
  return file;
}

// Puts `text` between the group's two marks in a page, in place of what stands there.
function fill(file, group, text) {
  const begin = `<!-- ${group}: written by ./run bench ${group} -->`;
  const end = `<!-- end of ${group} -->`;
  const old = readFileSync(file, "utf8");
  const from = old.indexOf(begin);
  const to = old.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${file} has no place for ${group}: ${begin} … ${end}`);
  writeFileSync(file, `${old.slice(0, from)}${begin}\n${text}${old.slice(to)}`);
}

/** Answers that run at once: of each figure the median of the rounds. */
export function answersTable(runs) {
  const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const rows = runs
    .filter((rounds) => rounds.length > 0)
    .map((rounds) => {
      const of = (name) => median(rounds.map((round) => round[name]));
      const perEvent = median(rounds.map((round) => (round.serverCpuSeconds / round.events) * 1e6));
      const share = median(rounds.map((round) => round.events / (round.answers * round.seconds * round.rate)));
      return `| ${rounds[0].way} | ${of("answers")} of ${rounds[0].asked} | ${of("threads")} | ${(of("bytesAnAnswer") / 1000).toFixed(1)} | ${(share * 100).toFixed(0)} % | ${perEvent.toFixed(1)} | ${of("p50Ms").toFixed(2)} | ${of("p99Ms").toFixed(2)} |`;
    });
  return `| way | running | threads | kB each | events that came | us of CPU each | p50, ms | p99, ms |\n|-|-|-|-|-|-|-|-|\n${rows.join("\n")}`;
}

/** Puts the simulated storms into docs/capacity.md: a table, and a chart of attempts over time. */
export function publishStorms({ binMs, storms }) {
  mkdirSync(folder, { recursive: true });
  const perSecond = 1000 / binMs;
  const rows = storms.map(({ name, clients, calmMs, attempts }) => {
    const total = attempts.reduce((sum, count) => sum + count, 0);
    const peak = Math.max(...attempts) * perSecond;
    const number = (value) => value.toLocaleString("en");
    return `| ${name} | ${number(clients)} | ${number(peak)} | ${(calmMs / 1000).toFixed(1)} | ${(total / clients).toFixed(1)} |`;
  });
  const head = "| storm | clients | most attempts a second | all are back after, s | attempts each |\n|-|-|-|-|-|";
  const data = storms.map(
    ({ attempts }, i) =>
      `$storm${i} << END\n${attempts.map((count, bin) => `${bin / perSecond} ${count ? count * perSecond : "NaN"}`).join("\n")}\nEND`,
  );
  const plots = storms.map(({ name }, i) => `$storm${i} using 1:2 with linespoints pt 7 ps 0.25 title "${name}"`);
  const script = `
set terminal svg size 900,420 font "sans-serif,13" background "#ffffff"
set output "${folder}/storm.svg"
set logscale y
set xrange [0:100]
set xlabel "seconds since the loss"
set ylabel "attempts to connect a second"
set grid lc "#dddddd"
set border 3 lc "#888888"
set tics nomirror
set key outside right top
${data.join("\n")}
plot ${plots.join(", ")}
`;
  execFileSync("gnuplot", [], { input: script });
  const text = `${head}\n${rows.join("\n")}\n\n![Attempts to connect over time](benchmarks/storm.svg)\n`;
  fill("docs/capacity.md", "storm", text);
  return `${head}\n${rows.join("\n")}`;
}

/** Puts the parser's medians into the page, beside those of the loop that only looks for line ends. */
export function publishParser({ benchmarks }) {
  const medians = {};
  for (const { run_name: name, aggregate_name: kind, bytes_per_second: bytes } of benchmarks) {
    if (kind === "median") medians[name] = bytes;
  }
  const number = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toPrecision(3)} GB/s` : `${Math.round(bytes / 1e6)} MB/s`);
  const rows = Object.keys(medians)
    .filter((name) => name.startsWith("parse/"))
    .map((name) => {
      const floor = medians[name.replace("parse/", "find_lines/")];
      const beside = floor === undefined ? ["", ""] : [number(floor), `${(medians[name] / floor).toFixed(2)}×`];
      return [name.slice("parse/".length).replaceAll("_", " "), number(medians[name]), ...beside];
    });
  const head = ["bytes", "parser", "`memchr` from line end to line end", "ratio"];
  const text = [head, head.map(() => "-"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  const about = machine();
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/parser.json`, `${JSON.stringify({ ...about, bytesPerSecond: medians }, null, 1)}\n`);
  fill(page, "parser", `Medians of five repetitions, ${about.date}, commit ${about.commit}.\n\n${text}\n`);
  return text;
}

/** Puts a scenario's results into the page, in place of the last ones, and into a JSON file beside it. */
export function publish(group, results) {
  mkdirSync(folder, { recursive: true });
  const about = machine();
  const measured = results.filter(({ runs }) => Object.values(runs).some((reports) => reports.length > 0));
  if (measured.length === 0) throw new Error("no server could be measured; the page keeps what it has");
  const sections = measured.map((result) => {
    const { scenario, runs, errors, command } = result;
    writeFileSync(
      `${folder}/${scenario.name}.json`,
      `${JSON.stringify({ ...about, title: scenario.title, command, errors, runs }, null, 1)}\n`,
    );
    const chart = draw(result).replace("docs/", "");
    return `#### ${scenario.title}\n\n${table(result)}\n\n![${scenario.title}](${chart})\n`;
  });
  const note = `Medians of ${results[0].rounds} interleaved rounds, ${about.date}, commit ${about.commit}.`;
  fill(page, group, `${note}\n\n${sections.join("\n")}`);
}

/**
 * Of `runs` by kind, as "clear 100": whether over TLS, and streams a connection, 0 for HTTP/1.1. The medians, and each
 * kind's CPU against clear HTTP/1.1's if that was run.
 */
export function http2Table(runs) {
  const of = (kind, figure) => median(runs.get(kind).map((run) => run[figure]));
  const base = runs.has("clear 0") ? of("clear 0", "cpuMicrosecondsADelivery") : undefined;
  const lines = [
    "| | streams a connection | streams | connections | CPU a delivery, µs | to HTTP/1.1 | memory a stream | one event to all, ms | opened in, s |",
    "|-|-|-|-|-|-|-|-|-|",
  ];
  for (const kind of runs.keys()) {
    const [line, each] = kind.split(" ");
    const cpu = of(kind, "cpuMicrosecondsADelivery");
    const name = `${line === "tls" ? "TLS" : "clear"} | ${each === "0" ? "HTTP/1.1" : each}`;
    lines.push(
      `| ${name} | ${of(kind, "streams")} | ${of(kind, "connections")} | ${cpu.toPrecision(3)} | ` +
        `${base === undefined ? "" : `${(cpu / base).toFixed(2)}x`} | ${of(kind, "bytesAStream").toFixed(0)} B | ` +
        `${of(kind, "oneEventMs").toPrecision(3)} | ${of(kind, "openSeconds").toPrecision(3)} |`,
    );
  }
  return lines.join("\n");
}

/** Of one run of each line, "clear" and "tls": its figures, and the server's memory after each of its steps. */
export function longRunTable(runs) {
  const named = (line) => (line === "tls" ? "TLS" : "clear");
  const figures = [
    ["streams", ({ streams }) => streams.toLocaleString("en")],
    ["opened in, s", ({ openSeconds }) => openSeconds.toFixed(1)],
    ["events delivered", ({ delivered }) => delivered.toLocaleString("en")],
    ["heartbeats", ({ heartbeats }) => heartbeats.toLocaleString("en")],
    ["lost", ({ lost }) => lost],
    ["doubled", ({ doubled }) => doubled],
    ["gaps", ({ gaps }) => gaps],
    ["slowest event to all, ms", ({ slowestEventMs }) => slowestEventMs.toFixed(0)],
    ["a tenth back in, s", ({ tenthBackSeconds }) => tenthBackSeconds.toFixed(1)],
    ["all back in, s", ({ allBackSeconds }) => allBackSeconds.toFixed(1)],
  ];
  const lines = [...runs.keys()];
  const row = (name, cell) => `| ${[name, ...lines.map(cell)].join(" | ")} |`;
  const head = (name) => [row(name, named), `|-|${lines.map(() => "-:|").join("")}`];
  const first = runs.get(lines[0]);
  if (first === undefined) return "";
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
  const memory = ({ allocatedBytes, residentBytes }) => `${megabytes(allocatedBytes)}, ${megabytes(residentBytes)}`;
  return [
    ...head(""),
    ...figures.map(([name, figure]) => row(name, (line) => figure(runs.get(line)))),
    "",
    ...head("server's memory, MB: allocated by malloc, resident"),
    ...first.steps.map(({ step }, i) => row(step, (line) => memory(runs.get(line).steps[i]))),
  ].join("\n");
}
