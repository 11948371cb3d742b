// Streams that `millrace serve --gzip` compresses, each event once for all subscribers: read by several clients.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { get } from "node:http";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { promisify } from "node:util";
import { createGunzip } from "node:zlib";
import { connect } from "millrace";
import { CutProxy } from "../support/cut-proxy.mjs";
import { millraceProgram, startMillrace } from "../support/millrace-server.mjs";
import { until } from "../support/until.mjs";

const run = promisify(execFile);

// Some are compressed, some are too small for it.
const dataOf = (number) => `${number} ${`and ${number * 7} `.repeat(number % 3 === 0 ? 1 : 100)}`.trim();
const numbers = (from, to) => Array.from({ length: to - from }, (_, i) => ({ topic: "n", data: dataOf(from + i) }));
const lines = (from, to) => numbers(from, to).map(({ data }) => `data: ${data}`);

async function serverWith(context, events) {
  const server = await startMillrace("--gzip");
  context.after(() => server.close());
  await server.publish(events);
  return server;
}

test("curl --compressed reads one to its end, trailer and all", async (context) => {
  const server = await serverWith(context, [...numbers(0, 200), { topic: "n", finish: true }]);
  const url = `${server.events}?topic=n&lastEventId=earliest`;
  const { stdout } = await run("curl", ["--silent", "--fail", "--show-error", "--compressed", "--include", url]);
  assert.match(stdout, /^content-encoding: gzip\r$/im);
  assert.match(stdout, /^vary: accept-encoding\r$/im);
  assert.deepEqual(
    stdout.split("\n").filter((line) => line.startsWith("data: ")),
    lines(0, 200),
  );
});

test("zlib has each event as soon as it is published, whenever one has joined", async (context) => {
  const server = await serverWith(context, numbers(0, 10));
  const readers = [];
  for (let published = 10; published < 50; published += 10) {
    const reader = { from: published, text: "", ended: false };
    get(`${server.events}?topic=n`, { headers: { "Accept-Encoding": "gzip" } }, (response) => {
      const gunzip = response.pipe(createGunzip());
      gunzip.on("error", (error) => {
        reader.error = error;
      });
      gunzip.setEncoding("utf8").on("data", (text) => {
        reader.text += text;
      });
      gunzip.on("end", () => {
        reader.ended = true;
      });
    });
    readers.push(reader);
    await until(() => reader.text.includes("\n\n"), "the stream to begin");
    await server.publish(numbers(published, published + 10));
    const last = `data: ${dataOf(published + 9)}\n\n`;
    await until(() => readers.every(({ text }) => text.endsWith(last)), "all to have it");
  }
  await server.publish([{ topic: "n", finish: true }]);
  await until(() => readers.every(({ ended, error }) => ended || error), "all to end");
  for (const { from, text, error } of readers) {
    assert.equal(error, undefined, "such as a sum that is wrong");
    assert.deepEqual(
      text.split("\n").filter((line) => line.startsWith("data: ")),
      lines(from, 50),
    );
  }
});

test("fetch, and connect() with it, read them", async (context) => {
  const server = await serverWith(context, numbers(0, 100));
  const response = await fetch(`${server.events}?topic=n&lastEventId=earliest&mode=poll`);
  assert.equal(response.headers.get("Content-Encoding"), "gzip");
  const text = await response.text();
  assert.deepEqual(
    text.split("\n").filter((line) => line.startsWith("data: ")),
    lines(0, 100),
  );
  const connection = connect(server.events, { topics: "n", lastEventId: "earliest" });
  context.after(() => connection.close());
  const data = [];
  for await (const event of connection) {
    if (data.push(event.data) === 100) await server.publish(numbers(100, 110));
    if (data.length === 110) break;
  }
  assert.deepEqual(
    data,
    numbers(0, 110).map((event) => event.data),
  );
});

test("the native client reads them", async (context) => {
  const server = await serverWith(context, numbers(0, 100));
  const args = ["tail", server.events, "--topic", "n", "--since", "earliest", "--count", "100", "--json"];
  const { stdout } = await run(millraceProgram(), args);
  const data = stdout.trim().split("\n");
  assert.deepEqual(
    data.map((line) => JSON.parse(line).data),
    numbers(0, 100).map((event) => event.data),
  );
});

test("the native client continues after a cut, which leaves a gzip stream without its end", async (context) => {
  const server = await serverWith(context, numbers(0, 50));
  const proxy = await CutProxy.to(server.port);
  context.after(() => proxy.close());
  const args = ["tail", `${proxy.origin}/events`, "--topic", "n", "--since", "earliest", "--count", "100", "--json"];
  const tail = spawn(millraceProgram(), args, { stdio: ["ignore", "pipe", "inherit"] });
  context.after(() => tail.kill());
  const data = [];
  createInterface({ input: tail.stdout }).on("line", (line) => data.push(JSON.parse(line).data));
  await until(() => data.length === 50, "the first half");
  proxy.cut();
  await server.publish(numbers(50, 100));
  await until(() => data.length === 100, "the second half");
  assert.deepEqual(
    data,
    numbers(0, 100).map((event) => event.data),
  );
});

test("millrace bench --gzip, which checks every delivery, finds nothing wrong", async (context) => {
  const server = await startMillrace("--gzip");
  context.after(() => server.close());
  const load = ["--subscribers", "50", "--rate", "0", "--seconds", "2", "--window", "100", "--data-bytes", "900"];
  const { stdout } = await run(millraceProgram(), ["bench", server.origin, "--gzip", ...load]);
  const report = JSON.parse(stdout);
  assert.equal(report.connected, 50);
  assert.ok(report.megabytesReceived * 1e6 < report.deliveries * 900, "it was compressed");
});
