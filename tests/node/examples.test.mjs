// The examples of the native client, as their readers would run them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { connect } from "millrace";
import { CutProxy } from "../support/cut-proxy.mjs";
import { freePort } from "../support/free-port.mjs";
import { eventStream, serve } from "../support/http-server.mjs";
import { millraceProgram, startMillrace } from "../support/millrace-server.mjs";
import { readUntil, until, within } from "../support/until.mjs";

const folder = dirname(realpathSync(millraceProgram()));

/** Starts an example; `output` is what it has written so far. */
function run(context, name, ...options) {
  const child = spawn(join(folder, name), options, { stdio: ["ignore", "pipe", "ignore"] });
  const running = { child, output: "", exited: new Promise((resolve) => child.on("exit", resolve)) };
  child.stdout.on("data", (text) => {
    running.output += text;
  });
  context.after(async () => {
    child.kill("SIGKILL");
    await running.exited;
  });
  return running;
}

test("event_source_client prints what comes", async (context) => {
  const server = await startMillrace();
  context.after(() => server.close());
  await server.publish([
    { topic: "orders", data: "plain" },
    { topic: "orders", event: "created", data: "17" },
  ]);
  const client = run(context, "example_event_source_client", `${server.events}?topic=orders&lastEventId=earliest`);
  await until(() => client.output === "plain\ncreated: 17\n", "both lines");
});

test("gateway passes one stream on to many", async (context) => {
  const upstream = await startMillrace();
  context.after(() => upstream.close());
  const gateway = run(context, "example_gateway", `${upstream.events}?topic=orders&lastEventId=earliest`, "0");
  await until(() => gateway.output.includes("\n"), "the gateway to say where it listens");
  const url = /http:\S+/.exec(gateway.output)[0];
  const clients = [1, 2].map(() => run(context, "example_event_source_client", `${url}&lastEventId=earliest`));
  await upstream.publish([
    { topic: "orders", data: "plain" },
    { topic: "elsewhere", data: "not for us" },
    { topic: "orders", event: "created", data: "17" },
  ]);
  for (const client of clients) await until(() => client.output === "plain\ncreated: 17\n", "both lines");
});

test("gateway keeps the upstream's IDs, so that what it gets twice it passes on once", async (context) => {
  const upstream = await serve((_request, response, count) => {
    response
      .writeHead(200, eventStream)
      .write("retry: 1\nid: a-1\ndata: one\n\ndata: inherits\n\nid: a-2\ndata: two\n\n");
    if (count < 3) response.end();
  });
  context.after(() => upstream.close());
  const gateway = run(context, "example_gateway", upstream.origin, "0");
  await until(() => gateway.output.includes("\n"), "the gateway to say where it listens");
  const url = /http:\S+/.exec(gateway.output)[0];
  await until(() => upstream.requests.length === 3, "the gateway to come for the third time");
  const seen = [];
  for await (const { data, lastEventId } of connect(`${url}&lastEventId=earliest`)) {
    seen.push([data, /^a-/.test(lastEventId) ? lastEventId : "its own"]);
    if (seen.length === 5) break;
  }
  const inherits = ["inherits", "its own"];
  assert.deepEqual(seen, [["one", "a-1"], inherits, ["two", "a-2"], inherits, inherits]);
});

test("llm_client prints the answer whole, over a connection that is cut", async (context) => {
  const server = spawn(join(folder, "example_llm_stream"), ["--port", "0", "--policy", "detached", "--rate", "100"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  context.after(() => server.kill("SIGKILL"));
  const line = await within(
    new Promise((resolve) => createInterface({ input: server.stdout }).once("line", resolve)),
    "the example to say where it listens",
  );
  const origin = /http:\S+/.exec(line)[0];
  const proxy = await CutProxy.to(Number(new URL(origin).port));
  context.after(() => proxy.close());

  const client = run(context, "example_llm_client", proxy.origin, "Why a mill?");
  for (const words of [10, 30]) {
    await until(() => client.output.split(" ").length > words, `${words} words`);
    proxy.cut();
  }
  assert.equal(await within(client.exited, "the client to have the answer and end"), 0);
  // The toy's words follow from the bytes of the messages: members in the order in which the client sends them.
  const asked = { model: "toy", messages: [{ content: "Why a mill?", role: "user" }] };
  const whole = await fetch(`${origin}/v1/chat/completions`, { method: "POST", body: JSON.stringify(asked) });
  assert.equal(client.output, `${(await whole.json()).choices[0].message.content}\n`);
  assert.equal((await (await fetch(`${origin}/v1/answers`)).json()).length, 2, "the question was asked once");
});

test("answers are resumed by number, and stopped for all listeners", async (context) => {
  const port = await freePort();
  const example = run(context, "example_answers", String(port));
  await until(() => example.output.includes("\n"), "the example to say where it listens");
  const url = `http://127.0.0.1:${port}/v1/answers`;
  const asked = await until(() => fetch(url, { method: "POST", body: "mills" }).catch(() => undefined), "the answer");
  const id = asked.headers.get("Millrace-Answer");
  const reader = asked.body.getReader();
  await readUntil(reader, /word 3 about mills/, "the third word");
  await reader.cancel();

  const listening = [1, 2].map(async () => (await fetch(`${url}/${id}?starting_after=3`)).text());
  const stopped = await fetch(`${url}/${id}`, { method: "DELETE" });
  assert.equal(stopped.status, 204);
  for (const rest of await within(Promise.all(listening), "both streams to end")) {
    assert.doesNotMatch(rest, /data: word 3 about mills/);
    assert.match(rest, /event: stopped\nid: .*\ndata: \{"reason":"the answer was stopped"\}/);
  }
  const whole = await (await fetch(`${url}/${id}`)).text();
  assert.match(whole, new RegExp(`id: ${id}:1\\ndata: word 1 about mills\\n`));
  assert.equal((await fetch(`${url}/${id}?starting_after=1000`)).status, 204);
  assert.equal((await fetch(`${url}/none`)).status, 404);
});
