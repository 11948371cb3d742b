// connection.topics: topics that come and go while the stream is open, against the real program, and against other servers.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { ConnectionError, connect, parse } from "millrace";
import { eventStream, serve } from "../support/http-server.mjs";
import { startMillrace } from "../support/millrace-server.mjs";
import { until, within } from "../support/until.mjs";

const key = "7f0c2b1e9a4d4c1f8e55";

async function startedFor(context, ...options) {
  const server = await startMillrace(...options);
  context.after(() => server.close());
  return server;
}

async function opened(context, url, options) {
  const connection = connect(url, options);
  context.after(() => connection.close());
  await within(once(connection, "open"), "the stream to open");
  return connection;
}

async function next(events, count) {
  const data = [];
  while (data.length < count) data.push((await within(events.next(), "an event")).value.data);
  return data;
}

/** How often the connection has been made, from here on. */
function counting(connection) {
  const count = { opens: 0 };
  connection.addEventListener("open", () => {
    count.opens += 1;
  });
  return count;
}

test("topics of a named stream change without a reconnection", async (context) => {
  const server = await startedFor(context);
  const connection = await opened(context, server.events, { topics: ["a"], client: key });
  const count = counting(connection);
  const events = connection[Symbol.asyncIterator]();
  await connection.topics.add("b", "c/**");
  assert.deepEqual([...connection.topics], ["a", "b", "c/**"]);
  await server.publish(["b", "c/1", "a", "d"].map((topic) => ({ topic, data: topic })));
  assert.deepEqual(await next(events, 3), ["b", "c/1", "a"]);
  await connection.topics.remove("a", "never");
  await server.publish(["a", "b"].map((topic) => ({ topic, data: `${topic}2` })));
  assert.deepEqual(await next(events, 1), ["b2"]);
  assert.equal(count.opens, 0);
  assert.deepEqual(new URL(connection.url).searchParams.getAll("topic"), ["b", "c/**"]);
  // A reconnection asks for what there is now.
  connection.restart();
  await server.publish(["a", "b"].map((topic) => ({ topic, data: `${topic}3` })));
  assert.deepEqual(await next(events, 1), ["b3"]);
});

test("the first change of a stream without a name reconnects by its cursor, and names it", async (context) => {
  const server = await startedFor(context);
  const connection = await opened(context, server.events, { topics: ["a"] });
  const count = counting(connection);
  const events = connection[Symbol.asyncIterator]();
  await server.publish({ topic: "a", data: "a1" });
  await connection.topics.add("b", "c");
  assert.deepEqual([...connection.topics], ["a", "b", "c"]);
  await server.publish(["a", "b", "c"].map((topic) => ({ topic, data: `${topic}2` })));
  assert.deepEqual(await next(events, 4), ["a1", "a2", "b2", "c2"]);
  assert.match(new URL(connection.url).searchParams.get("client"), /^[0-9a-f]{32}$/);
  const before = count.opens;
  assert.ok(before >= 1);
  await connection.topics.add("d");
  await server.publish({ topic: "d", data: "d1" });
  assert.deepEqual(await next(events, 1), ["d1"]);
  assert.equal(count.opens, before);
});

for (const client of [key, undefined]) {
  test(`what a board adds begins with its state, ${client ? "in place" : "by a reconnection"}`, async (context) => {
    const server = await startedFor(context);
    await server.publish(["a", "b"].map((topic) => ({ topic, data: `${topic}1` })));
    const connection = await opened(context, server.events, { topics: ["a"], lastEventId: "latest", client });
    const events = connection[Symbol.asyncIterator]();
    assert.deepEqual(await next(events, 1), ["a1"]);
    await connection.topics.add("b");
    assert.deepEqual(await next(events, client ? 1 : 2), client ? ["b1"] : ["a1", "b1"]);
    await server.publish({ topic: "b", data: "b2" });
    assert.deepEqual(await next(events, 1), ["b2"]);
  });
}

test("asks again for state of which it cannot know whether it had come", async (context) => {
  const server = await serve((request, response, count) => {
    if (request.method === "POST") return response.end("{}");
    response.writeHead(200, eventStream).write(`retry: 1\nid: ${count}\ndata: ${count}\n\n`);
    if (count === 1) first = response;
  });
  let first;
  context.after(() => server.close());
  const connection = await opened(context, `${server.origin}/events`, {
    topics: "a",
    client: key,
    lastEventId: "latest",
    retry: { base: 1 },
  });
  const events = connection[Symbol.asyncIterator]();
  assert.deepEqual(await next(events, 1), ["1"]);
  await connection.topics.add("b");
  first.destroy();
  assert.deepEqual(await next(events, 1), ["3"]);
  await until(() => server.requests.filter(({ method }) => method === "POST").length === 2, "it to ask again");
  for (const { method, body } of server.requests) {
    if (method === "POST") assert.deepEqual(JSON.parse(body), { add: ["b"], remove: [], lastEventId: "latest" });
  }
});

test("what the server refuses is an error, and changes nothing", async (context) => {
  const server = await startedFor(context);
  const connection = await opened(context, server.events, { topics: ["a"], client: "short" });
  const count = counting(connection);
  await assert.rejects(connection.topics.add("b"), (error) => {
    assert.ok(error instanceof ConnectionError);
    assert.equal(error.status, 403);
    assert.match(error.message, /client: .*16 characters/);
    return true;
  });
  await assert.rejects(connection.topics.add("no//**/pattern"), { status: 400 });
  assert.deepEqual([...connection.topics], ["a"]);
  const events = connection[Symbol.asyncIterator]();
  await server.publish({ topic: "a", data: "still here" });
  assert.deepEqual(await next(events, 1), ["still here"]);
  assert.equal(count.opens, 0);
  await assert.rejects(connection.topics.remove("a"), /no topic would be left/);
  await assert.rejects(connection.topics.add(7), TypeError);
  connection.close();
  await assert.rejects(connection.topics.add("b"), /closed/);
});

test("a server that knows no such route is asked anew, with the last ID", async (context) => {
  const server = await serve((request, response, count) => {
    if (request.method === "POST") return response.writeHead(404).end();
    response.writeHead(200, eventStream).write(`id: ${count}\ndata: ${count}\n\n`);
  });
  context.after(() => server.close());
  const connection = await opened(context, `${server.origin}/api/events?token=t`, { topics: "a", client: key });
  const events = connection[Symbol.asyncIterator]();
  assert.deepEqual(await next(events, 1), ["1"]);
  await connection.topics.add("b");
  assert.deepEqual(await next(events, 1), ["3"]);
  const [, post, again] = server.requests;
  assert.equal(post.url, `/api/subscriptions/${key}?token=t`);
  assert.deepEqual(JSON.parse(post.body), { add: ["b"], remove: [] });
  assert.equal(again.headers["last-event-id"], "1");
  assert.deepEqual(new URL(again.url, server.origin).searchParams.getAll("topic"), ["a", "b"]);
});

test("renews what a change is refused for, as a connection does", async (context) => {
  let token = "old";
  const server = await serve((request, response, count) => {
    if (request.method === "POST")
      return response.writeHead(request.headers.authorization === "new" ? 200 : 401).end("{}");
    response.writeHead(200, eventStream).write(`id: ${count}\ndata: ${count}\n\n`);
  });
  context.after(() => server.close());
  const connection = await opened(context, `${server.origin}/events`, {
    topics: "a",
    client: key,
    headers: () => ({ Authorization: token }),
    onUnauthorized: () => {
      token = "new";
    },
  });
  await connection.topics.add("b");
  assert.deepEqual(
    server.requests.map(({ method }) => method),
    ["GET", "POST", "POST"],
  );
});

test("a poll asks for other topics from its next request on", async (context) => {
  const server = await startedFor(context);
  const connection = await opened(context, server.events, {
    topics: ["a"],
    transport: "poll",
    lastEventId: "earliest",
  });
  const events = connection[Symbol.asyncIterator]();
  await server.publish({ topic: "a", data: "a1" });
  assert.deepEqual(await next(events, 1), ["a1"]);
  await connection.topics.add("b");
  await server.publish(["b", "a"].map((topic) => ({ topic, data: `${topic}2` })));
  assert.deepEqual(await next(events, 2), ["b2", "a2"]);
});

test("an event of several topics says which of them the connection listens to", async (context) => {
  const server = await startedFor(context);
  const connection = await opened(context, server.events, { topics: ["a", "b/*"] });
  const events = connection[Symbol.asyncIterator]();
  await server.publish([
    { topic: ["b/1", "elsewhere", "a"], data: "several" },
    { topic: ["elsewhere", "b/2"], data: "one of two" },
    { topic: "a", data: "one" },
  ]);
  const expected = [["b/1", "a"], ["b/2"], ["a"]];
  for (const topics of expected) {
    const { value } = await within(events.next(), "an event");
    assert.deepEqual(value.topics, topics, value.data);
    assert.equal(value.topic, topics[0], value.data);
    // Other events may have the same list.
    assert.throws(() => value.topics.push("c"), TypeError);
  }
});

test("an event names at most as many topics as a server takes, and none where the stream names none", () => {
  const tabs = "\t".repeat(100_000);
  const fields = [`topic: ${"a\t".repeat(100_000)}`, `topic: ${tabs}b${tabs}c`, `topic: ${tabs}`, ":"];
  const [event, late, ...plain] = parse(fields.map((field) => `${field}\ndata\n\n`).join(""));
  assert.deepEqual(event.topics, Array(16).fill("a"));
  assert.deepEqual([late.topic, late.topics], ["b", ["b", "c"]]);
  assert.equal(plain.length, 2);
  for (const each of plain) assert.ok(!("topics" in each) && !("topic" in each));
});
