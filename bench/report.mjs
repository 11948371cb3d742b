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

/** The scenario's table of medians, as Markdown; `runs` holds the reports of each server. */
export function table(scenario, runs) {
  const of = (name, figure) => median(runs[name].map(figure.of));
  const base = scenario.servers.includes("ceiling") ? "ceiling" : null;
  const rows = scenario.servers.map((name) => {
    const cells = scenario.figures.map((figure) => {
      const value = of(name, figure);
      const ratio = base && base !== name && figure.ratio ? ` (${(value / of(base, figure)).toFixed(2)}×)` : "";
      return figure.show(value) + ratio;
    });
    const failures = runs[name].flatMap((report) => Object.entries(report.failures).filter(([, count]) => count > 0));
    cells.push(failures.length === 0 ? "none" : [...new Set(failures.map(([kind]) => kind))].join(", "));
    return [servers[name].title, ...cells];
  });
  const head = ["", ...scenario.figures.map((figure) => figure.title), "failures"];
  return [head, head.map(() => "-"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

// One bar a server, drawn by gnuplot.
function draw(scenario, runs) {
  const plain = (name) => servers[name].title.replaceAll(/[*`]/g, "").replace("ceiling: a bare ", "bare ");
  const rows = scenario.servers.map((name, i) => `${i} ${median(runs[name].map(scenario.chart.of))} "${plain(name)}"`);
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

/** Puts a scenario's results into the page, in place of the last ones, and into a JSON file beside it. */
export function publish(group, results) {
  mkdirSync(folder, { recursive: true });
  const about = machine();
  const sections = results.map(({ scenario, runs, command }) => {
    writeFileSync(
      `${folder}/${scenario.name}.json`,
      `${JSON.stringify({ ...about, title: scenario.title, command, runs }, null, 1)}\n`,
    );
    const chart = draw(scenario, runs).replace("docs/", "");
    return `#### ${scenario.title}\n\n${table(scenario, runs)}\n\n![${scenario.title}](${chart})\n`;
  });
  const begin = `<!-- ${group}: written by ./run bench ${group} -->`;
  const end = `<!-- end of ${group} -->`;
  const rounds = Object.values(results[0].runs)[0].length;
  const note = `Medians of ${rounds} interleaved rounds, ${about.date}, commit ${about.commit}.`;
  const text = readFileSync(page, "utf8");
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${page} has no place for ${group}: ${begin} … ${end}`);
  writeFileSync(page, `${text.slice(0, from)}${begin}\n${note}\n\n${sections.join("\n")}${text.slice(to)}`);
}
