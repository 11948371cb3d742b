// The example of an MCP server, with the official SDK's own client.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CutProxy } from "../support/cut-proxy.mjs";
import { millraceProgram } from "../support/millrace-server.mjs";
import { until, within } from "../support/until.mjs";

const program = process.env.MCP_SERVER_BIN ?? join(dirname(realpathSync(millraceProgram())), "example_mcp_server");

/** A client of a server of its own, through a proxy that can cut. */
async function start(context) {
  const child = spawn(program, { stdio: ["ignore", "pipe", "ignore"] });
  const exited = new Promise((resolve) => child.on("exit", resolve));
  context.after(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  const url = await within(
    new Promise((resolve) => createInterface({ input: child.stdout }).once("line", resolve)),
    "the example to say where it listens",
  );
  const proxy = await CutProxy.to(Number(new URL(url).port));
  context.after(() => proxy.close());
  const transport = new StreamableHTTPClientTransport(new URL("/mcp", proxy.origin), {
    reconnectionOptions: {
      initialReconnectionDelay: 10,
      maxReconnectionDelay: 100,
      reconnectionDelayGrowFactor: 1,
      maxRetries: 10,
    },
  });
  const client = new Client({ name: "test", version: "1" });
  await client.connect(transport);
  context.after(() => client.close());
  return { client, proxy, transport, url };
}

const count = (to) => ({ name: "count", arguments: { to } });
const upTo = (to) => Array.from({ length: to }, (_, i) => i + 1);

test("the official client lists tools and calls one, with progress", async (context) => {
  const { client } = await start(context);
  const { tools } = await client.listTools();
  assert.deepEqual(
    tools.map(({ name }) => name),
    ["count"],
  );
  const progress = [];
  const result = await client.callTool(count(5), undefined, { onprogress: (step) => progress.push(step.progress) });
  assert.equal(result.content[0].text, "counted to 5");
  assert.deepEqual(progress, upTo(5));
  await assert.rejects(client.callTool({ name: "other" }), /no such method or tool/);
});

test("a call that is cut goes on where it was", async (context) => {
  const { client, proxy } = await start(context);
  const progress = [];
  const call = client.callTool(count(60), undefined, { onprogress: (step) => progress.push(step.progress) });
  for (const step of [5, 20]) {
    await until(() => progress.length >= step, `step ${step}`);
    proxy.cut();
  }
  assert.equal((await call).content[0].text, "counted to 60");
  assert.deepEqual(progress, upTo(60), "each step once, in order");
});

test("a call that is cancelled stops on the server", async (context) => {
  const { client, transport, url } = await start(context);
  const cancel = new AbortController();
  const progress = [];
  const call = client.callTool(count(10_000), undefined, {
    signal: cancel.signal,
    onprogress: (step) => progress.push(step),
  });
  await until(() => progress.length > 2, "some progress");
  cancel.abort("enough");
  await assert.rejects(call);
  // What the server has of the call: it ends with the stop, and not with a result.
  const request = { headers: { "Last-Event-ID": `${transport.sessionId}.1:0`, "Mcp-Session-Id": transport.sessionId } };
  const text = await within(
    fetch(url, request).then((response) => response.text()),
    "the stream to end",
  );
  assert.match(text, /event: stopped\n/);
  assert.doesNotMatch(text, /"result"/);
});
