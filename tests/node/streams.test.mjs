// The package for programs with their own transport: parse, encode, and the two Web Streams.

import assert from "node:assert/strict";
import { test } from "node:test";
import { EventStreamDecoder, EventStreamEncoder, EventStreamParser, encode, parse } from "millrace";
import { eventStream, serve } from "../support/http-server.mjs";

const bytes = (text) => new TextEncoder().encode(text);
const collect = async (stream) => {
  const values = [];
  for await (const value of stream) values.push(value);
  return values;
};

test("parse gives the whole events of a text, and leaves out what is incomplete", () => {
  const expected = [
    { type: "message", data: "水\n车", lastEventId: "", hasId: false },
    { type: "created", data: "😀", lastEventId: "7", hasId: true },
    { type: "message", data: "", lastEventId: "7", hasId: false },
  ];
  const text = "data: 水\ndata: 车\n\nevent: created\nid: 7\ndata: 😀\n\ndata\n\ndata: half";
  assert.deepEqual(parse(text), expected);
  assert.deepEqual(parse(bytes(text)), expected);
  assert.throws(() => parse(5), { name: "TypeError", message: /text or Uint8Arrays/ });
});

test("texts that are cut off within a character stay apart from those that follow, and lengths are right", () => {
  const stream = new Uint8Array([
    ...bytes("event: a"),
    0xe2,
    0x82,
    ...bytes("\ndata: "),
    0xac,
    ...bytes("b😀\ndata: "),
    0xff,
    0xf0,
    0x9f,
    0x98,
    ...bytes("\nid: é\n\n: ü\ndata: after\n\n"),
  ]);
  assert.deepEqual(parse(stream), [
    { type: "a\uFFFD", data: "\uFFFDb😀\n\uFFFD\uFFFD", lastEventId: "é", hasId: true },
    { type: "message", data: "after", lastEventId: "é", hasId: false },
  ]);
});

test("encode writes what parse reads, and refuses what would inject a field", () => {
  assert.equal(
    encode({ data: "a\r\nb\rc", type: "t", id: "1", retry: 5 }),
    "event: t\nid: 1\nretry: 5\ndata: a\ndata: b\ndata: c\n\n",
  );
  assert.equal(encode({ data: "" }), "data: \n\n");
  assert.equal(encode({ data: "\n\r\r\na\n" }), "data: \ndata: \ndata: \ndata: a\ndata: \n\n");
  assert.equal(encode({ comment: "a\nid: 1" }), ": a\n: id: 1\n\n");
  assert.equal(encode({ comment: "ping" }), ": ping\n\n");
  assert.deepEqual(parse(encode({ data: "é😀", id: "水" })), [
    { type: "message", data: "é😀", lastEventId: "水", hasId: true },
  ]);
  for (const [event, name] of [
    [{ data: "", id: "a\nb" }, "id"],
    [{ data: "", type: "a\0" }, "type"],
    [{ data: "", type: "x".repeat(129) }, "type"],
    [{ data: 5 }, "data"],
    [{ data: "", retry: -2 }, "retry"],
    [{ comment: 1 }, "comment"],
  ]) {
    assert.throws(() => encode(event), { name: "TypeError", message: new RegExp(`"${name}"`) });
  }
});

test("a parser keeps the last event ID over reset(), reports comments and retries, and stops at what is too large", () => {
  const seen = [];
  const parser = new EventStreamParser({
    lastEventId: "0",
    onComment: (comment) => seen.push(comment),
    onRetry: (retry) => seen.push(retry),
  });
  assert.equal(parser.lastEventId, "0");
  assert.deepEqual(parser.feed(bytes(": hello\nretry: 5\nid: 1\n\ndata: ha")), []);
  parser.reset();
  assert.deepEqual(parser.feed(bytes("data: a\n\n")), [{ type: "message", data: "a", lastEventId: "1", hasId: false }]);
  assert.deepEqual(seen, ["hello", 5]);
  assert.throws(() => parser.feed(new Uint8Array(17 * 1024 * 1024).fill(97)), RangeError);
  assert.throws(() => parser.feed(bytes("\n")), RangeError);
  parser.reset();
  assert.equal(parser.feed(bytes("data: a\n\n")).length, 1);
  parser.close();
});

test("an encoder's bytes over the network come out of a decoder as they went in", async (context) => {
  const events = Array.from({ length: 500 }, (_, i) => ({
    data: `水车 ${i}`,
    id: `${i}`,
    type: i % 2 ? "odd" : "even",
  }));
  const server = await serve(async (_request, response) => {
    response.writeHead(200, eventStream);
    const encoded = ReadableStream.from(events).pipeThrough(new EventStreamEncoder());
    for await (const chunk of encoded) response.write(chunk);
    response.end();
  });
  context.after(() => server.close());
  const decoder = new EventStreamDecoder({ lastEventId: "before" });
  assert.equal(decoder.lastEventId, "before");
  const { body } = await fetch(server.origin);
  assert.deepEqual(
    await collect(body.pipeThrough(decoder)),
    events.map(({ data, id, type }) => ({ type, data, lastEventId: id, hasId: true })),
  );
  assert.equal(decoder.lastEventId, "499");
});

test("a decoder takes text too, and fails its stream on what is neither", async () => {
  const decoded = ReadableStream.from(["data: a\n", "\n"]).pipeThrough(new EventStreamDecoder());
  assert.deepEqual(await collect(decoded), [{ type: "message", data: "a", lastEventId: "", hasId: false }]);
  await assert.rejects(collect(ReadableStream.from([5]).pipeThrough(new EventStreamDecoder())), TypeError);
  await assert.rejects(collect(ReadableStream.from([{ data: 5 }]).pipeThrough(new EventStreamEncoder())), TypeError);
});
