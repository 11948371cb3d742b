// The picture of docs/deploy/grafana/millrace.json. Grafana is in no package of Debian: this draws the panels of the file
// with the answers that Prometheus has for their expressions, of a server that is in use.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, startMillrace } from "../support/millrace-server.mjs";
import { startPrometheus } from "../support/prometheus.mjs";

const dashboard = JSON.parse(readFileSync(join(root, "docs/deploy/grafana/millrace.json"), "utf8"));
const colours = ["#7eb26d", "#e5ac0e", "#6ed0e0", "#ef843c", "#ba43a9", "#508642"];
const width = 380;
const height = 150;
const seconds = 90;

/** Uses the server: streams that come and go, events of changing number, a wrong request now and then. */
async function use(server) {
  const gone = new AbortController();
  const open = (query) => fetch(`${server.events}?${query}`, { signal: gone.signal });
  const end = performance.now() + seconds * 1000;
  for (let round = 0; performance.now() < end; round++) {
    if (round % 4 === 0) await open(`topic=a&client=tab-${round % 400}&lastEventId=earliest`);
    const count = Math.round(20 + 15 * Math.sin(round / 30));
    await server.publish(Array.from({ length: count }, () => ({ topic: "a", data: "x".repeat(200) })));
    if (round % 9 === 0) await open("topic=a*");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  gone.abort();
}

async function answers(prometheus, expression, end) {
  const query = new URLSearchParams({
    query: expression.replaceAll("$__rate_interval", "10s").replaceAll("$instance", ".*"),
    start: end - seconds + 12,
    end,
    step: 1,
  });
  const data = await prometheus.ask(`query_range?${query}`);
  return data.result.map(({ metric, values }) => ({ metric, points: values.map(([time, value]) => [time, +value]) }));
}

const si = (value, unit) => {
  const [factor, letter] = [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ].find(([factor]) => value >= factor) ?? [1, ""];
  return `${+(value / factor).toPrecision(3)} ${letter}${unit}`.trim();
};
const formats = {
  bytes: (value) => si(value, "B"),
  Bps: (value) => si(value, "B/s"),
  ops: (value) => si(value, "/s"),
  reqps: (value) => si(value, "/s"),
  s: (value) => (value < 1 ? `${+(value * 1000).toPrecision(3)} ms` : `${+value.toPrecision(3)} s`),
  percentunit: (value) => `${+(value * 100).toPrecision(3)} %`,
};

const legend = ({ legendFormat }, metric) =>
  legendFormat.replace(/\{\{(\w+)\}\}/g, (_, name) => (name === "instance" ? "" : (metric[name] ?? ""))).trim();

function chart(panel, series) {
  const format = formats[panel.fieldConfig.defaults.unit] ?? ((value) => si(value, ""));
  const points = series.flatMap(({ points }) => points).filter(([, value]) => Number.isFinite(value));
  const [from, to] = [Math.min, Math.max].map((pick) => pick(...points.map(([time]) => time)));
  const most = Math.max(...points.map(([, value]) => value), 0);
  const line = ({ points }, index) => {
    const places = points
      .filter(([, value]) => Number.isFinite(value))
      .map(
        ([time, value]) => `${((time - from) / (to - from)) * width},${height - (value / (most || 1)) * (height - 8)}`,
      );
    return `<polyline fill="none" stroke="${colours[index % colours.length]}" points="${places.join(" ")}"/>`;
  };
  return `<svg viewBox="0 0 ${width} ${height}">${series.map(line).join("")}</svg><b>${format(most)}</b>`;
}

async function section(prometheus, panel, end) {
  const found = await Promise.all(
    panel.targets.map(async (target) =>
      (await answers(prometheus, target.expr, end)).map((one) => ({ ...one, name: legend(target, one.metric) })),
    ),
  );
  const series = found.flat().filter(({ points }) => points.length > 1);
  const body =
    panel.type === "stat" ? `<p>${series[0]?.points.at(-1)[1] === 1 ? "Yes" : "No"}</p>` : chart(panel, series);
  const names = series.map(({ name }, index) =>
    name === "" ? "" : `<li style="--c:${colours[index % colours.length]}">${name}</li>`,
  );
  const { x, y } = panel.gridPos;
  return `<section style="grid-area:${y / 8 + 1}/${x / 8 + 1}"><h2>${panel.title}</h2>${body}<ul>${names.slice(0, 6).join("")}</ul></section>`;
}

const style = `body { display: grid; grid-template-columns: repeat(3, 1fr); gap: 8px; margin: 8px; background: #111217; color: #ccccdc; font: 12px sans-serif }
section { position: relative; padding: 8px; background: #181b1f; border: 1px solid #2c3235 }
h2 { margin: 0 0 8px; font-size: 13px } svg { width: 100%; background: linear-gradient(#2c3235 1px, transparent 1px) 0 0 / 100% 25% }
b { position: absolute; top: 34px; left: 10px; font-weight: normal } p { margin: 40px; text-align: center; font-size: 48px; color: #7eb26d }
ul { display: flex; flex-wrap: wrap; gap: 0 12px; margin: 4px 0 0; padding: 0; list-style: none } li::before { content: "━ "; color: var(--c) }`;

/** Draws the dashboard on a page of the browser, and calls `take` with it. */
export async function dashboardPicture(browser, take) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-dashboard-"));
  const server = await startMillrace("--presence", "--store", `sqlite:${join(folder, "events.db")}`);
  const prometheus = await startPrometheus(`127.0.0.1:${server.port}`);
  try {
    await use(server);
    const end = Math.floor(Date.now() / 1000);
    const sections = await Promise.all(dashboard.panels.map((panel) => section(prometheus, panel, end)));
    const context = await browser.newContext({ viewport: { width: 1240, height: 860 } });
    const page = await context.newPage();
    await page.setContent(`<style>${style}</style>${sections.join("")}`);
    await take(page);
    await context.close();
  } finally {
    await prometheus.close();
    await server.close();
    rmSync(folder, { recursive: true });
  }
}
