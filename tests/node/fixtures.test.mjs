// The fixtures of the event stream format against the builds of the core: WebAssembly, that of Node.js, JavaScript. tests/fixtures/README.md has the rules.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as wasm from "../../build/wasm/core-for-tests.mjs";
import * as js from "../../build/wasm/js-for-tests.mjs";
import * as node from "../../build/wasm/node-for-tests.mjs";
import { bytesOf, fixtureFiles, textOf } from "../support/fixtures.mjs";

const { Kind, maxInputBytes } = wasm;
const builds = { WebAssembly: wasm, "Node.js's": node, JavaScript: js };

function expectedOf(output) {
  if ("retry" in output) return { kind: Kind.retry, a: output.retry };
  if ("comment" in output) return { kind: Kind.comment, text: textOf(output.comment) };
  const { type, data, lastEventId, topic, topics = topic && [topic], traceparent, tracestate } = output;
  return { type, data: textOf(data), lastEventId, topic, topics, traceparent, tracestate };
}

/** What there is to compare of one. */
function outputOf(signal) {
  if (signal.kind === Kind.retry) return { kind: signal.kind, a: signal.a };
  if (signal.kind === Kind.comment) return { kind: signal.kind, text: signal.text };
  const { type, data, lastEventId, topic, topics, traceparent, tracestate } = signal;
  return { type, data, lastEventId, topic, topics, traceparent, tracestate };
}

function connectionsOf({ stream, expect, lastEventId, connections = [{ stream, expect, lastEventId }] }) {
  return connections.map((connection) => ({
    bytes: bytesOf(connection.stream),
    expected: connection.expect.map(expectedOf),
    lastEventId: connection.lastEventId,
  }));
}

/** Where to cut streams of this length in two. */
function* cutsOf(length) {
  const step = length <= 2000 ? 1 : Math.max(1, (length - 400) / 1600);
  for (let cut = 0; cut <= length; ) {
    yield Math.floor(cut);
    cut = cut < 200 || cut >= length - 200 ? cut + 1 : Math.min(cut + step, Math.max(cut + 1, length - 200));
  }
}

function* piecesOf(bytes, size) {
  for (let begin = 0; begin < bytes.length; begin += size) yield bytes.subarray(begin, begin + size);
}

/** `divide` makes the chunks of a connection's bytes. */
function check({ coreNow, Parser }, fixture, connections, divide, how) {
  const parser = new Parser(coreNow(), fixture.initialLastEventId);
  connections.forEach(({ bytes, expected, lastEventId }, index) => {
    if (index > 0) parser.reset();
    const outputs = [];
    for (const chunk of divide(bytes)) {
      for (const piece of piecesOf(chunk, maxInputBytes)) outputs.push(...parser.feed(piece));
    }
    const where = `${how}, connection ${index + 1}`;
    assert.deepEqual(outputs.filter(({ kind }) => kind !== Kind.id).map(outputOf), expected, where);
    assert.equal(parser.lastEventId, lastEventId, `the last event ID, ${where}`);
  });
  parser.close();
}

for (const [file, cases] of fixtureFiles()) {
  for (const fixture of cases) {
    for (const [name, build] of Object.entries(builds)) {
      test(`${name}: ${file}: ${fixture.name}`, () => {
        const connections = connectionsOf(fixture);
        const divided = (divide, how) => check(build, fixture, connections, divide, how);
        divided((bytes) => [bytes], "whole");
        for (const size of [1, 2]) divided((bytes) => piecesOf(bytes, size), `${size} bytes a chunk`);
        for (const cut of cutsOf(Math.max(...connections.map(({ bytes }) => bytes.length)))) {
          divided((bytes) => [bytes.subarray(0, cut), bytes.subarray(cut)], `cut at ${cut}`);
        }
      });
    }
  }
}

for (const [name, { coreNow, Parser }] of Object.entries(builds)) {
  test(`${name}: an event says whether the ID is its own, however the stream is cut`, () => {
    const stream = Buffer.from(
      "id: 1\ndata: own\n\ndata: none\n\nid: 1\n\ndata: a block's before it\n\nid: 1\ndata: the same\n\nid\ndata: empty\n\ndata: none\n\n",
    );
    const expected = [true, false, false, true, true, false];
    for (let cut = 0; cut <= stream.length; cut++) {
      const parser = new Parser(coreNow());
      const events = [stream.subarray(0, cut), stream.subarray(cut)].flatMap((chunk) => parser.feed(chunk));
      const own = events.filter(({ kind }) => kind === undefined).map(({ hasId }) => hasId);
      assert.deepEqual(own, expected, `cut at ${cut}`);
      parser.close();
    }
  });
}

/** Text with runs of ASCII of any length between sequences of UTF-8, of which some are broken; without line ends and NUL. */
function* mixedTexts(count) {
  let state = 24;
  const below = (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
  const sequences = ["é", "水", "車", "𝄞", "\u{10ffff}", "\ufffd"].map((text) => Buffer.from(text));
  const broken = [[0x80], [0xc0], [0xe2, 0x82], [0xf0, 0x9d, 0x84], [0xed, 0xa0, 0x80], [0xff]].map(Buffer.from);
  const any = (list) => list[below(list.length)];
  for (let i = 0; i < count; i++) {
    const pieces = Array.from({ length: below(8) }, () => [
      Buffer.alloc(below(70), 97 + below(26)),
      any(below(9) > 0 ? sequences : broken),
    ]);
    yield Buffer.concat([...pieces.flat(), Buffer.alloc(below(70), "z")]);
  }
}

for (const [name, { coreNow, Parser }] of Object.entries(builds)) {
  test(`${name}: data is what a TextDecoder makes of it`, () => {
    const parser = new Parser(coreNow());
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    for (const text of mixedTexts(5000)) {
      const events = parser.feed(Buffer.concat([Buffer.from("id: ü\ndata:-"), text, Buffer.from("\n\ndata: 末\n\n")]));
      assert.deepEqual(
        events.map(({ data, lastEventId }) => [data, lastEventId]),
        [
          [`-${decoder.decode(text)}`, "ü"],
          ["末", "ü"],
        ],
      );
    }
    parser.close();
  });
}

/** Long texts are decoded in pieces: these have characters, and broken ones, at the pieces' ends. */
function* longTexts() {
  const mixed = Buffer.concat([Buffer.from("水é𝄞"), Buffer.from([0xf0, 0x9d, 0x84, 0xe2, 0x82, 0xff, 0x80])]);
  for (let begin = 0; begin < 16; begin++)
    yield Buffer.concat([Buffer.alloc(begin, "x"), Buffer.alloc(300_000, mixed)]);
}

for (const [name, { coreNow, Parser }] of Object.entries(builds)) {
  test(`${name}: long data is what a TextDecoder makes of it`, () => {
    const parser = new Parser(coreNow());
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    for (const text of longTexts()) {
      const stream = Buffer.concat([Buffer.from("data:-"), text, Buffer.from("\n\ndata: 末\n\n")]);
      const events = [...piecesOf(stream, maxInputBytes)].flatMap((piece) => parser.feed(piece));
      assert.ok(events[0].data === `-${decoder.decode(text)}`, "the long text");
      assert.equal(events[1].data, "末");
    }
    parser.close();
  });
}

for (const [name, { coreNow, Parser }] of Object.entries(builds)) {
  test(`${name}: events are right while the core's memory grows`, () => {
    const parsers = [new Parser(coreNow()), new Parser(coreNow())];
    const piece = Buffer.alloc(50_000, "ab");
    for (const parser of parsers) parser.feed(Buffer.from("data:"));
    for (let i = 0; i < 60; i++) for (const parser of parsers) assert.deepEqual(parser.feed(piece), []);
    for (const parser of parsers) {
      const [{ data }, ...more] = parser.feed(Buffer.from("\n\ndata: short\n\n"));
      assert.ok(data === "ab".repeat(1_500_000), "the long event");
      assert.deepEqual(more.map(outputOf), [expectedOf({ type: "message", data: "short", lastEventId: "" })]);
      parser.close();
    }
  });
  test(`${name}: what a chunk without events gives is the caller's own list`, () => {
    const parser = new Parser(coreNow());
    // The first says the stream's last event ID.
    for (const piece of ["da", "ta"]) parser.feed(Buffer.from(piece)).push("a caller's");
    assert.deepEqual(parser.feed(Buffer.from(":")), []);
    parser.close();
  });
}
