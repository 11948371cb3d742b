// The demo's controller for messages to users, from the real server.

import assert from "node:assert/strict";
import http from "node:http";
import { json } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { EventSource } from "millrace";
import { CutProxy } from "../support/cut-proxy.mjs";
import { startMillrace } from "../support/millrace-server.mjs";
import { until } from "../support/until.mjs";

let server;

before(async () => {
  server = await startMillrace("--demo", "--cors-origin", "*");
});
after(() => server?.close());

/** Asks the controller; its status, what it says, and that pages of the origins that are listed may hear it. */
async function ask(path, options) {
  const response = await fetch(`${server.origin}/push/${path}`, options);
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
  assert.equal(response.headers.get("access-control-allow-credentials"), null);
  return [response.status, await response.json()];
}

/** Opens a stream, and notes what comes. */
function listen(context, url) {
  const source = new EventSource(url);
  const received = [];
  source.onmessage = ({ data, lastEventId }) => received.push([lastEventId, data]);
  context.after(() => source.close());
  return { source, received, isOpen: () => until(() => source.readyState === EventSource.OPEN, "an open stream") };
}

test("a stream begins with its own reconnection time", async () => {
  const abort = new AbortController();
  const response = await fetch(`${server.origin}/push/createSse?uid=u`, { signal: abort.signal });
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
  const { value } = await response.body.getReader().read();
  assert.match(new TextDecoder().decode(value), /^event: millrace\.cursor\nid: .+\nretry: 5000\ndata:\n\n$/);
  abort.abort();
});

test("messages reach their user by either way of sending them", async (context) => {
  const { received, isOpen } = listen(context, `${server.origin}/push/createSse?uid=ada`);
  await isOpen();
  const query = new URLSearchParams({ uid: "ada", id: "消息 1", message: "grüße" });
  assert.deepEqual(await ask(`sendMsg?${query}`), [200, { id: "消息 1", repeated: false }]);
  assert.deepEqual(await ask(`sendMsg?${query}`), [200, { id: "消息 1", repeated: true }]);
  const path = `users/ada/messages/${encodeURIComponent("消息 2")}`;
  assert.deepEqual(await ask(path, { method: "PUT", body: "two\nlines" }), [200, { id: "消息 2", repeated: false }]);
  await until(() => received.length === 2, "both messages");
  assert.deepEqual(received, [
    ["消息 1", "grüße"],
    ["消息 2", "two\nlines"],
  ]);
});

test("closing ends a user's streams for good, by either way", async (context) => {
  for (const [user, path, options] of [
    ["bob", "closeSse?uid=bob", {}],
    ["eve", "users/eve/connections", { method: "DELETE" }],
  ]) {
    const { source, isOpen } = listen(context, `${server.origin}/push/createSse?uid=${user}`);
    await isOpen();
    assert.deepEqual(await ask(path, options), [200, { closed: 1 }]);
    await until(() => source.readyState === EventSource.CLOSED, "the source to stop");
    assert.deepEqual(await ask(path, options), [200, { closed: 0 }]);
  }
});

test("bad input is refused by parameter", async () => {
  for (const [path, status, sentence, options] of [
    ["createSse", 400, /^uid: missing/],
    ["sendMsg?uid=", 400, /^uid: missing/],
    ["createSse?uid=a%2Fb", 400, /^uid: must be/],
    ["createSse?uid=*", 400, /^uid: must be/],
    [`closeSse?uid=${"u".repeat(129)}`, 400, /^uid: longer than 128 bytes/],
    ["sendMsg?uid=u&id=1", 400, /^message: empty/],
    ["sendMsg?uid=u&id=a%0Ab&message=x", 400, /^id: /],
    ["sendMsg?uid=u&id=earliest&message=x", 400, /^id: /],
    ["sendMsg?uid=nobody&id=1&message=x", 404, /^uid: "nobody" is not connected/],
    ["users/a%2Fb/messages/1", 400, /^uid: must be/, { method: "PUT", body: "x" }],
    ["users/u/messages/1", 400, /^message: empty/, { method: "PUT", body: "" }],
    ["users/u/messages/1", 413, /^message: larger than/, { method: "PUT", body: "x".repeat(1024 * 1024 + 1) }],
    ["users/a%2Fb/connections", 400, /^uid: must be/, { method: "DELETE" }],
  ]) {
    const [answered, body] = await ask(path, options);
    assert.equal(answered, status, path);
    assert.match(body.error, sentence, path);
  }
});

test("a message beyond the bound of all bodies is refused before it is sent", async () => {
  const request = http.request(`${server.origin}/push/users/u/messages/1`, {
    method: "PUT",
    headers: { "content-length": 40_000_000 },
  });
  request.flushHeaders();
  const response = await new Promise((resolve, reject) => request.on("response", resolve).on("error", reject));
  assert.equal(response.statusCode, 413);
  assert.match((await json(response)).error, /^body: larger than the limit of 33554432 bytes \(--max-body-bytes\)/);
  request.destroy();
});

test("numbered messages go on where a cut client was, each once, by their own IDs", async (context) => {
  const proxy = await CutProxy.to(server.port);
  context.after(() => proxy.close());
  const { received } = listen(context, `${proxy.origin}/push/sendMsg?uid=${encodeURIComponent("用户")}`);
  await until(() => received.length === 2, "two messages");
  const accepted = proxy.accepted;
  proxy.cut();
  await until(() => received.length === 4, "two more");
  assert.ok(proxy.accepted > accepted);
  for (const [index, [id, data]] of received.entries()) {
    assert.equal(id, `消息${index + 1}`);
    assert.match(data, new RegExp(`^uid:用户 number:${index + 1} message:\\d+$`));
  }
});
