// A property, by seeds: whatever a server sends, nothing is thrown outside `onerror`, and the next connection works, unless the
// answer was final by the rules; then the client says so. The streams are mutations of the fixtures and of the fuzzers'
// dictionary; the heads come as bytes, from a socket, since node:http would refuse to write some of them.
//
// MILLRACE_SEED=N runs that seed alone, MILLRACE_SEEDS=N so many.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { test } from "node:test";
import { connect, EventSource, parse } from "millrace";
import { bytesOf, fixtureFiles } from "../support/fixtures.mjs";
import { within } from "../support/until.mjs";

const firstSeed = Number(process.env.MILLRACE_SEED ?? 1);
const seeds = process.env.MILLRACE_SEED ? 1 : Number(process.env.MILLRACE_SEEDS ?? 300);
const atOnce = 200;

/** A linear congruential generator: numbers below what is asked for. */
function generator(seed) {
  let state = (seed * 2654435761) >>> 0;
  const below = (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
  return { below, pick: (list) => list[below(list.length)] };
}

const fuzz = new URL("../fuzz/", import.meta.url);
const words = [...readFileSync(new URL("event_stream.dict", fuzz), "utf8").matchAll(/^[^#\n]*"(.*)"$/gm)].map(
  ([, word]) =>
    Buffer.from(
      word.replace(/\\x(..)|\\(.)/g, (_, hex, other) => (hex ? String.fromCharCode(Number.parseInt(hex, 16)) : other)),
      "latin1",
    ),
);
const corpus = [
  ...fixtureFiles().flatMap(([, cases]) =>
    cases.flatMap(({ stream, connections = [{ stream }] }) => connections.map(({ stream }) => bytesOf(stream))),
  ),
  ...readdirSync(new URL("corpus/fuzz_wasm_abi/", fuzz)).map((name) =>
    readFileSync(new URL(`corpus/fuzz_wasm_abi/${name}`, fuzz)),
  ),
].filter(({ length }) => length < 100_000);

const controls = String.fromCharCode(...Array.from({ length: 31 }, (_, code) => code + 1)).replace(/[\r\n]/g, "");
const blocks = [
  `id: ${"x".repeat(120_000)}\ndata: a long ID\n\n`,
  `id: ${"é".repeat(4_000)}\n\n`,
  ...[...controls, "\x7f", "\x00", "\u2028", "\ud800", " x ", "%", "a\tb"].map(
    (id) => `id: ${id}\ndata: an odd ID\n\n`,
  ),
  ...[
    "nonsense",
    "7",
    "null",
    "{}",
    '{"lastEventId":{"toString":1}}',
    "[".repeat(100_000),
    '{"__proto__":null}',
    "",
  ].map((gap) => `event: millrace.gap\nid: 5\ndata: ${gap}\n\n`),
  ...["error", "open", "message", "__proto__", "constructor", "x".repeat(10_000)].map(
    (type) => `event: ${type}\ndata: b\n\n`,
  ),
  "event: millrace.cursor\nid: \x01\ndata:\n\n",
  "id\n\n",
].map((block) => Buffer.from(block));

const ok = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
const fields = [
  "Content-Type: text/event-stream\r\nContent-Type: text/event-stream",
  "Content-Type: text/html, text/event-stream",
  "Content-Type: ,",
  ...["", "x".repeat(10_000), "\x80\xff", "a b", "\xc3\xa9", "\t"].map((id) => `Last-Event-ID: ${id}`),
  ...["0", "-1", "x", "1e400", "99999999999999999999", ", 5"].map((beat) => `Millrace-Heartbeat: ${beat}`),
  ...["0", "-1", "soon", "Thu, 01 Jan 1970 00:00:00 GMT", "1e9"].map((wait) => `Retry-After: ${wait}`),
  "Content-Length: 5",
  "Transfer-Encoding: chunked",
  "Set-Cookie: \x01",
  "X: \x00",
  "no colon",
];
const statuses = [408, 425, 429, 500, 502, 503, 504, 520, 529];
const redirects = ["/", "//", "http://u:p@127.0.0.1:1/", "data:,", "http://[", "\x01"];

/** A head, and whether an answer that has it may be final. */
function headFrom({ below, pick }) {
  const kind = below(10);
  const some = Array.from({ length: below(3) }, () => `${pick(fields)}\r\n`).join("");
  if (kind < 6) return [`${ok}${some}\r\n`, some !== ""];
  if (kind < 8) return [`HTTP/1.1 ${pick(statuses)} X\r\n${some}\r\n`, some !== ""];
  if (kind < 9) return [`HTTP/1.1 ${pick([301, 302, 307])} X\r\nLocation: ${pick(redirects)}\r\n\r\n`, true];
  return [
    pick(["", "\r\n\r\n", "HTTP/1.1 99\r\n\r\n", "HTTP/9 200\r\n\r\n", "220 smtp\r\n", "HTTP/1.1 200 OK\r\nA"]),
    true,
  ];
}

function bodyFrom({ below, pick }) {
  const parts = Array.from({ length: 1 + below(4) }, () => {
    if (below(2) === 0) return pick(blocks);
    const bytes = Buffer.from(pick(corpus));
    for (let i = below(6); i > 0 && bytes.length > 0; i--) bytes[below(bytes.length)] = below(256);
    const at = below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), pick(words), bytes.subarray(at)]);
  });
  // Reconnecting is to take milliseconds; tests/unit/core has the waits.
  return Buffer.from(
    Buffer.concat(parts)
      .toString("latin1")
      .replace(/retry: ?\d+/g, "retry: 1"),
    "latin1",
  );
}

/** Answers so many requests from the generator, and those after them well. Resolves with where it is, and how it answers. */
async function hostileServer(random, answers) {
  const state = { mayBeFinal: false };
  let count = 0;
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    socket.once("data", () => {
      count += 1;
      if (count > answers) return socket.write(`${ok}\r\nevent: well\nid: 1\ndata:\n\n`);
      // The first stream sets the reconnection time.
      const [head, mayBeFinal] = count === 1 ? [`${ok}\r\n`, false] : headFrom(random);
      state.mayBeFinal ||= mayBeFinal;
      socket.write(Buffer.concat([Buffer.from(head, "latin1"), Buffer.from("retry: 1\n\n"), bodyFrom(random)]), () =>
        random.below(2) === 0 ? socket.end() : socket.destroySoon(),
      );
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  state.url = `http://127.0.0.1:${server.address().port}/`;
  state.close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return state;
}

/** Each resolves with `well` once that event has come, or else with how it has ended; and keeps what has gone wrong. */
const clients = {
  EventSource: (url) =>
    new Promise((resolve) => {
      const source = new EventSource(url);
      const end = (how) => {
        source.close();
        resolve(how);
      };
      source.addEventListener("well", () => end("well"));
      source.onerror = (event) => {
        if (!(event instanceof MessageEvent) && source.readyState === 2) end(event.message);
      };
    }),
  "EventSource with options": (url) =>
    new Promise((resolve) => {
      const source = new EventSource(url, null, { retry: { base: 1, on: () => true }, idleTimeout: 5000 });
      const end = (how) => {
        source.close();
        resolve(how);
      };
      source.addEventListener("well", () => end("well"));
      source.onerror = (event) => {
        if (!(event instanceof MessageEvent) && source.readyState === 2) end(event.message);
      };
    }),
  "connect()": async (url) => {
    const options = { retry: { base: 1, on: () => true }, dropReplays: true, onGap() {}, onComment() {} };
    const connection = connect(url, options);
    try {
      for await (const { type } of connection) if (type === "well") return "well";
      return "the end";
    } catch ({ message }) {
      return message;
    }
  },
};

const wrong = [];
process.on("uncaughtException", (error) => wrong.push(error));
process.on("unhandledRejection", (error) => wrong.push(error));

async function runSeed(name, seed) {
  const random = generator(seed);
  const server = await hostileServer(random, 1 + random.below(3));
  try {
    const how = await within(clients[name](server.url), `seed ${seed}: the event that comes well, or an end`, 120_000);
    // Without options, statuses are final as the standard has it.
    const mayBeFinal = server.mayBeFinal || name === "EventSource";
    if (how !== "well") {
      assert.ok(mayBeFinal, `seed ${seed}: ended: ${how}`);
      assert.match(how, /status|stream was lost|event stream|end/, `seed ${seed}: ${how}`);
    }
    assert.deepEqual(wrong, [], `seed ${seed}: thrown outside onerror`);
  } finally {
    server.close();
  }
}

for (const name of Object.keys(clients)) {
  test(`${name}: nothing that a server sends throws elsewhere, or keeps the client from coming back`, async () => {
    for (let begin = 0; begin < seeds; begin += atOnce) {
      const some = Array.from({ length: Math.min(atOnce, seeds - begin) }, (_, i) => firstSeed + begin + i);
      await Promise.all(some.map((seed) => runSeed(name, seed)));
    }
  });
}

// Node.js 20's fetch never says so.
test("a body that is not encoded as it says is the end of a connection by its idle timeout at the latest", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => {}).once("data", () => socket.end(`${ok}Content-Encoding: gzip\r\n\r\nretry: 1\n\n`));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const connection = connect(`http://127.0.0.1:${server.address().port}/`, { idleTimeout: 300 });
  const loss = new Promise((resolve) => connection.addEventListener("error", resolve));
  const { reason } = await within(loss, "the loss of the connection");
  connection.close();
  server.close();
  assert.match(reason, /^(timeout|network-error)$/);
});

test("parse() takes any bytes, and gives the same however they are cut", () => {
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const random = generator(seed);
    const body = bodyFrom(random);
    assert.doesNotThrow(() => parse(body), `seed ${seed}`);
  }
});
