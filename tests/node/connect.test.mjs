// connect() in Node.js: what holds everywhere, and what only fetch can do.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { ConnectionError, connect } from "../../client-wasm/dist/index.js";
import { runInNode } from "../support/cases.mjs";
import { connectCases } from "../support/connect-cases.mjs";
import { eventStream, serve, streams } from "../support/http-server.mjs";
import { until, within } from "../support/until.mjs";

runInNode(connectCases, connect);

async function serveFor(context, respond) {
  const server = await serve(respond);
  context.after(() => server.close());
  return server;
}

test("auto is fetch in Node.js, and native is refused", async (context) => {
  const server = await serveFor(context, streams());
  const connection = connect(server.origin);
  assert.equal(connection.transport, "fetch");
  connection.close();
  assert.throws(
    () => connect(server.origin, { transport: "native" }),
    /"transport" cannot be "native".*no EventSource/,
  );
});

test("posts a body with headers, and ends with the stream", async (context) => {
  const server = await serveFor(context, streams("data: Hel\n\ndata: lo\n\n", "data: once more?\n\n"));
  const connection = connect(`${server.origin}/chat`, {
    method: "POST",
    headers: { Authorization: "Bearer x", "Content-Type": "application/json" },
    body: JSON.stringify({ prompt: "Hi" }),
  });
  const data = [];
  for await (const event of connection) data.push(event.data);
  assert.deepEqual(data, ["Hel", "lo"]);
  assert.equal(server.requests.length, 1);
  const [{ method, headers, body }] = server.requests;
  assert.equal(method, "POST");
  assert.equal(headers.authorization, "Bearer x");
  assert.equal(headers.accept, "text/event-stream");
  assert.equal(headers["content-type"], "application/json");
  assert.equal(body, '{"prompt":"Hi"}');
});

test("posts again where asked to, but not once it is answered without an ID", async (context) => {
  const server = await serveFor(context, streams("retry: 20\nid: 1\ndata: a\n\n", "id: 2\ndata: b\n\n"));
  const data = [];
  for await (const event of connect(server.origin, { body: "prompt", reconnect: "always" })) data.push(event.data);
  assert.deepEqual(data, ["a", "b"]);
  assert.deepEqual(
    server.requests.map(({ method, body, headers }) => [method, body, headers["last-event-id"]]),
    [
      ["POST", "prompt", undefined],
      ["POST", "prompt", "1"],
      ["POST", "prompt", "2"],
    ],
  );
});

test("posts once, ID or no ID, unless asked otherwise", async (context) => {
  const server = await serveFor(context, (_request, response) => {
    response.writeHead(200, eventStream).write("retry: 1\nid: 1\ndata: a\n\n", () => response.destroy());
  });
  const connection = connect(server.origin, { body: "prompt" });
  const data = [];
  await assert.rejects(
    async () => {
      for await (const event of connection) data.push(event.data);
    },
    { reason: "network-error" },
  );
  assert.deepEqual(data, ["a"]);
  assert.equal(server.requests.length, 1);
  const answered = await serveFor(context, streams("retry: 1\ndata: a\n\n", "data: once more?\n\n"));
  for await (const _ of connect(answered.origin, { body: "prompt", reconnect: "always" }));
  assert.equal(answered.requests.length, 1);
});

test("starts a POST over when told to, though it is not sent again by itself", async (context) => {
  const server = await serveFor(context, (_request, response, count) => {
    response.writeHead(200, eventStream).write(`id: ${count}\ndata: ${count}\n\n`);
  });
  const connection = connect(server.origin, { body: "prompt" });
  const events = connection[Symbol.asyncIterator]();
  assert.equal((await events.next()).value.data, "1");
  connection.restart();
  assert.equal((await events.next()).value.data, "2");
  connection.close();
});

test("a gap that is nonsense, or too deep, does no harm", async (context) => {
  const gap = (data) => `event: millrace.gap\ndata: ${data}\n\n`;
  const text = gap("nonsense") + gap("7") + gap("[".repeat(1_000_000)) + gap('{"lastEventId":"7","reason":"expired"}');
  const server = await serveFor(context, streams(text));
  const gaps = [];
  const connection = connect(server.origin, { reconnect: "never", onGap: (gap) => gaps.push(gap) });
  for await (const _ of connection);
  await until(() => gaps.length === 4, "the gaps");
  const unknown = { lastEventId: "", reason: "unknown" };
  assert.deepEqual(gaps, [unknown, unknown, unknown, { lastEventId: "7", reason: "expired" }]);
});

test("decoding refuses JSON that is nested too deep, and minds no brackets in strings", async (context) => {
  const deep = (levels) => "[".repeat(levels) + "]".repeat(levels);
  const string = JSON.stringify({ text: `${"[".repeat(2000)}"\\` });
  const server = await serveFor(context, streams(`data: ${deep(512)}\n\ndata: ${string}\n\ndata: ${deep(513)}\n\n`));
  const events = connect(server.origin, { decode: "json" })[Symbol.asyncIterator]();
  assert.equal(JSON.stringify((await events.next()).value.data), deep(512));
  assert.equal(JSON.stringify((await events.next()).value.data), string);
  await assert.rejects(events.next(), ({ name, cause }) => name === "SyntaxError" && /512 levels/.test(cause.message));
});

test('reconnect: "never" ends a GET with its stream, and a broken one with an error', async (context) => {
  const server = await serveFor(context, (_request, response, count) => {
    response.writeHead(200, eventStream);
    if (count === 1) response.end("id: 1\ndata: a\n\n");
    else response.write("id: 1\ndata: a\n\n", () => response.destroy());
  });
  for await (const event of connect(server.origin, { reconnect: "never" })) assert.equal(event.data, "a");
  await assert.rejects(
    async () => {
      for await (const _ of connect(server.origin, { reconnect: "never" }));
    },
    (error) => error instanceof ConnectionError && error.reason === "network-error",
  );
});

test("a function is asked for headers before each attempt", async (context) => {
  const server = await serveFor(context, streams("retry: 20\ndata: a\n\n", "data: b\n\n"));
  let token = 0;
  const connection = connect(server.origin, { headers: async () => ({ Authorization: `Bearer ${++token}` }) });
  for await (const _ of connection);
  assert.deepEqual(
    server.requests.map(({ headers }) => headers.authorization),
    ["Bearer 1", "Bearer 2", "Bearer 3"],
  );
});

test("a function for headers that throws ends the iteration with what it threw", async (context) => {
  const server = await serveFor(context, streams());
  const headers = () => {
    throw new Error("no token");
  };
  await assert.rejects(
    within(connect(server.origin, { headers })[Symbol.asyncIterator]().next(), "the error"),
    /no token/,
  );
  assert.equal(server.requests.length, 0);
});

test("uses the fetch it is given", async (context) => {
  const server = await serveFor(context, streams("data: a\n\n"));
  const asked = [];
  const own = (url, init) => {
    asked.push([url, init.method]);
    return fetch(url, init);
  };
  for await (const _ of connect(server.origin, { fetch: own })) break;
  assert.deepEqual(asked, [[`${server.origin}/`, "GET"]]);
});

test("a slow consumer slows the stream: what waits is bounded", async (context) => {
  const block = `data: ${"x".repeat(8000)}\n\n`;
  const total = 4000; // 32 MB: far more than the buffers of two sockets
  const written = { "/slow": 0, "/fast": 0 };
  const server = await serveFor(context, async (request, response) => {
    response.writeHead(200, eventStream);
    for (; written[request.url] < total; written[request.url]++) {
      if (!response.write(block)) await once(response, "drain");
    }
    response.end();
  });
  const slow = connect(`${server.origin}/slow`, { reconnect: "never" });
  await slow[Symbol.asyncIterator]().next();
  // While another one reads all of it, this one would be sent all of it, too.
  for await (const _ of connect(`${server.origin}/fast`, { reconnect: "never" }));
  assert.equal(written["/fast"], total);
  assert.ok(written["/slow"] < total, "all was sent to a consumer that took one event");
  let taken = 1;
  for await (const _ of slow) taken += 1;
  assert.equal(taken, total);
});

test("a network that comes back is found again, with waits that grow", async (context) => {
  const first = await serve(streams("retry: 1\nid: 5\ndata: a\n\n"));
  const connection = connect(first.origin);
  const waits = [];
  connection.addEventListener("error", ({ reason, reconnectIn }) => waits.push([reason, reconnectIn]));
  assert.equal((await connection[Symbol.asyncIterator]().next()).value.data, "a");
  await first.close();
  await until(() => waits.length >= 4, "four failed attempts");
  connection.close();
  context.after(() => first.close().catch(() => {}));
  assert.ok(waits.slice(1).every(([reason]) => reason === "network-error"));
  assert.ok(
    waits.some(([, wait]) => wait > 10),
    `waits: ${waits}`,
  );
});

for (const [options, message] of [
  [
    { transport: "carrier-pigeon" },
    /"transport" must be "auto", "native", "fetch", "xhr" or "poll", not "carrier-pigeon"/,
  ],
  [{ decode: "xml" }, /"decode" must be "text", "json" or "base64", not "xml"/],
  [{ topics: 5 }, /"topics" must be a string or an array of strings, not 5/],
  [{ types: "x" }, /"types" must be an array of strings, not "x"/],
  [{ lastEventId: "a\nb" }, /"lastEventId" must be a string without line ends or NUL/],
  [{ signal: {} }, /"signal" must be an AbortSignal/],
  [{ fetch: "fetch" }, /"fetch" must be a function/],
  [{ headers: "X: y" }, /"headers" must be/],
  [{ reconnect: true }, /"reconnect" must be "never", "idempotent" or "always", not true/],
  [{ withCredentials: "include" }, /"withCredentials" must be a boolean/],
  [{ method: 1 }, /"method" must be a string/],
  [{ body: new ReadableStream(), method: "POST" }, /"body" must be something that can be sent more than once/],
  [{ retry: true }, /"retry" must be an object, not true/],
  [{ retry: { base: -1 } }, /"retry.base" must be milliseconds, 0 to 2147483647, not -1/],
  [{ retry: { jitter: 25 } }, /"retry.jitter" must be a share, 0 to 1, not 25/],
  [{ retry: { attempts: 0 } }, /"retry.attempts" must be a number from 1 on, not 0/],
  [{ retry: { tries: 1 } }, /there is no option "retry.tries", only base, max, jitter, attempts, on/],
  [{ idleTimeout: Number.NaN }, /"idleTimeout" must be milliseconds/],
  [{ maxEventBytes: 2 ** 30 }, /"maxEventBytes" must be bytes, 1 to 16777216/],
  [{ whenHidden: "pause" }, /"whenHidden" must be "keep" or "close", not "pause"/],
  [{ persist: "local" }, /"persist" must be "session", not "local"/],
  [{ schema: {} }, /"schema" must be a Standard Schema/],
  [{ onGap: 1 }, /"onGap" must be a function/],
  [{ onUnauthorized: 1 }, /"onUnauthorized" must be a function/],
  [{ transport: "xhr" }, /"transport" cannot be "xhr": there is no XMLHttpRequest here/],
  [{ topic: "a" }, /there is no option "topic", only topics, /],
  [{ method: "GET", body: "x" }, /GET/],
  [{ method: "no method" }, /method/],
]) {
  test(`refuses ${JSON.stringify(options)} with a TypeError that names it`, () => {
    assert.throws(() => connect("http://127.0.0.1:1/", options), { name: "TypeError", message });
  });
}

test("refuses what is no URL", () => {
  assert.throws(() => connect("/relative"), { name: "SyntaxError", message: /no page it could be relative to/ });
});
