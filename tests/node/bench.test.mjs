// `millrace bench` finds what a server loses, doubles or mixes up, and nothing else.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { constants, createGzip } from "node:zlib";
import { serve } from "../support/http-server.mjs";
import { millraceProgram, startMillrace } from "../support/millrace-server.mjs";

function bench(...args) {
  return new Promise((resolve) => {
    execFile(millraceProgram(), ["bench", ...args.map(String)], (error, stdout, stderr) => {
      resolve({ exitCode: error ? error.code : 0, report: stdout ? JSON.parse(stdout) : null, stderr });
    });
  });
}

const none = { lost: 0, doubled: 0, outOfOrder: 0, gaps: 0, refused: 0, closed: 0 };

// A server of one stream each, whose `forward` decides what becomes of an event's data.
async function relay(forward, { gzip = false } = {}) {
  const streams = [];
  const server = await serve((request, response) => {
    if (request.method === "GET") {
      const encoding = gzip ? { "Content-Encoding": "gzip" } : {};
      response.writeHead(200, { "Content-Type": "text/event-stream", ...encoding });
      const output = gzip ? createGzip({ flush: constants.Z_SYNC_FLUSH }) : response;
      if (gzip) output.pipe(response);
      output.write(":\n\n");
      streams.push(output);
    } else {
      const data = server.requests.at(-1).body;
      for (const each of forward(data)) for (const stream of streams) stream.write(`data: ${each}\n\n`);
      response.setHeader("Content-Length", 0);
      response.end();
    }
  });
  return server;
}

const raw = ["--raw-body", "--rate", 100, "--seconds", 0.1, "--subscribers", 3];

test("a run against millrace serve is clean, and counts every delivery", async () => {
  const server = await startMillrace();
  try {
    const args = ["--subscribers", 20, "--topics", 5, "--processes", 2, "--rate", 0, "--seconds", 0.2, "--window", 50];
    const { exitCode, report } = await bench(server.origin, ...args);
    assert.deepEqual(report.failures, none);
    assert.equal(exitCode, 0);
    assert.equal(report.connected, 20);
    assert.ok(report.published > 0);
    assert.equal(report.deliveries, report.published * 4);
  } finally {
    await server.close();
  }
});

test("subscribers resume from the first event and get the rest, once", async () => {
  const server = await startMillrace();
  try {
    const { exitCode, report } = await bench(server.origin, "--subscribers", 10, "--behind", 200);
    assert.deepEqual(report.failures, none);
    assert.equal(exitCode, 0);
    assert.equal(report.deliveries, 2000);
  } finally {
    await server.close();
  }
});

test("compressed streams are read", async () => {
  const server = await relay((data) => [data], { gzip: true });
  const { exitCode, report } = await bench(server.origin, ...raw, "--gzip");
  await server.close();
  assert.deepEqual(report.failures, none);
  assert.equal(exitCode, 0);
  assert.equal(report.deliveries, report.published * 3);
});

test("an event that comes twice is found", async () => {
  const server = await relay((data) => (data.startsWith("4 ") ? [data, data] : [data]));
  const { exitCode, report } = await bench(server.origin, ...raw);
  await server.close();
  assert.deepEqual(report.failures, { ...none, doubled: 3 });
  assert.equal(exitCode, 1);
});

test("events in the wrong order are found", async () => {
  let held = null;
  const server = await relay((data) => {
    if (data.startsWith("3 ")) {
      held = data;
      return [];
    }
    return data.startsWith("5 ") ? [data, held] : [data];
  });
  const { exitCode, report } = await bench(server.origin, ...raw);
  await server.close();
  assert.deepEqual(report.failures, { ...none, lost: 3, outOfOrder: 3 });
  assert.equal(exitCode, 1);
});

test("a server that refuses to publish is an error that says so", async () => {
  const server = await serve((request, response) => {
    if (request.method === "GET") {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write(":\n\n");
    } else {
      response.writeHead(403, { "Content-Length": 0 });
      response.end();
    }
  });
  const { exitCode, report, stderr } = await bench(server.origin, ...raw);
  await server.close();
  assert.equal(report, null);
  assert.equal(exitCode, 1);
  assert.match(stderr, /refuses to publish.*403/);
});
