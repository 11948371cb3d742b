// What stands beside `millrace`: the lines of inspect(), the store, the observable, and how hooks compare their options.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { transformSync } from "esbuild";
import { connect, EventSource } from "millrace";
import { inspect } from "millrace/inspect";
import { observeEvents } from "millrace/observable";
import { eventSourceStore } from "millrace/svelte";
import { eventStream, serve, streams } from "../support/http-server.mjs";
import { until, within } from "../support/until.mjs";

async function serverOf(context, ...bodies) {
  const server = await serve(streams(...bodies));
  context.after(() => server.close());
  return server.origin;
}

/** Without the beginning that all lines have, and times. */
const bare = (line) => line.replace(/^millrace \S+ \+\d+\.\d{3} s: /, "").replace(/ in \d+ ms$/, " in … ms");

test("inspect() logs the life of a connection, and hands it on", async (context) => {
  const url = await serverOf(context, "retry: 20\nid: 1\ndata: a\n\n", {
    body: 'event: b\ndata: {"c":1}\n\n',
    open: true,
  });
  const lines = [];
  const log = (line, subject) => lines.push([bare(line), typeof subject]);
  const events = [];
  for await (const event of inspect(connect(url), { log })) {
    events.push(event.data);
    if (events.length === 2) break;
  }
  assert.deepEqual(events, ["a", '{"c":1}']);
  assert.deepEqual(lines, [
    ["connecting", "undefined"],
    ["open, over fetch", "object"],
    ['"message" (ID "1") "a"', "object"],
    ['lost: "the stream was lost: end-of-stream"; again in … ms', "object"],
    ["open, over fetch", "object"],
    ['"b" (ID "1") "{\\"c\\":1}"', "object"],
    ["closed: the iteration was left", "undefined"],
  ]);
});

test("inspect() says how it ended, and hands the error on", async (context) => {
  const url = await serverOf(context, { status: 403, body: "no" });
  const lines = [];
  const iterate = async () => {
    for await (const event of inspect(connect(url), { log: (line) => lines.push(bare(line)) })) assert.fail(event);
  };
  await assert.rejects(iterate(), { name: "ConnectionError", status: 403 });
  assert.match(lines[1], /^failed for good: ".*403/);
  assert.equal(lines[2], "the iteration has ended with an error");
});

test("inspect() shows all that an EventSource fires, and nothing that a terminal would obey", async (context) => {
  const url = await serverOf(context, { body: `event: \x1b[2J\ndata: \u009b31m${"x".repeat(200)}\n\n`, open: true });
  const lines = [];
  const source = inspect(new EventSource(url), { log: (line) => lines.push(bare(line)), maxCharacters: 10 });
  await until(() => lines.length === 3, "three lines");
  source.close();
  assert.deepEqual(lines, ["connecting", "open", '"\\u001b[2J" "\\u009b31mxxxxxx"… (204 characters)']);
});

test("the store connects for the first subscriber, and closes with the last", async (context) => {
  let open = 0;
  const server = await serve((_request, response) => {
    open += 1;
    response.on("close", () => {
      open -= 1;
    });
    response.writeHead(200, eventStream).write("data: a\n\n");
  });
  context.after(() => server.close());
  const store = eventSourceStore(server.origin);
  const seen = [];
  const leaves = [1, 2].map((who) =>
    store.subscribe(({ readyState, event }) => seen.push([who, readyState, event?.data])),
  );
  await until(() => seen.some(([who, , data]) => who === 2 && data === "a"), "the event for both");
  assert.deepEqual(seen.slice(0, 2), [
    [1, 0, undefined],
    [2, 0, undefined],
  ]);
  assert.equal(server.requests.length, 1);
  leaves[0]();
  leaves[0]();
  assert.equal(open, 1);
  leaves[1]();
  await until(() => open === 0, "the connection to be closed");
  store.subscribe(() => {})();
  await until(() => server.requests.length === 2 || open === 0, "another, for the later subscriber");
});

test("the observable has next, error and complete, and unsubscribing closes at once", async (context) => {
  const url = await serverOf(
    context,
    "retry: 1\ndata: a\n\n",
    undefined,
    { status: 500, body: "" },
    { body: "", open: true },
  );
  const heard = await within(
    new Promise((resolve) => {
      const heard = [];
      observeEvents(url).subscribe({
        next: ({ data }) => heard.push(data),
        complete: () => resolve([...heard, "complete"]),
      });
    }),
    "its end",
  );
  assert.deepEqual(heard, ["a", "complete"]);
  const { status } = await within(
    new Promise((error) => observeEvents(url, { retry: { on: () => false } }).subscribe({ error })),
    "its error",
  );
  assert.equal(status, 500);
  const subscription = observeEvents(url).subscribe(assert.fail);
  subscription.unsubscribe();
  assert.equal(observeEvents(url)["@@observable"]().subscribe instanceof Function, true);
});

const source = readFileSync(new URL("../../client-wasm/src/newest-options.ts", import.meta.url), "utf8");
const { code } = transformSync(source, { loader: "ts", format: "esm" });
const { keyOf, newestOptions } = await import(`data:text/javascript,${encodeURIComponent(code)}`);

test("hooks distinguish options by what they ask for", () => {
  const numbers = [];
  const key = (options) => keyOf(["/events", options], numbers);
  const cyclic = { "~standard": {} };
  cyclic.self = cyclic;
  const { signal } = new AbortController();
  for (const [one, other] of [
    [{ headers: new Headers({ a: "1" }) }, { headers: new Headers({ A: "1" }) }],
    [{ headers: () => ({}) }, { headers: () => ({ a: "b" }) }],
    [{ headers: {} }, { headers: {} }],
    [{ schema: cyclic }, { schema: { "~standard": {} } }],
    [{ body: new URLSearchParams("a=1") }, { body: new URLSearchParams("a=1") }],
    [{ retry: { on: () => true } }, { retry: { on: () => false } }],
    [{ signal }, { signal }],
    [undefined, undefined],
  ]) {
    assert.equal(key(one), key(other));
  }
  for (const [one, other] of [
    [{ headers: new Headers({ a: "1" }) }, { headers: new Headers({ a: "2" }) }],
    [{ headers: { a: "1" } }, { headers: { a: "2" } }],
    [{ schema: cyclic }, {}],
    [{ onGap: () => {} }, {}],
    [{ body: new Blob(["a"]) }, { body: new Blob(["b"]) }],
    [{ signal }, { signal: new AbortController().signal }],
    [{ topics: ["a"] }, { topics: ["a", "b"] }],
  ]) {
    assert.notEqual(key(one), key(other));
  }
});

test("hooks call the newest of their functions, wherever they stand", () => {
  const optionsAt = (name) => ({
    headers: () => name,
    topics: "a",
    retry: { base: 5, on: (status) => `${status} ${name}` },
    schema: { "~standard": { validate: (value) => `${value} ${name}` } },
  });
  let newest = optionsAt("old");
  const options = newestOptions(() => newest);
  newest = optionsAt("new");
  assert.deepEqual(
    [
      options.headers(),
      options.retry.on(500),
      options.schema["~standard"].validate("data"),
      options.topics,
      options.retry.base,
    ],
    ["new", "500 new", "data new", "a", 5],
  );
});

test("the store and the observable pass an event's topics on", async (context) => {
  const body = { body: "topic: a\tb\ndata: x\n\n", open: true };
  const url = await serverOf(context, body, body);
  const newest = (subscribe) => within(new Promise(subscribe), "an event");
  const stored = await newest((resolve) => {
    context.after(eventSourceStore(url).subscribe(({ event }) => event && resolve(event)));
  });
  const observed = await newest((resolve) => {
    const subscription = observeEvents(url).subscribe(resolve);
    context.after(() => subscription.unsubscribe());
  });
  for (const { topic, topics } of [stored, observed]) assert.deepEqual([topic, topics], ["a", ["a", "b"]]);
});
