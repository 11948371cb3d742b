// What must hold behind every proxy we document: events pass unbuffered, pages of the proxy's own origin may publish, and
// streams come back after it has been killed.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "millrace";
import { freePort } from "./free-port.mjs";
import { root, startMillrace } from "./millrace-server.mjs";
import { until, within } from "./until.mjs";

/**
 * `documented`: the configuration's file name in docs/deploy. `adapt(text, { directory, port, upstreamPort })` is that
 * text for this test; `command(file, directory)` the program and its arguments, which is to stay in the foreground.
 */
export async function passesEventsUnbuffered(context, { documented, adapt, command }) {
  const server = await startMillrace();
  context.after(() => server.close());
  const directory = mkdtempSync(join(tmpdir(), "millrace-proxy-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const port = await freePort();
  const file = join(directory, documented);
  const text = readFileSync(join(root, "docs/deploy", documented), "utf8");
  writeFileSync(file, adapt(text, { directory, port, upstreamPort: server.port }));
  const start = () => {
    const [program, ...args] = command(file, directory);
    const proxy = spawn(program, args, {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory },
    });
    const exited = new Promise((resolve) => proxy.once("exit", resolve));
    return { kill: (signal) => proxy.kill(signal), exited };
  };
  let proxy = start();
  context.after(async () => {
    proxy.kill("SIGTERM");
    await within(proxy.exited, "the proxy to end");
  });

  const connection = connect(`http://127.0.0.1:${port}/events`, { topics: "orders" });
  context.after(() => connection.close());
  await until(() => connection.readyState === 1, "the stream to be open through the proxy");
  const events = connection[Symbol.asyncIterator]();
  // The next one is published only once the last has arrived: nothing may wait for more.
  for (let n = 0; n < 20; ++n) {
    await server.publish({ topic: "orders", data: `${n}` });
    const { value } = await within(events.next(), `event ${n} to arrive`);
    assert.equal(value.data, `${n}`);
  }

  // A page is of the server's own origin only if the proxy passes the Host header on whole.
  const body = JSON.stringify({ topic: "elsewhere", data: "" });
  for (const [origin, status] of [
    [`http://127.0.0.1:${port}`, 200],
    ["http://127.0.0.1", 403],
    ["https://evil.example", 403],
  ]) {
    const response = await fetch(`http://127.0.0.1:${port}/events`, {
      method: "POST",
      headers: { Origin: origin, "Content-Type": "application/json" },
      body,
    });
    assert.equal(response.status, status, origin);
  }

  proxy.kill("SIGKILL");
  await within(proxy.exited, "the proxy to be gone");
  await server.publish({ topic: "orders", data: "while it was away" });
  proxy = start();
  const { value } = await within(events.next(), "the event published meanwhile");
  assert.equal(value.data, "while it was away");
}
