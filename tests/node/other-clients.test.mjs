// The clients that people have already, against the real server with its defaults: each gets every event once and in order,
// those that were published while it was away among them, also before its first event, and its cursor moves on a quiet topic.
// docs/clients.md says what they make of the other forms of the cursor.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { EventSource } from "eventsource";
import { EventSource as EventSource3 } from "eventsource-3";
import { EventSource as EventSource4 } from "eventsource-4";
import { createEventSource } from "eventsource-client";
import { createParser } from "eventsource-parser";
import { CutProxy } from "../support/cut-proxy.mjs";
import { startMillrace } from "../support/millrace-server.mjs";
import { until } from "../support/until.mjs";

// These are CommonJS, or say that they are modules and are not.
const require = createRequire(import.meta.url);
const { fetchEventSource } = require("@microsoft/fetch-event-source");
const { EventSourcePolyfill } = require("event-source-polyfill");
const { EventSource: LaunchDarklyEventSource } = require("launchdarkly-eventsource");
const { EventSource: ExtendedEventSource } = require("extended-eventsource");
const { EventSourcePlus } = require("event-source-plus");

/** Each begins to read and returns what ends it. `received(data, type)` */
const standard = (Client) => (url, received) => {
  const source = new Client(url);
  source.onmessage = ({ data }) => received(data);
  source.onerror = () => {}; // the polyfill throws if there is no listener
  return () => source.close();
};

const clients = {
  "eventsource 1": standard(require("eventsource-1")),
  "eventsource 2": standard(require("eventsource-2")),
  "eventsource 3": standard(EventSource3),
  "eventsource 4": standard(EventSource4),
  "eventsource 5": standard(EventSource),
  "event-source-polyfill": standard(EventSourcePolyfill),
  "launchdarkly-eventsource": standard(LaunchDarklyEventSource),
  "extended-eventsource": standard(ExtendedEventSource),
  "eventsource-client": (url, received) => {
    const client = createEventSource({ url, onMessage: ({ data, event }) => received(data, event) });
    return () => client.close();
  },
  "event-source-plus": (url, received) => {
    const ignore = () => {};
    const listener = {
      onMessage: ({ data, event }) => received(data, event),
      onResponseError: ignore,
      onRequestError: ignore,
    };
    const stream = new EventSourcePlus(url).listen(listener);
    return () => stream.abort();
  },
  "@microsoft/fetch-event-source": (url, received) => {
    const abort = new AbortController();
    const onmessage = ({ data, event }) => received(data, event);
    void fetchEventSource(url, { signal: abort.signal, openWhenHidden: true, onopen: async () => {}, onmessage });
    return () => abort.abort();
  },
};

// Microsoft's asks for both, wherever it runs.
globalThis.window ??= globalThis;
globalThis.document ??= { addEventListener() {}, removeEventListener() {} };

for (const [name, open] of Object.entries(clients)) {
  test(`${name} misses nothing and gets nothing twice, though it is cut off`, async (context) => {
    context.mock.method(console, "error", () => {}); // the polyfill tells it of each lost connection
    const server = await startMillrace("--retry", "100", "--heartbeat", "1");
    const proxy = await CutProxy.to(server.port);
    const received = [];
    // A client with one callback for all types is handed cursors, too, and can tell them.
    const close = open(`${proxy.origin}/events?topic=a`, (data, type) => {
      if (type !== "millrace.cursor") received.push(data);
    });
    // The client first: it would reconnect for ever.
    context.after(async () => {
      close();
      await proxy.close();
      await server.close();
    });
    const publishAway = async (data) => {
      await server.publish({ topic: "a", data });
      await until(() => received.at(-1) === data, `the event "${data}"`);
    };

    // Before its first event, once it has its first block: what came in between is the first event. That the proxy has
    // passed a block on does not say that the client has read it: it ends the connection behind it.
    await until(() => proxy.streams.at(-1)?.hasBlock, "the stream to be open");
    proxy.end();
    await publishAway("before any other");
    assert.notEqual(proxy.requestedFrom.at(-1), undefined);
    await server.publish([
      { topic: "a", data: "zwei\nZeilen, größer" },
      { topic: "a", data: "2" },
    ]);
    await until(() => received.length === 3, "two events");
    proxy.cut();
    await publishAway("while away");

    // After a heartbeat: only that carries the progress of the other topics.
    const [{ id }] = await server.publish({ topic: "other", data: "x" });
    await until(() => proxy.streams.at(-1).text.includes(`id: ${id}\n`), "a heartbeat");
    proxy.end();
    await publishAway("after a heartbeat");
    assert.equal(proxy.requestedFrom.at(-1), id);
    await server.publish({ topic: "a", data: "live again" });
    await until(() => received.at(-1) === "live again", "the last event");
    // That one keeps the last line of an event's data only.
    const lines = name === "event-source-plus" ? "Zeilen, größer" : "zwei\nZeilen, größer";
    assert.deepEqual(received, ["before any other", lines, "2", "while away", "after a heartbeat", "live again"]);
  });
}

// As the SDK of MCP does it: what has an ID moves its cursor, and only a `message` is handed on.
test("eventsource-parser hands out the cursor with its ID, from the first block on", async (context) => {
  const server = await startMillrace();
  context.after(() => server.close());
  for (const [form, expected] of [
    ["", ["millrace.cursor"]],
    ["&cursor=event", ["millrace.cursor"]],
    ["&cursor=id", []], // which it drops, as eventsource 3 and 4 do
    ["&cursor=none", []],
  ]) {
    const response = await fetch(`${server.events}?topic=a${form}`);
    const events = [];
    const parser = createParser({ onEvent: (event) => events.push(event) });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const { value } = await reader.read();
    parser.feed(value);
    assert.deepEqual(
      events.map(({ event }) => event),
      expected,
    );
    for (const { id } of events) assert.equal(id, response.headers.get("Last-Event-ID"));
    await reader.cancel();
  }
});
