// SIGHUP: which options a running server follows, and which need a restart.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { millraceProgram, withoutOptions } from "../support/millrace-server.mjs";
import { until, within } from "../support/until.mjs";

/** `millrace serve` by a file of options, with all that it has logged. */
async function startByFile(context, options) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-reload-"));
  const file = join(folder, "millrace.toml");
  const write = (lines) => writeFileSync(file, ["[serve]", "port = 0", "insecure = true", ...lines, ""].join("\n"));
  write(options);
  const child = spawn(millraceProgram(), ["serve", "--config", file], {
    stdio: ["ignore", "pipe", "pipe"],
    env: withoutOptions(process.env),
  });
  const exited = new Promise((resolve) => child.on("exit", resolve));
  context.after(async () => {
    child.kill("SIGTERM");
    await within(exited, "millrace to stop");
    rmSync(folder, { recursive: true });
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    log += text;
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = await within(new Promise((resolve) => lines.once("line", (text) => resolve([text]))), "it to listen");
  return {
    origin: /https?:\S+/.exec(line)[0],
    /** Writes the file, sends SIGHUP, and waits for lines of the log. */
    async reload(options, ...expected) {
      const from = log.length;
      write(options);
      child.kill("SIGHUP");
      for (const line of expected) await until(() => line.test(log.slice(from)), `${line} in the log`);
      return log.slice(from);
    },
  };
}

const publish = (origin, headers = {}) =>
  fetch(`${origin}/events`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: '{"topic":"a","data":"x"}',
  });

test("origins and rates follow the file, and what cannot follow says that it needs a restart", async (context) => {
  const server = await startByFile(context, ['cors-origin = ["https://old.example"]']);
  const from = (origin) => publish(server.origin, { Origin: origin });
  assert.equal((await from("https://old.example")).status, 200);
  assert.equal((await from("https://new.example")).status, 403);

  await server.reload(['cors-origin = ["https://new.example"]', 'cors-header = ["X-Mine"]'], /--cors-header is now/);
  assert.equal((await from("https://old.example")).status, 403);
  const answer = await from("https://new.example");
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("Access-Control-Allow-Origin"), "https://new.example");
  const preflight = await fetch(`${server.origin}/events`, {
    method: "OPTIONS",
    headers: { Origin: "https://new.example" },
  });
  assert.match(preflight.headers.get("Access-Control-Allow-Headers"), /, X-Mine$/);

  await server.reload(["publish-rate = 0.001", "publish-burst = 2"], /--publish-burst is now 2 \(.*:5\)/);
  const statuses = [];
  for (let i = 0; i < 3; i++) statuses.push((await publish(server.origin)).status);
  assert.deepEqual(statuses, [200, 200, 429]);
  assert.equal((await from("https://new.example")).status, 403, "without the option no other origin may publish");
  await server.reload([], /--publish-rate is now 0/);
  assert.equal((await publish(server.origin)).status, 200);

  const workers = /--workers is 3 in the options now \(.*:4\), and 8 in this process: restart it/;
  await server.reload(["workers = 3", "heartbeat = 7"], workers, /--heartbeat/);
});

test("values that cannot be used change nothing", async (context) => {
  const server = await startByFile(context, ['cors-origin = ["https://old.example"]']);
  const log = await server.reload(
    ['cors-origin = ["not an origin"]', "publish-rate = 0.001"],
    /--publish-rate is now 0\.001/,
  );
  assert.match(log, /could not reload --cors-origin; the old value stays in use: .*"not an origin" is not an origin/);
  assert.equal((await publish(server.origin, { Origin: "https://old.example" })).status, 200);
  await server.reload(["publish-rat = 1"], /could not reload the options; the old ones stay in use: .*publish-rat/);
  assert.equal((await publish(server.origin)).status, 429, "the rate is still what it was");
});
