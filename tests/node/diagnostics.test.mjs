// What an operator asks a server in trouble: /debug/… at --admin-listen, read by the tools that operators have.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "millrace";
import { freePort } from "../support/free-port.mjs";
import { millraceProgram, startMillrace } from "../support/millrace-server.mjs";
import { until } from "../support/until.mjs";

async function start(context, ...options) {
  const admin = `http://127.0.0.1:${await freePort()}`;
  const server = await startMillrace("--admin-listen", admin.slice("http://".length), ...options);
  context.after(() => server.close());
  return { server, admin, debug: `${admin}/debug` };
}

function temporaryFolder(context, what) {
  const folder = mkdtempSync(join(tmpdir(), `millrace-${what}-`));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

const json = async (url) => (await fetch(url)).json();

const cpuSeconds = async (debug) => {
  const { threads } = await json(`${debug}/threads`);
  return threads.reduce((sum, { userSeconds, systemSeconds }) => sum + userSeconds + systemSeconds, 0);
};

/** Publishes numbers until the server has used this much more CPU time; returns how many. */
async function publishFor(seconds, server, debug) {
  const end = (await cpuSeconds(debug)) + seconds;
  let count = 0;
  while ((await cpuSeconds(debug)) < end) {
    for (let i = 0; i < 20; i++) {
      await server.publish(Array.from({ length: 50 }, () => ({ topic: "a", data: String(count++) })));
    }
  }
  return count;
}

/** The report of google-pprof, Debian's reader of these profiles. */
function read(context, profile) {
  const path = join(temporaryFolder(context, "profile"), "millrace.prof");
  writeFileSync(path, profile);
  const { stdout, stderr, error } = spawnSync("google-pprof", ["--text", "--cum", millraceProgram(), path], {
    encoding: "utf8",
  });
  assert.equal(error, undefined, "google-pprof is of Debian's package google-perftools");
  return { stdout, stderr };
}

test("a profile names the functions that run, and no stream loses an event meanwhile", async (context) => {
  const { server, debug } = await start(context, "--history-events", "1000000");
  const received = [];
  const connection = connect(server.events, { topics: "a", lastEventId: "earliest" });
  context.after(() => connection.close());
  const reading = (async () => {
    for await (const { data } of connection) received.push(Number(data));
  })();
  const profile = fetch(`${debug}/pprof/profile?seconds=120`).then(async (response) => {
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "application/octet-stream");
    assert.equal(response.headers.get("cache-control"), "no-store");
    return Buffer.from(await response.arrayBuffer());
  });
  const count = await publishFor(0.5, server, debug);
  await until(() => received.length === count, `${count} events to arrive`);
  assert.deepEqual(
    received,
    Array.from({ length: count }, (_, i) => i),
  );
  connection.close();
  await reading;
  await server.close(); // which ends the profile
  const { stdout, stderr } = read(context, await profile);
  assert.match(stdout, /millrace::EventRoutes::publish/, stderr);
});

test("one profile is taken at a time", async (context) => {
  const { debug } = await start(context);
  const both = [1, 2].map(() => fetch(`${debug}/pprof/profile?seconds=2`));
  const refused = await Promise.race(both);
  assert.equal(refused.status, 409);
  assert.match((await refused.json()).error, /another profile is being taken/);
  assert.match(refused.headers.get("retry-after"), /^[12]$/);
  // The others are answered meanwhile.
  assert.equal((await fetch(`${debug}/threads`)).status, 200);
  const statuses = (await Promise.all(both)).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), [200, 409]);
  assert.equal((await fetch(`${debug}/pprof/profile?seconds=1`)).status, 200);
});

test("a wrong request for a profile says what is right", async (context) => {
  const { debug } = await start(context);
  for (const query of ["seconds=0", "seconds=121", "seconds=-1", "seconds=1s", "seconds=", "seconds=1&seconds=2"]) {
    const response = await fetch(`${debug}/pprof/profile?${query}`);
    assert.equal(response.status, 400, query);
    assert.equal((await response.json()).error, "seconds: expected one number from 1 to 120", query);
  }
  const misspelt = await fetch(`${debug}/pprof/profile?second=1`);
  assert.equal(misspelt.status, 400);
  assert.equal((await misspelt.json()).error, '"second" is no parameter of a profile; the only one is seconds');
  const page = await fetch(`${debug}/pprof/profile?seconds=1`, { headers: { Origin: "https://evil.example" } });
  assert.equal(page.status, 403);
  for (const path of ["pprof/profile?seconds=120", "memory", "threads"]) {
    const head = await fetch(`${debug}/${path}`, { method: "HEAD" });
    assert.equal(head.status, 200, path);
    assert.equal((await fetch(`${debug}/${path}`, { method: "POST" })).status, 405, path);
  }
});

test("they are not on the main port", async (context) => {
  const { server } = await start(context);
  const without = await startMillrace();
  context.after(() => without.close());
  for (const { origin } of [server, without]) {
    for (const path of ["pprof/profile?seconds=1", "memory", "threads"]) {
      assert.equal((await fetch(`${origin}/debug/${path}`)).status, 404, path);
    }
  }
});

test("memory is that of the process, of malloc and of each area", async (context) => {
  const { server, debug } = await start(context, "--retain", "kept");
  await server.publish({ topic: "kept", data: "x".repeat(10_000) });
  const { process, allocator, millrace } = await json(`${debug}/memory`);
  assert.ok(process.residentBytes > 1e6, process.residentBytes);
  assert.ok(allocator.inUseBytes > 10_000 && allocator.inUseBytes <= allocator.fromSystemBytes);
  assert.equal(allocator.fromSystemBytes, allocator.inUseBytes + allocator.freeBytes);
  assert.equal(millrace.logEntries, 1);
  assert.ok(millrace.logBytes > 10_000 && millrace.retainedBytes > 10_000);
  assert.deepEqual(
    ["pinnedBytes", "bufferedBytes", "streamBufferedBytes", "streams"].map((name) => millrace[name]),
    [0, 0, 0, 0],
  );
  assert.equal("presenceBytes" in millrace, false);
});

test("threads have names, states and times", async (context) => {
  const store = `sqlite:${join(temporaryFolder(context, "threads"), "events.db")}`;
  const { debug } = await start(context, "--store", store, "--workers", "3");
  const { threads, more } = await json(`${debug}/threads`);
  assert.equal(more, 0);
  const names = threads.map(({ name }) => name);
  for (const name of ["loop", "worker", "commit", "store", "pages", "signal", "admin", "status"]) {
    assert.ok(names.includes(`millrace-${name}`), `${name}: ${names}`);
  }
  // Three of the server's, and three of the listener's for operators.
  assert.equal(names.filter((name) => name === "millrace-worker").length, 6);
  const running = threads.filter(({ state }) => state === "running").map(({ name }) => name);
  assert.ok(running.includes("millrace-worker"), "the one that answers");
  for (const thread of threads) {
    for (const member of ["id", "userSeconds", "systemSeconds", "voluntarySwitches", "involuntarySwitches"]) {
      assert.equal(typeof thread[member], "number", JSON.stringify(thread));
    }
  }
  const main = threads[0];
  assert.equal(main.name, "millrace");
  assert.ok(main.voluntarySwitches > 0);
});
