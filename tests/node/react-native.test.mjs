// `millrace/js` in a process that has of the platform what React Native has: XMLHttpRequest, a `fetch` without streams, no
// WebAssembly, no MessageEvent, and in older versions no events at all.

import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { makeTools, runInNode } from "../support/cases.mjs";
import { eventSourceCases } from "../support/event-source-cases.mjs";
import { serve, streams } from "../support/http-server.mjs";
import { StreamingXhr } from "../support/streaming-xhr.mjs";
import { within } from "../support/until.mjs";

// Node.js makes its own fetch, which it does when that is first used, of what is taken away below.
const any = await serve(streams("data: any\n\n"));
await (await fetch(any.origin)).text();
await any.close();

const missing = [
  "WebAssembly",
  "FinalizationRegistry",
  "MessageEvent",
  "TextDecoder",
  "ReadableStream",
  "TransformStream",
];
const others = ["Event", "EventTarget", "DOMException", "TextEncoder", "FinalizationRegistry"];
const had = Object.fromEntries(others.map((name) => [name, globalThis[name]]));
for (const name of [...missing, ...others]) delete globalThis[name];
// By which the cases have connections cut; for anything else it is as good as none.
const fetchWhole = (url) =>
  new Promise((resolve, reject) => {
    if (`${url}`.endsWith("/cut")) http.get(url, (response) => response.resume().on("end", resolve));
    else reject(new Error("this fetch gives nothing before the response has ended"));
  });
Object.assign(globalThis, {
  XMLHttpRequest: StreamingXhr,
  Request: class {},
  Response: class {},
  fetch: fetchWhole,
});

const longText = "水é𝄞".repeat(20_000);
const longEvents = ["", "x", "xx", "xxx"].map((begin) => `data:${begin}${longText}\n\n`).join("");

const distribution = "../../client-wasm/dist/js.js";
const bare = await import(distribution);
Object.assign(globalThis, had);
const newer = await import(`${distribution}?with-events`);

// For the cases, which tell one by it.
globalThis.MessageEvent = { [Symbol.hasInstance]: (event) => "lastEventId" in event };

// What this XMLHttpRequest, which stands for React Native's, does not do; and where there is no EventTarget, none can be
// looked for.
const beyond = { newer: /redirects|uncached/, bare: /redirects|uncached|shape|brand/ };

for (const [what, { EventSource, connect, parse, ready }] of Object.entries({ bare, newer })) {
  const cases = eventSourceCases.filter(({ name }) => !beyond[what].test(name));
  runInNode(
    cases.map((item) => ({ ...item, name: `${what}: ${item.name}` })),
    EventSource,
  );

  test(`${what}: connect() iterates over what XMLHttpRequest brings`, async (context) => {
    const server = await serve(streams("retry: 20\nid: 1\ndata: Zürich\n\n", { body: "data: again\n\n", open: true }));
    context.after(() => server.close());
    const connection = connect(server.origin);
    assert.equal(connection.transport, "xhr");
    const opened = [];
    connection.addEventListener("open", () => opened.push(connection.readyState));
    const events = await within(makeTools().take(connection, 2), "two events");
    assert.deepEqual(events, ["message Zürich 1", "message again 1"]);
    assert.deepEqual(opened, [1, 1]);
    assert.deepEqual(
      server.requests.map(({ headers }) => headers["last-event-id"]),
      [undefined, "1"],
    );
  });

  test(`${what}: long data that is not ASCII is decoded whole`, async () => {
    await ready();
    const data = parse(longEvents).map((event) => event.data);
    assert.ok(data.every((text, index) => text === "x".repeat(index) + longText));
    assert.equal(data.length, 4);
  });

  test(`${what}: a POST is sent`, async (context) => {
    const server = await serve(streams({ body: "data: answer\n\n" }));
    context.after(() => server.close());
    const events = await within(makeTools().take(connect(server.origin, { body: "question" })), "the answer");
    const [{ method, body }] = server.requests;
    assert.deepEqual([events, method, body], [["message answer"], "POST", "question"]);
  });
}
