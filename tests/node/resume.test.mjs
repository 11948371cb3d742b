// Node.js against the real server: publishing, receiving, and going on after cuts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, EventSource } from "millrace";
import { BufferingProxy } from "../support/buffering-proxy.mjs";
import { startMillrace } from "../support/millrace-server.mjs";
import { consume, publishThroughCuts, serverBehindProxy } from "../support/resume-case.mjs";
import { until, within } from "../support/until.mjs";

test("what is published arrives, with its type, data and ID", async (context) => {
  const server = await startMillrace();
  context.after(() => server.close());
  const connection = connect(server.events, { topics: "orders/*" });
  context.after(() => connection.close());
  await until(() => connection.readyState === 1, "the stream to be open");
  const [{ id }] = await server.publish({ topic: "orders/eu", event: "created", data: ["zwei\nZeilen", 5] });
  await server.publish({ topic: "other", data: "not asked for" });
  await server.publish({ topic: "orders/us", id: "own-id", data: "a\nb" });
  const events = [];
  for await (const event of connection) if (events.push(event) === 2) break;
  assert.deepEqual(events, [
    {
      type: "created",
      data: '["zwei\\nZeilen",5]',
      lastEventId: id,
      hasId: true,
      topic: "orders/eu",
      topics: ["orders/eu"],
    },
    { type: "message", data: "a\nb", lastEventId: "own-id", hasId: true, topic: "orders/us", topics: ["orders/us"] },
  ]);
});

test("latest brings the newest of each topic, and then what changes", async (context) => {
  const server = await startMillrace();
  context.after(() => server.close());
  const url = "https://example.com/books/1";
  await server.publish([
    { topic: "a", data: "old" },
    { topic: url, data: "book" },
    { topic: "a", data: "new" },
  ]);
  const events = [];
  for await (const { topic, data } of connect(server.events, { topics: "**", lastEventId: "latest" })) {
    events.push([topic, data]);
    if (events.length === 2) await server.publish({ topic: "b", data: "live" });
    if (events.length === 3) break;
  }
  assert.deepEqual(events, [
    [url, "book"],
    ["a", "new"],
    ["b", "live"],
  ]);
});

test("earliest brings all there is; EventSource and connect() agree on it", async (context) => {
  const server = await startMillrace();
  context.after(() => server.close());
  await server.publish(["a", "b", "c"].map((data) => ({ topic: "letters", data })));
  const events = [];
  for await (const event of connect(server.events, { topics: "letters", lastEventId: "earliest" })) {
    if (events.push([event.data, event.lastEventId]) === 3) break;
  }
  assert.deepEqual(
    events.map(([data]) => data),
    ["a", "b", "c"],
  );

  const source = new EventSource(`${server.events}?topic=letters&lastEventId=earliest`);
  context.after(() => source.close());
  const messages = [];
  source.onmessage = ({ data, lastEventId }) => messages.push([data, lastEventId]);
  await until(() => messages.length === 3, "three messages");
  assert.deepEqual(messages, events);
});

test("a client that is cut off before its first event misses nothing", async (context) => {
  const behind = await serverBehindProxy(context);
  const connection = connect(`${behind.proxy.origin}/events`, { topics: "numbers" });
  context.after(() => connection.close());
  // The first bytes of the stream carry the cursor, though no event.
  await until(() => connection.lastEventId !== "", "the primed ID");
  behind.proxy.cut();
  await behind.server.publish({ topic: "numbers", data: "while away" });
  const { value } = await within(connection[Symbol.asyncIterator]().next(), "the event");
  assert.equal(value.data, "while away");
});

test("a client that falls back to polling behind a proxy that holds bodies back misses nothing", async (context) => {
  const server = await startMillrace();
  context.after(() => server.close());
  const proxy = await BufferingProxy.to(server.port);
  context.after(() => proxy.close());
  const connection = connect(`${proxy.origin}/events`, { topics: "numbers", firstByteTimeout: 1000 });
  context.after(() => connection.close());
  await until(() => connection.readyState === 1, "the head of the stream");
  // Between the stream that is held back and the first poll.
  await server.publish({ topic: "numbers", data: "held back" });
  const events = connection[Symbol.asyncIterator]();
  const { value } = await within(events.next(), "the event that was held back");
  assert.equal(value.data, "held back");
  assert.equal(connection.transport, "poll");
  await server.publish({ topic: "numbers", data: "polled" });
  const { value: next } = await within(events.next(), "the event after it");
  assert.equal(next.data, "polled");
  const [stream, poll] = proxy.requests;
  assert.equal(stream.lastEventId, undefined);
  assert.match(poll.url, /[?&]mode=poll/);
  assert.match(poll.lastEventId, /-0$/);
});

test("a gap is reported behind such a proxy, too", async (context) => {
  const server = await startMillrace();
  context.after(() => server.close());
  const proxy = await BufferingProxy.to(server.port);
  context.after(() => proxy.close());
  const options = { topics: "numbers", lastEventId: "nobody-1", firstByteTimeout: 500 };
  const connection = connect(`${proxy.origin}/events`, options);
  context.after(() => connection.close());
  const { value } = await within(connection[Symbol.asyncIterator]().next(), "the gap");
  assert.equal(value.type, "millrace.gap");
});

for (const cursor of ["id", "event", "none"]) {
  test(`cursor=${cursor}: cursors are no events, unless they are asked for`, async (context) => {
    const server = await startMillrace("--heartbeat", "1");
    context.after(() => server.close());
    const url = `${server.events}?cursor=${cursor}`;
    const plain = connect(url, { topics: "a" });
    const types = ["message", "millrace.cursor"];
    const asking = connect(url, { topics: "a", types });
    const source = new EventSource(`${url}&topic=a`);
    for (const stream of [plain, asking, source]) context.after(() => stream.close());
    const seen = [];
    for (const type of types) source.addEventListener(type, ({ data }) => seen.push(type + data));
    const streams = [plain, asking, source];
    await until(() => streams.every(({ readyState }) => readyState === 1), "the streams to be open");
    const [{ id }] = await server.publish({ topic: "other", data: "x" });
    if (cursor !== "none") await until(() => plain.lastEventId === id, "a heartbeat");
    await server.publish({ topic: "a", data: "1" });
    const first = await within(plain[Symbol.asyncIterator]().next(), "the event");
    assert.equal(first.value.data, "1");
    const asked = await within(asking[Symbol.asyncIterator]().next(), "what was asked for");
    assert.equal(asked.value.type, cursor === "event" ? "millrace.cursor" : "message");
    await until(() => seen.length > 0, "the event");
    assert.deepEqual(seen, ["message1"]);
  });
}

test("an unknown ID is answered with a gap, then with all events of the log", async (context) => {
  const server = await startMillrace();
  context.after(() => server.close());
  await server.publish({ topic: "letters", data: "a" });
  const events = [];
  for await (const event of connect(server.events, { topics: "letters", lastEventId: "nobody-1", types: [] })) {
    events.push([event.type, JSON.parse(event.data)]);
    break;
  }
  assert.deepEqual(events, [["millrace.gap", { lastEventId: "nobody-1", reason: "unknown" }]]);
});

for (const options of [[], ["--gzip"]]) {
  const name = ["through four cuts every event arrives exactly once and in order", ...options].join(" ");
  test(name, { timeout: 300_000 }, async (context) => {
    const behind = await serverBehindProxy(context, ...options);
    const progress = { open: false, arrived: 0 };
    const result = consume(connect, `${behind.proxy.origin}/events`, { topics: "numbers" }, progress);
    await publishThroughCuts(behind, result, () => progress);
  });
}
