// The dashboard and the alerts of docs/deploy: every metric that they name is one that the server has.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { root, startMillrace } from "../support/millrace-server.mjs";
import { startPrometheus } from "../support/prometheus.mjs";
import { readUntil, until } from "../support/until.mjs";

const deploy = join(root, "docs/deploy");
const rules = readFileSync(join(deploy, "prometheus/millrace-alerts.yml"), "utf8");
const dashboard = JSON.parse(readFileSync(join(deploy, "grafana/millrace.json"), "utf8"));

/** The metrics of the server with all that has metrics of its own. */
async function metrics(context) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-metrics-"));
  const server = await startMillrace("--presence", "--store", `sqlite:${join(folder, "events.db")}`);
  context.after(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });
  return (await fetch(`${server.origin}/metrics`)).text();
}

const namesIn = (text) => new Set(text.match(/\b(?:millrace|process)_[a-z0-9_]+/g) ?? []);

test("the dashboard and the alerts name only metrics that there are", async (context) => {
  const text = await metrics(context);
  const known = namesIn(text);
  const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  assert.ok(expressions.length > 20, "are the panels still found?");
  const named = new Set([...expressions, rules].flatMap((one) => [...namesIn(one)]));
  assert.ok(named.size > 20, `${named.size} names: are they still found?`);
  assert.deepEqual(
    [...named].filter((name) => !known.has(name)),
    [],
  );
  const reasons = new Set([...text.matchAll(/reason="(\w+)"/g)].map(([, reason]) => reason));
  const wanted = /reason=~"([^"]+)"/.exec(rules)[1].split("|");
  assert.deepEqual(
    wanted.filter((reason) => !reasons.has(reason)),
    [],
  );
});

test("the histograms of the store and of catching up count what happened", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-histograms-"));
  const server = await startMillrace("--store", `sqlite:${join(folder, "events.db")}`);
  context.after(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });
  const value = async (name) => {
    const text = await (await fetch(`${server.origin}/metrics`)).text();
    return Number(new RegExp(`^${name} (.*)$`, "m").exec(text)[1]);
  };
  assert.equal(await value("millrace_store_append_seconds_count"), 0);
  assert.equal(await value('millrace_catch_up_depth_events_bucket{le="\\+Inf"}'), 0);
  for (let i = 0; i < 3; i++) await server.publish({ topic: "a", data: "x" });
  // A publisher may have its answer before what it took is counted.
  await until(async () => (await value("millrace_store_append_seconds_count")) === 3, "three writes to be counted");
  const stream = await fetch(`${server.events}?topic=a&lastEventId=earliest&mode=poll`);
  assert.equal((await stream.text()).match(/^data: x$/gm).length, 3);
  await until(async () => (await value("millrace_catch_up_depth_events_sum")) === 3, "the catching up to be counted");
  assert.equal(await value('millrace_catch_up_depth_events_bucket{le="1"}'), 0);
  assert.equal(await value('millrace_catch_up_depth_events_bucket{le="10"}'), 1);
});

/** What Python's parser, the reference of the format, reads: the families, and the exemplars with their buckets. */
function parsed(text) {
  const script = `
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.read()))
print(json.dumps({
  "families": {one.name: one.type for one in families},
  "exemplars": [[sample.name, sample.labels, sample.exemplar.labels, sample.exemplar.value]
                for one in families for sample in one.samples if sample.exemplar]}))`;
  const { status, stdout, stderr } = spawnSync("/usr/bin/python3", ["-c", script], { input: text, encoding: "utf8" });
  assert.equal(status, 0, `${stderr}\nDebian's package python3-prometheus-client has the parser\n${text}`);
  return JSON.parse(stdout);
}

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";

/** A server whose one subscriber gets an event of a trace. */
async function serverWithTrace(context, ...options) {
  const server = await startMillrace("--presence", ...options);
  context.after(() => server.close());
  const stream = await fetch(`${server.events}?topic=a`);
  const reader = stream.body.getReader();
  context.after(() => reader.cancel());
  await readUntil(reader, /^id: /m, "the stream's first block");
  const response = await fetch(server.events, {
    method: "POST",
    headers: { "Content-Type": "application/json", traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
    body: JSON.stringify({ topic: "a", data: "x" }),
  });
  assert.equal(response.status, 200);
  await readUntil(reader, /^data: x$/m, "the event");
  return server;
}

test("OpenMetrics are valid, and have the trace of an event with the time that it took", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-exemplars-"));
  const server = await serverWithTrace(context, "--store", `sqlite:${join(folder, "events.db")}`);
  context.after(() => rmSync(folder, { recursive: true }));
  const headers = { Accept: "application/openmetrics-text;version=1.0.0" };
  const read = async () => parsed(await (await fetch(`${server.origin}/metrics`, { headers })).text());
  // The subscriber may have the event before it is counted.
  const { families, exemplars } = await until(async () => {
    const all = await read();
    return all.exemplars.length > 0 && all;
  }, "the exemplar");
  const plain = namesIn(await (await fetch(`${server.origin}/metrics`)).text());
  for (const [name, type] of Object.entries(families))
    assert.ok(plain.has(type === "counter" ? `${name}_total` : name));
  assert.ok(Object.keys(families).length > 40);
  const [[name, labels, exemplar, value]] = exemplars;
  assert.equal(exemplars.length, 1);
  assert.equal(name, "millrace_publish_to_write_seconds_bucket");
  assert.deepEqual(exemplar, { trace_id: traceId });
  assert.ok(value <= Number(labels.le.replace("+Inf", "Infinity")), `${value} is in the bucket up to ${labels.le}`);
});

test("Prometheus scrapes OpenMetrics, and finds the trace of a slow event", async (context) => {
  const server = await serverWithTrace(context);
  const prometheus = await startPrometheus(`127.0.0.1:${server.port}`);
  context.after(() => prometheus.close());
  const metric = "millrace_publish_to_write_seconds_bucket";
  const found = await until(async () => {
    const data = await prometheus.ask(`query_exemplars?query=${metric}&start=0&end=4102444800`);
    return data?.length > 0 && data;
  }, "Prometheus to have the exemplar");
  assert.equal(found[0].seriesLabels.__name__, metric);
  assert.equal(found[0].exemplars[0].labels.trace_id, traceId);
  const { result } = await prometheus.ask("query?query=millrace_publishes_total");
  assert.equal(result[0].value[1], "1");
});

test("the dashboard's panels do not overlap, and each has a unit and a title", () => {
  const places = dashboard.panels.map(({ gridPos: { x, y } }) => `${x},${y}`);
  assert.equal(new Set(places).size, places.length);
  for (const panel of dashboard.panels) {
    assert.ok(panel.title && panel.fieldConfig.defaults.unit, JSON.stringify(panel));
    for (const { datasource } of panel.targets) assert.equal(datasource.uid, "$" + "{datasource}");
  }
});

test("Prometheus accepts the alerts, and each fires when it should", () => {
  for (const args of [
    ["check", "rules", "millrace-alerts.yml"],
    ["test", "rules", "millrace-alerts.test.yml"],
  ]) {
    const { status, stdout, stderr, error } = spawnSync("promtool", args, {
      cwd: join(deploy, "prometheus"),
      encoding: "utf8",
    });
    assert.equal(error, undefined, "promtool is of Debian's package prometheus");
    assert.equal(status, 0, `${stdout}${stderr}`);
  }
  const tested = readFileSync(join(deploy, "prometheus/millrace-alerts.test.yml"), "utf8");
  for (const [, alert] of rules.matchAll(/alert: (\w+)/g)) {
    assert.match(tested, new RegExp(`alertname: ${alert}\\n\\s+exp_alerts:\\n`), `${alert} is never seen to fire`);
  }
});
