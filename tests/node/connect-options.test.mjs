// The options of connect(): when it tries again, how it reads data, when it gives up.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionError, connect, EventSource } from "millrace";
import { eventStream, serve, streams } from "../support/http-server.mjs";
import { until, within } from "../support/until.mjs";

async function serveFor(context, respond) {
  const server = await serve(respond);
  context.after(() => server.close());
  return server;
}

async function dataOf(connection) {
  const data = [];
  for await (const event of connection) data.push(event.data);
  return data;
}

const fast = { base: 10, max: 40 };

test("a temporary error status is tried again, and reported in words", async (context) => {
  const server = await serveFor(context, (_request, response, count) => {
    if (count === 1) response.writeHead(503, { "Content-Type": "text/plain" }).end("busy just now");
    else if (count === 2) response.writeHead(200, eventStream).end("data: a\n\n");
    else response.writeHead(204).end();
  });
  const connection = connect(server.origin, { retry: fast });
  const errors = [];
  connection.addEventListener("error", ({ status, code, message }) => errors.push([status, code, message]));
  assert.deepEqual(await dataOf(connection), ["a"]);
  assert.deepEqual(errors[0], [503, 503, "the server answered with status 503, text/plain: busy just now"]);
});

test("retry.on decides about statuses, but not about 204", async (context) => {
  const statuses = [404, 503, 204];
  const server = await serveFor(context, (_request, response, count) => response.writeHead(statuses[count - 1]).end());
  const asked = [];
  const on = (status) => {
    asked.push(status);
    return status === 404 ? true : undefined;
  };
  assert.deepEqual(await dataOf(connect(server.origin, { retry: { ...fast, on } })), []);
  assert.deepEqual(asked.slice(0, 2), [404, 503]);
  const never = connect(server.origin, { retry: { on: () => false } });
  server.requests.length = 0;
  statuses.unshift(503);
  await assert.rejects(within(dataOf(never), "the error"), { name: "ConnectionError", status: 503 });
});

test("Retry-After is heeded, as seconds and as a date", async (context) => {
  for (const value of ["3600", new Date(Date.now() + 3_600_000).toUTCString()]) {
    const server = await serveFor(context, (_request, response) => {
      response.writeHead(429, { "Retry-After": value }).end();
    });
    const connection = connect(server.origin, { retry: fast });
    const { reconnectIn } = await new Promise((resolve) => connection.addEventListener("error", resolve));
    connection.close();
    assert.ok(reconnectIn > 3_590_000 && reconnectIn <= 3_601_000, `${value}: ${reconnectIn}`);
  }
});

test("after so many attempts it gives up", async (context) => {
  const server = await serveFor(context, (_request, response) => response.writeHead(502).end("bad gateway"));
  const connection = connect(server.origin, { retry: { ...fast, attempts: 3 } });
  await assert.rejects(
    within(dataOf(connection), "the error"),
    (error) =>
      error instanceof ConnectionError &&
      error.status === 502 &&
      error.code === 502 &&
      /502, no Content-Type: bad/.test(error.message),
  );
  assert.equal(server.requests.length, 3);
});

test("401 has the token renewed and the request made again, but only once in a row", async (context) => {
  const server = await serveFor(context, ({ headers }, response) => {
    if (headers.authorization !== "Bearer 2") response.writeHead(401).end("who?");
    else response.writeHead(200, eventStream).write("data: a\n\n");
  });
  let token = 1;
  let asked = 0;
  const options = {
    headers: () => ({ Authorization: `Bearer ${token}` }),
    onUnauthorized: async () => {
      token += 1;
      asked += 1;
    },
  };
  for await (const { data } of connect(server.origin, options)) {
    assert.equal(data, "a");
    break;
  }
  assert.equal(server.requests.length, 2);
  token = 5;
  await assert.rejects(within(dataOf(connect(server.origin, options)), "the error"), { status: 401 });
  assert.equal(asked, 2);
});

test("what a server sends once more after a reconnection is left out, unless it is wanted", async (context) => {
  const bodies = [
    "retry: 20\nid: 1\ndata: a\n\nid: 2\ndata: b\n\n",
    "id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n",
  ];
  const server = await serveFor(context, streams(...bodies));
  assert.deepEqual(await dataOf(connect(server.origin, { dropReplays: true })), ["a", "b", "c"]);
  const other = await serveFor(context, streams(...bodies));
  assert.deepEqual(await dataOf(connect(other.origin)), ["a", "b", "a", "b", "c"], "a server that may mean it");
  // It says where a stream begins, so it has a log to repeat from.
  for (const [dropReplays, expected] of [
    [undefined, ["a", "b", "c"]],
    [false, ["a", "b", "a", "b", "c"]],
  ]) {
    const log = await serveFor(context, (_request, response, count) => {
      if (count > bodies.length) response.writeHead(204).end();
      else response.writeHead(200, { ...eventStream, "Last-Event-ID": "0" }).end(bodies[count - 1]);
    });
    assert.deepEqual(await dataOf(connect(log.origin, { dropReplays })), expected);
  }
});

test("events of a server that counts IDs anew for each connection all arrive", async (context) => {
  const server = await serveFor(context, (_request, response, count) => {
    if (count > 3) response.writeHead(204).end();
    else
      response
        .writeHead(200, eventStream)
        .end(`retry: 1\n\n${[1, 2, 3].map((id) => `id: ${id}\ndata: tick\n\n`).join("")}`);
  });
  assert.equal((await dataOf(connect(server.origin))).length, 9);
});

test("the same ID with other data as long is another event, also where replays are left out", async (context) => {
  const server = await serveFor(context, streams("retry: 1\nid: t\ndata: temp=20\n\n", "id: t\ndata: temp=30\n\n"));
  assert.deepEqual(await dataOf(connect(server.origin, { dropReplays: true })), ["temp=20", "temp=30"]);
});

test("statuses of servers and proxies that may pass are tried again by default", async (context) => {
  const statuses = [408, 425, 429, 500, 502, 503, 504, 520, 524, 529, 530];
  const server = await serveFor(context, (_request, response, count) => {
    response.writeHead(statuses[count - 1] ?? 204).end();
  });
  await dataOf(connect(server.origin, { retry: fast }));
  assert.equal(server.requests.length, statuses.length + 1);
});

test("where the server says its heartbeat, silence of two and a half of them is the end of a connection", async (context) => {
  const server = await serveFor(context, (_request, response, count) => {
    response.writeHead(200, { ...eventStream, "Millrace-Heartbeat": "0.4" }).write("id: 1\n\n");
    if (count > 1) response.write("data: a\n\n");
  });
  const connection = connect(server.origin, { retry: fast });
  const losses = [];
  connection.addEventListener("error", ({ reason }) => losses.push(reason));
  for await (const _ of connection) break;
  assert.deepEqual(losses, ["timeout"]);
});

test("idleTimeout: 0 waits for ever, at any heartbeat", async (context) => {
  let done;
  const server = await serveFor(context, (_request, response) => {
    response.writeHead(200, { ...eventStream, "Millrace-Heartbeat": "0.01" }).write(":\n");
    done = () => response.write("data: a\n\n");
  });
  const connection = connect(server.origin, { idleTimeout: 0 });
  const losses = [];
  connection.addEventListener("error", ({ reason }) => losses.push(reason));
  await until(() => connection.readyState === 1, "the stream to be open");
  // A connection of its own, which does time out twice, is the clock.
  const other = connect(server.origin, { retry: fast });
  let timeouts = 0;
  other.addEventListener("error", () => {
    timeouts += 1;
  });
  const first = done;
  await until(() => timeouts === 2, "two timeouts of the other");
  other.close();
  first();
  for await (const _ of connection) break;
  assert.deepEqual(losses, []);
});

test("persist without a sessionStorage is refused", { skip: "sessionStorage" in globalThis }, () => {
  assert.throws(() => connect("http://127.0.0.1:1/", { persist: "session" }), {
    name: "TypeError",
    message: /"persist" needs sessionStorage/,
  });
});

test("Base64 becomes bytes, and what is not says which event it was", async (context) => {
  const server = await serveFor(context, streams("data: AAH/\n\nid: 7\ndata: !\n\n"));
  const events = connect(server.origin, { decode: "base64" })[Symbol.asyncIterator]();
  assert.deepEqual((await events.next()).value.data, new Uint8Array([0, 1, 255]));
  await assert.rejects(events.next(), { name: "SyntaxError", message: /ID "7"\) is not Base64/ });
});

test("a schema checks and transforms, at once or later", async (context) => {
  const validate = async (value) =>
    typeof value === "number" ? { value: value * 2 } : { issues: [{ message: "not a number" }] };
  const schema = { "~standard": { version: 1, vendor: "test", validate } };
  const server = await serveFor(context, streams('data: 21\n\ndata: "x"\n\n'));
  const events = connect(server.origin, { decode: "json", schema })[Symbol.asyncIterator]();
  assert.equal((await events.next()).value.data, 42);
  await assert.rejects(events.next(), { name: "TypeError", message: /what the schema wants: not a number/ });
});

test("what the schema wants names the field", async (context) => {
  const issues = [
    { message: "must be a number", path: ["items", 0, { key: "price" }] },
    { message: "is missing", path: ["id"] },
    { message: "too odd" },
  ];
  const schema = { "~standard": { version: 1, vendor: "test", validate: () => ({ issues }) } };
  const server = await serveFor(context, streams("data: {}\n\n"));
  const events = connect(server.origin, { decode: "json", schema })[Symbol.asyncIterator]();
  await assert.rejects(events.next(), {
    message: /wants: items\.0\.price: must be a number; id: is missing; too odd$/,
  });
});

test("gaps go to onGap, and are no data", async (context) => {
  const gap = { lastEventId: "1", reason: "expired" };
  const server = await serveFor(context, streams(`event: millrace.gap\ndata: ${JSON.stringify(gap)}\n\ndata: 1\n\n`));
  const gaps = [];
  assert.deepEqual(await dataOf(connect(server.origin, { decode: "json", onGap: (what) => gaps.push(what) })), [1]);
  assert.deepEqual(gaps, [gap]);
});

test("an event over the limit fails the connection", async (context) => {
  const server = await serveFor(context, streams(`data: a\n\ndata: ${"x".repeat(2000)}\n\n`));
  const connection = connect(server.origin, { maxEventBytes: 1000 });
  await assert.rejects(within(dataOf(connection), "the error"), { reason: "too-large" });
  assert.equal(connection.readyState, 2);
});

test("a silent connection is made again", async (context) => {
  const server = await serveFor(context, (_request, response, count) => {
    response.writeHead(200, eventStream).write("id: 1\n\n");
    if (count > 1) response.write("data: a\n\n");
  });
  const connection = connect(server.origin, { idleTimeout: 1000, retry: fast });
  const reasons = [];
  connection.addEventListener("error", ({ reason }) => reasons.push(reason));
  for await (const _ of connection) break;
  assert.deepEqual(reasons, ["timeout"]);
  assert.equal(server.requests[1].headers["last-event-id"], "1");
});

test("heartbeats keep a connection for longer than the idle timeout", async (context) => {
  const server = await serveFor(context, (_request, response) => {
    response.writeHead(200, eventStream);
    let beats = 0;
    const timer = setInterval(() => {
      beats += 1;
      response.write(beats < 8 ? ":\n\n" : "data: a\n\n");
      if (beats === 8) clearInterval(timer);
    }, 200);
  });
  const connection = connect(server.origin, { idleTimeout: 1000, retry: fast });
  const reasons = [];
  connection.addEventListener("error", ({ reason }) => reasons.push(reason));
  for await (const _ of connection) break;
  assert.deepEqual(reasons, []);
});

test("behind what holds a stream back, it is polled for", async (context) => {
  const server = await serveFor(context, ({ url, headers }, response) => {
    if (!url.includes("mode=poll")) return; // held back for ever
    const next = Number(headers["last-event-id"] ?? 0) + 1;
    response.writeHead(200, eventStream).end(`retry: 20\nid: ${next}\ndata: ${next}\n\n`);
  });
  const connection = connect(server.origin, { firstByteTimeout: 300 });
  const states = [];
  connection.addEventListener("open", () => states.push("open"));
  connection.addEventListener("error", ({ reason }) => states.push(reason));
  const data = [];
  for await (const event of connection) if (data.push(event.data) === 3) break;
  assert.deepEqual(data, ["1", "2", "3"]);
  assert.deepEqual(states, ["buffered", "open"]);
  assert.equal(connection.transport, "poll");
});

test("where only the head gets through, it is not open, and polling begins where the stream began", async (context) => {
  const server = await serveFor(context, ({ url, headers }, response) => {
    response.writeHead(200, { ...eventStream, "Last-Event-ID": "7" });
    if (!url.includes("mode=poll")) response.flushHeaders();
    else response.end(`id: 8\ndata: behind ${headers["last-event-id"]}\n\n`);
  });
  const connection = connect(server.origin, { firstByteTimeout: 300 });
  const states = [];
  connection.addEventListener("open", () => states.push("open"));
  connection.addEventListener("error", ({ reason }) => states.push(reason));
  const { value } = await connection[Symbol.asyncIterator]().next();
  connection.close();
  assert.equal(value.data, "behind 7");
  assert.deepEqual(states, ["buffered", "open"]);
});

test("EventSource's error says what came", async (context) => {
  const server = await serveFor(context, (_request, response) => {
    response.writeHead(200, { "Content-Type": "text/html" }).end("<h1>Sign in</h1>");
  });
  const source = new EventSource(server.origin);
  const { status, message } = await new Promise((resolve) => {
    source.onerror = resolve;
  });
  assert.deepEqual([status, message], [200, "the server answered with status 200, text/html: <h1>Sign in</h1>"]);
  assert.equal(source.readyState, 2);
});

test("EventSource takes a fetch of one's own, for headers", async (context) => {
  const server = await serveFor(context, streams({ body: "data: a\n\n", open: true }));
  const own = (url, init) => {
    init.headers.set("Authorization", "Bearer x");
    return fetch(url, init);
  };
  const source = new EventSource(server.origin, { fetch: own });
  await until(() => source.readyState === 1, "the stream to be open");
  source.close();
  assert.equal(server.requests[0].headers.authorization, "Bearer x");
});
