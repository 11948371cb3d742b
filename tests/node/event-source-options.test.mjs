// What EventSource takes beyond the standard: its third argument.

import assert from "node:assert/strict";
import { test } from "node:test";
import { EventSource } from "millrace";
import { eventStream, serve, streams } from "../support/http-server.mjs";
import { until, within } from "../support/until.mjs";

async function serveFor(context, respond) {
  const server = await serve(respond);
  context.after(() => server.close());
  return server;
}

/** A source that is closed when the test is over, and what it fires. */
function open(context, url, options, init = {}) {
  const source = new EventSource(url, init, options);
  context.after(() => source.close());
  const seen = [];
  source.onopen = () => seen.push("open");
  source.onmessage = ({ data, lastEventId }) => seen.push(`message ${data} ${lastEventId}`.trim());
  source.onerror = ({ status, message }) => seen.push({ state: source.readyState, status, message });
  return { source, seen };
}

const fast = { base: 1, max: 5 };

test("method, headers and body are sent, and a function for headers is asked before each attempt", async (context) => {
  const server = await serveFor(context, streams("retry: 1\nid: 1\ndata: a\n\n", { body: "data: b\n\n", open: true }));
  let asked = 0;
  const headers = async () => ({ Authorization: `Bearer ${++asked}` });
  const { seen } = open(context, server.origin, { method: "put", body: "question", headers });
  await until(() => seen.includes("message b 1"), "the second connection's event");
  assert.deepEqual(
    server.requests.map(({ method, body, headers }) => [method, body, headers.authorization, headers["last-event-id"]]),
    [
      ["PUT", "question", "Bearer 1", undefined],
      ["PUT", "question", "Bearer 2", "1"],
    ],
  );
});

test("a POST is sent once", async (context) => {
  const server = await serveFor(context, streams("retry: 1\nid: 1\ndata: a\n\n", "data: once more?\n\n"));
  const { source, seen } = open(context, server.origin, { body: "question" });
  await until(() => source.readyState === 2, "the source to be closed");
  assert.equal(server.requests.length, 1);
  assert.equal(server.requests[0].method, "POST");
  assert.deepEqual(seen.slice(0, 2), ["open", "message a 1"]);
});

test("a connection that goes silent is made again", async (context) => {
  const server = await serveFor(context, (_request, response, count) => {
    response.writeHead(200, eventStream).write("retry: 1\nid: 1\n\n");
    if (count > 1) response.write("data: a\n\n");
  });
  const { seen } = open(context, server.origin, { idleTimeout: 300 });
  await until(() => seen.includes("message a 1"), "the event");
  assert.match(seen.find(({ message }) => message).message, /timeout/);
});

test("with retry, statuses that may pass are tried again, and retry.on has the say; without it all are final", async (context) => {
  const statuses = [503, 404, 529];
  const respond = (_request, response, count) => {
    const status = statuses[count - 1];
    if (status) response.writeHead(status).end();
    else response.writeHead(200, eventStream).write("data: a\n\n");
  };
  const server = await serveFor(context, respond);
  const { seen } = open(context, server.origin, { retry: { ...fast, on: (status) => status === 404 || undefined } });
  await until(() => seen.includes("message a"), "the event");
  const other = await serveFor(context, respond);
  const { source } = open(context, other.origin, { headers: {} });
  await until(() => source.readyState === 2, "the source to be closed");
  assert.equal(other.requests.length, 1);
});

test("after so many attempts it gives up, and a token is renewed on 401", async (context) => {
  const server = await serveFor(context, (_request, response) => response.writeHead(502).end());
  const { source } = open(context, server.origin, { retry: { ...fast, attempts: 3 } });
  await until(() => source.readyState === 2, "the source to be closed");
  assert.equal(server.requests.length, 3);
  let token = 1;
  const guarded = await serveFor(context, ({ headers }, response) => {
    if (headers.authorization !== "Bearer 2") response.writeHead(401).end();
    else response.writeHead(200, eventStream).write("data: a\n\n");
  });
  const { seen } = open(context, guarded.origin, {
    headers: () => ({ Authorization: `Bearer ${token}` }),
    onUnauthorized: () => {
      token += 1;
    },
  });
  await until(() => seen.includes("message a"), "the event");
});

test("it polls where that is asked for, and from an ID that it is given", async (context) => {
  const server = await serveFor(context, (_request, response, count) => {
    response.writeHead(200, eventStream).end(`retry: 1\nid: ${count}\ndata: ${count}\n\n`);
  });
  const { source, seen } = open(context, server.origin, { transport: "poll", lastEventId: "0" });
  await until(() => seen.includes("message 3 3"), "the third poll's event");
  source.close();
  assert.deepEqual(seen.slice(0, 4), ["open", "message 1 1", "message 2 2", "message 3 3"], "open in between");
  assert.deepEqual(
    server.requests.slice(0, 2).map(({ url, headers }) => [url, headers["last-event-id"]]),
    [
      ["/?mode=poll", "0"],
      ["/?mode=poll", "1"],
    ],
  );
});

for (const [options, message] of [
  [{ idleTimeout: -1 }, /EventSource: "idleTimeout" must be milliseconds, 0 to 2147483647, not -1/],
  [{ header: {} }, /EventSource: unknown option "header"; expected method, headers, /],
  [{ transport: "native" }, /EventSource: "transport" cannot be "native": there is no EventSource here/],
  [{ retry: { attempts: 0 } }, /"retry\.attempts" must be 1 or more/],
  [{ body: new ReadableStream() }, /"body" must be a body that can be sent again/],
]) {
  test(`${JSON.stringify(options)} fails the source with an error event that names it`, async (context) => {
    context.mock.method(console, "error", () => {});
    const { source, seen } = open(context, "http://127.0.0.1:1/", options);
    await within(
      until(() => seen.length > 0, "the error"),
      "the error",
    );
    assert.equal(source.readyState, 2);
    assert.equal(seen.length, 1);
    assert.match(seen[0].message, message);
  });
}

test("one that is closed at once asks for nothing", async (context) => {
  const server = await serveFor(context, streams());
  const { source } = open(context, server.origin, { headers: { a: "b" } });
  source.close();
  assert.equal(source.readyState, 2);
  const { seen } = open(context, server.origin, {});
  await until(() => seen.length > 0, "the other's answer");
  assert.equal(server.requests.length, 1);
});

test("an error has code beside status, and libraries see that a fetch may be handed over", async (context) => {
  const server = await serveFor(context, streams({ status: 404, body: "" }));
  const source = new EventSource(server.origin);
  const { code, status } = await new Promise((resolve) => {
    source.onerror = resolve;
  });
  assert.deepEqual([code, status], [404, 404]);
  assert.equal(EventSource[Symbol.for("eventsource.supports-fetch-override")], true);
});

test("a name and a password in the URL are sent as Basic", async (context) => {
  const server = await serveFor(context, streams({ body: "data: a\n\n", open: true }));
  const url = server.origin.replace("//", "//user:pass@");
  const { source, seen } = open(context, url);
  await until(() => seen.length === 2, "the event");
  assert.equal(server.requests[0].headers.authorization, `Basic ${btoa("user:pass")}`);
  assert.equal(source.url, `${url}/`);
});
