// stop() asks the server to end the answer that streams; close() only leaves.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionError, connect } from "millrace";
import { eventStream, serve } from "../support/http-server.mjs";
import { within } from "../support/until.mjs";

/**
 * A server with one answer, `a1`: whoever listens gets `words` and, once it was stopped, the last event. `head` is added to
 * the stream's.
 */
async function answering(
  context,
  { head = { "Millrace-Answer": "a1" }, status = 204, words = "id: a1:1\ndata: Hel\n\n" } = {},
) {
  const listening = new Set();
  const server = await serve((request, response) => {
    if (request.method === "DELETE" || request.url.endsWith("/cancel")) {
      response.writeHead(status).end();
      for (const stream of listening) stream.end('id: a1:2\nevent: stopped\ndata: {"reason":"stopped"}\n\n');
      return;
    }
    listening.add(response);
    response.writeHead(200, { ...eventStream, ...head }).write(words);
  });
  context.after(() => server.close());
  return server;
}

const stops = ({ requests }) => requests.filter(({ method }) => method === "DELETE");

for (const [what, path, options] of [
  ["the answer that a POST has begun", "/v1/answers?key=7", { method: "POST", body: "Why?" }],
  ["the answer that a GET has resumed", "/v1/answers/a1?key=7", {}],
]) {
  test(`stop() stops ${what}, and the iteration gets its last event`, async (context) => {
    const server = await answering(context);
    const headers = { Authorization: "Bearer x" };
    const connection = connect(`${server.origin}${path}`, { ...options, headers, reconnect: "never" });
    const types = [];
    for await (const { type } of connection) {
      types.push(type);
      if (type === "message") await within(connection.stop(), "the server's answer");
    }
    assert.deepEqual(types, ["message", "stopped"]);
    const [{ url, headers: sent }] = stops(server);
    assert.equal(url, "/v1/answers/a1?key=7");
    assert.equal(sent.authorization, "Bearer x");
    assert.equal(stops(server).length, 1);
  });
}

test("close() stops nothing", async (context) => {
  const server = await answering(context);
  const connection = connect(`${server.origin}/v1/answers/a1`);
  for await (const _ of connection) break;
  assert.equal(connection.readyState, 2);
  assert.deepEqual(stops(server), []);
});

test("stop() works after close(), for a client that has left for good", async (context) => {
  const server = await answering(context);
  const connection = connect(`${server.origin}/v1/answers/a1`);
  for await (const _ of connection) break;
  await connection.stop();
  assert.equal(stops(server).length, 1);
});

test("stop() waits for the response that names the answer", async (context) => {
  const server = await answering(context);
  const connection = connect(`${server.origin}/v1/answers/a1`, { reconnect: "never" });
  await within(connection.stop(), "the server's answer");
  assert.deepEqual(
    server.requests.map(({ method }) => method),
    ["GET", "DELETE"],
  );
  connection.close();
});

test("without the header, the IDs of events name the answer", async (context) => {
  const server = await answering(context, { head: {} });
  const connection = connect(`${server.origin}/v1/answers`, { reconnect: "never" });
  for await (const { type } of connection) if (type === "message") await connection.stop();
  assert.equal(stops(server)[0].url, "/v1/answers/a1");
});

test("a stop of one's own gets the answer's name", async (context) => {
  const server = await answering(context, { head: { "Millrace-Answer": "a1/ü" } });
  const connection = connect(`${server.origin}/v1/responses`, {
    reconnect: "never",
    stop: (answer) => fetch(`${server.origin}/v1/responses/${encodeURIComponent(answer)}/cancel`, { method: "POST" }),
  });
  for await (const { type } of connection) if (type === "message") await connection.stop();
  assert.equal(server.requests.at(-1).url, "/v1/responses/a1%2F%C3%BC/cancel");
  assert.deepEqual(stops(server), []);
});

test("a refused stop rejects with its status, and the stream goes on", async (context) => {
  const server = await answering(context, { status: 404 });
  const connection = connect(`${server.origin}/v1/answers/a1`, { reconnect: "never" });
  const iterator = connection[Symbol.asyncIterator]();
  await iterator.next();
  await assert.rejects(connection.stop(), (error) => {
    assert.ok(error instanceof ConnectionError);
    assert.equal(error.status, 404);
    assert.match(error.message, /\/v1\/answers\/a1: the server did not stop the answer: status 404/);
    return true;
  });
  assert.equal(connection.readyState, 1);
  connection.close();
});

test("a stream that is no answer's has nothing to stop", async (context) => {
  const server = await answering(context, { head: {}, words: "id: 7\ndata: x\n\n" });
  const connection = connect(`${server.origin}/events`, { reconnect: "never" });
  const iterator = connection[Symbol.asyncIterator]();
  await iterator.next();
  await assert.rejects(connection.stop(), /nothing to stop: neither Millrace-Answer nor an event's ID names an answer/);
  assert.deepEqual(stops(server), []);
  connection.close();
});

test("stop() while nothing answers is settled by close()", async () => {
  const connection = connect("http://127.0.0.1:1/v1/answers");
  const stopped = connection.stop();
  connection.close();
  await assert.rejects(within(stopped, "stop() to settle"), /nothing to stop/);
});

test("an option stop that is no function is refused", () => {
  assert.throws(() => connect("http://127.0.0.1:1/", { stop: "/cancel" }), /"stop" must be a function, not "\/cancel"/);
});
