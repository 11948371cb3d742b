// connect() in Node.js: what holds everywhere, and what only fetch can do.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { ConnectionError, connect } from "millrace";
import { connect as connectOfBrowsers } from "../../client-wasm/dist/index.js";
import { runInNode } from "../support/cases.mjs";
import { connectCases } from "../support/connect-cases.mjs";
import { eventStream, serve, streams } from "../support/http-server.mjs";
import { until, within } from "../support/until.mjs";

runInNode(connectCases, connect);
runInNode(connectCases, connectOfBrowsers, "the browsers' build: ");

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

test("restart() sends a POST again, though a lost connection does not", async (context) => {
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

for (const [how, fail] of [
  [
    "throws",
    () => {
      throw new Error("no token");
    },
  ],
  ["rejects", () => Promise.reject(new Error("no token"))],
]) {
  test(`a function for headers that ${how} is an attempt that has failed, and asked again`, async (context) => {
    const server = await serveFor(context, streams({ body: "data: a\n\n", open: true }));
    let asked = 0;
    const headers = () => {
      asked += 1;
      return asked < 3 ? fail() : { Authorization: "Bearer 3" };
    };
    const connection = connect(server.origin, { headers, retry: { base: 1, max: 1 } });
    const messages = [];
    connection.addEventListener("error", ({ message }) => messages.push(message));
    for await (const { data } of connection) {
      assert.equal(data, "a");
      break;
    }
    assert.deepEqual(messages, Array(2).fill("the stream was lost: network-error: no token"));
    assert.equal(server.requests[0].headers.authorization, "Bearer 3");
  });
}

test("headers that cannot be sent end it: no other attempt would mend them", async (context) => {
  const server = await serveFor(context, streams());
  const connection = connect(server.origin, { headers: () => ({ "no name": "x" }) });
  await assert.rejects(within(connection[Symbol.asyncIterator]().next(), "the error"), { name: "TypeError" });
});

test("a token that cannot be renewed is an attempt that has failed", async (context) => {
  const server = await serveFor(context, ({ headers }, response) => {
    if (headers.authorization === "Bearer 2") response.writeHead(200, eventStream).write("data: a\n\n");
    else response.writeHead(401).end();
  });
  let token = 0;
  const connection = connect(server.origin, {
    headers: () => ({ Authorization: `Bearer ${token}` }),
    retry: { base: 1, max: 1 },
    onUnauthorized: async () => {
      token += 1;
      if (token === 1) throw new Error("the token service is away");
    },
  });
  const messages = [];
  connection.addEventListener("error", ({ message }) => messages.push(message));
  for await (const _ of connection) break;
  assert.match(messages[0], /the token service is away/);
});

for (const [what, fetch] of [
  ["nothing", async () => undefined],
  ["nothing, and no promise", () => undefined],
  ["no response", async () => ({ status: 200 })],
  ["a body that is no ReadableStream", async () => ({ status: 200, headers: new Headers(), body: { on() {} } })],
  ["text for a body", async () => ({ status: 200, headers: new Headers(), body: "no stream" })],
]) {
  test(`a fetch that gives ${what} ends it with a sentence`, async () => {
    const connection = connect("http://127.0.0.1:1/", { fetch });
    const next = connection[Symbol.asyncIterator]().next();
    await assert.rejects(within(next, "the error"), {
      name: "TypeError",
      message: "Invalid response body, expected a web ReadableStream",
    });
  });
}

test("a name and a password in the URL are sent as Basic", async (context) => {
  const server = await serveFor(context, streams({ body: "data: a\n\n", open: true }));
  const url = server.origin.replace("//", "//us%C3%A9r:p%40ss@");
  for await (const _ of connect(url)) break;
  assert.equal(server.requests[0].headers.authorization, `Basic ${Buffer.from("usér:p@ss").toString("base64")}`);
  for await (const _ of connect(url, { headers: { Authorization: "Bearer x" } })) break;
  assert.equal(server.requests[1].headers.authorization, "Bearer x", "headers go before it");
});

test("an ID that no header can hold goes into the URL, and comes back", async (context) => {
  const ids = ["\u0001\u007f", "tab\tand é 水", "\u001b[31m"];
  const server = await serveFor(context, (_request, response, count) => {
    if (count > ids.length) response.writeHead(204).end();
    else response.writeHead(200, eventStream).end(`retry: 1\nid: ${ids[count - 1]}\ndata: a\n\n`);
  });
  for await (const _ of connect(server.origin));
  const sent = server.requests.map(({ headers, url }) => {
    const header = headers["last-event-id"];
    return [
      header && Buffer.from(header, "latin1").toString(),
      new URL(url, "http://x").searchParams.get("lastEventId"),
    ];
  });
  assert.deepEqual(sent, [
    [undefined, null],
    [undefined, ids[0]],
    [ids[1], null],
    [undefined, ids[2]],
  ]);
});

test("an ID that is too long to be sent is a gap, and no end", async (context) => {
  const id = "x".repeat(120_000);
  const server = await serveFor(context, (_request, response, count) => {
    if (count > 2) response.writeHead(204).end();
    else
      response.writeHead(200, eventStream).end(count === 1 ? `retry: 1\nid: ${id}\ndata: a\n\n` : "id: 1\ndata: b\n\n");
  });
  const gaps = [];
  const data = [];
  for await (const event of connect(server.origin, { onGap: (gap) => gaps.push(gap) })) data.push(event.data);
  assert.deepEqual(data, ["a", "b"]);
  assert.deepEqual(gaps, [{ lastEventId: "x".repeat(256), reason: "unknown" }]);
  assert.deepEqual(
    server.requests.map(({ headers }) => headers["last-event-id"]),
    [undefined, undefined, "1"],
  );
});

test("a POST whose response ends in order is not repeated, IDs or not", async (context) => {
  for (const transport of ["fetch", "poll"]) {
    const server = await serveFor(context, (_request, response, count) => {
      response.writeHead(200, eventStream).end(`retry: 1\nid: ${count}\ndata: ${count}\n\n`);
    });
    const data = [];
    for await (const event of connect(server.origin, { body: "x", transport })) data.push(event.data);
    assert.deepEqual(data, ["1"], transport);
    assert.equal(server.requests.length, 1, transport);
  }
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
  const grow = () => waits.some(([, wait]) => wait > 10);
  await until(() => waits.length >= 4 && grow(), "four failed attempts, and a longer wait");
  connection.close();
  context.after(() => first.close().catch(() => {}));
  assert.ok(
    waits.slice(1).every(([reason]) => reason === "network-error"),
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
  [{ body: new ReadableStream(), method: "POST" }, /"body" must be a body that can be sent again/],
  [{ retry: true }, /"retry" must be an object, not true/],
  [{ retry: { base: -1 } }, /"retry.base" must be milliseconds, 0 to 2147483647, not -1/],
  [{ retry: { jitter: 25 } }, /"retry.jitter" must be a number from 0 to 1, not 25/],
  [{ retry: { attempts: 0 } }, /"retry.attempts" must be 1 or more, not 0/],
  [{ retry: { tries: 1 } }, /unknown option "retry.tries"; expected base, max, jitter, attempts, on/],
  [{ idleTimeout: Number.NaN }, /"idleTimeout" must be milliseconds/],
  [{ maxEventBytes: 2 ** 30 }, /"maxEventBytes" must be bytes, 1 to 16777216/],
  [{ whenHidden: "pause" }, /"whenHidden" must be "keep" or "close", not "pause"/],
  [{ persist: "local" }, /"persist" must be "session", not "local"/],
  [{ schema: {} }, /"schema" must be a Standard Schema/],
  [{ onGap: 1 }, /"onGap" must be a function/],
  [{ onUnauthorized: 1 }, /"onUnauthorized" must be a function/],
  [{ transport: "xhr" }, /"transport" cannot be "xhr": there is no XMLHttpRequest here/],
  [{ topic: "a" }, /unknown option "topic"; expected method, .*topics, /],
  [{ method: "GET", body: "x" }, /GET/],
  [{ method: "no method" }, /method/],
]) {
  test(`refuses ${JSON.stringify(options)} with a TypeError that names it`, () => {
    assert.throws(() => connect("http://127.0.0.1:1/", options), { name: "TypeError", message });
  });
}

test("refuses what is no URL", () => {
  assert.throws(() => connect("/relative"), { name: "SyntaxError", message: /a relative one needs a page around it/ });
});

test("Symbol.asyncDispose closes the connection, as `await using` does at the end of a block", async (context) => {
  let closed;
  const gone = new Promise((resolve) => {
    closed = resolve;
  });
  const server = await serve((_request, response) => {
    response.on("close", closed);
    response.writeHead(200, eventStream).write("data: a\n\n");
  });
  context.after(() => server.close());
  const connection = connect(server.origin);
  await connection[Symbol.asyncIterator]().next();
  await connection[Symbol.asyncDispose]();
  assert.equal(connection.readyState, 2);
  await within(gone, "the connection to be closed");
});
