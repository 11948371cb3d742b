// encode() is JavaScript beside the core's EventStreamWriter: both keep to tests/fixtures/writer, whose rules are in
// tests/fixtures/README.md, and what it writes the core reads.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { EventStreamParser, encode, parse } from "millrace";

const { cases } = JSON.parse(readFileSync(new URL("../fixtures/writer/blocks.json", import.meta.url), "utf8"));

function textOf(pieces) {
  if (typeof pieces === "string") return pieces;
  if (Array.isArray(pieces)) return pieces.map(textOf).join("");
  return pieces.text.repeat(pieces.repeat);
}

/** As what is given to encode(): pieces joined, a number left as it is. */
const valuesOf = (fields) =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === "number" ? value : textOf(value)]),
  );

for (const { name, event, comment, bytes, refused } of cases) {
  test(`writer/blocks.json: ${name}`, () => {
    const given = valuesOf(event ?? { comment });
    if (refused) assert.throws(() => encode(given), { name: "TypeError", message: new RegExp(`"${refused}"`) });
    else assert.equal(encode(given), textOf(bytes));
  });
}

/** The same numbers from the same seed. */
function generator(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const parts = [
  "\r",
  "\n",
  "\r\n",
  " ",
  ":",
  "\0",
  "\uFEFF",
  "\u2028",
  "a",
  "data: ",
  "id: x",
  "event",
  "水",
  "é",
  "🦀",
];

test("the core reads back what encode writes of random events and comments, in any chunks", () => {
  for (let seed = 1; seed <= 5_000; seed++) {
    const random = generator(seed);
    const text = (from) => Array.from({ length: random(8) }, () => from[random(from.length)]).join("");
    const inLine = parts.filter((part) => !/[\r\n\0]/.test(part));
    const blocks = Array.from({ length: 1 + random(4) }, () => {
      if (random(4) === 0) return { comment: text(parts) };
      const retry = random(2) === 0 ? random(0x7fffffff) : undefined;
      return { type: text(inLine), id: text(inLine), data: text(parts), retry };
    });
    const expected = { events: [], comments: [], retries: [] };
    let lastEventId = "";
    for (const { type, id, data, retry, comment } of blocks) {
      if (comment !== undefined) expected.comments.push(...comment.split(/\r\n|\r|\n/));
      else {
        lastEventId = id || lastEventId;
        if (retry !== undefined) expected.retries.push(retry);
        expected.events.push({
          type: type || "message",
          data: data.replace(/\r\n?/g, "\n"),
          lastEventId,
          hasId: Boolean(id),
        });
      }
    }
    const read = { events: [], comments: [], retries: [] };
    const parser = new EventStreamParser({
      onComment: (comment) => read.comments.push(comment),
      onRetry: (retry) => read.retries.push(retry),
    });
    const stream = new TextEncoder().encode(blocks.map(encode).join(""));
    for (let begin = 0; begin < stream.length; ) {
      const end = begin + 1 + random(40);
      read.events.push(...parser.feed(stream.subarray(begin, end)));
      begin = end;
    }
    parser.close();
    assert.deepEqual(read, expected, `seed ${seed}`);
    assert.deepEqual(parse(stream), expected.events, `seed ${seed}, whole`);
  }
});
