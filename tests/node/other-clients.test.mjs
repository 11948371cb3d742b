// The clients that people have already, against the real server: each gets every event once and in order, those that
// were published while it was away among them.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { EventSource } from "eventsource";
import { createEventSource } from "eventsource-client";
import { serverBehindProxy } from "../support/resume-case.mjs";
import { until } from "../support/until.mjs";

// These are CommonJS, or say that they are modules and are not.
const require = createRequire(import.meta.url);
const { fetchEventSource } = require("@microsoft/fetch-event-source");
const { EventSourcePolyfill } = require("event-source-polyfill");
const { EventSource: LaunchDarklyEventSource } = require("launchdarkly-eventsource");

/** Each begins to read and returns what ends it. */
const standard = (Client) => (url, opened, received) => {
  const source = new Client(url);
  source.onopen = opened;
  source.onmessage = ({ data }) => received(data);
  source.onerror = () => {}; // the polyfill throws where nobody listens
  return () => source.close();
};

const clients = {
  eventsource: standard(EventSource),
  "event-source-polyfill": standard(EventSourcePolyfill),
  "launchdarkly-eventsource": standard(LaunchDarklyEventSource),
  "eventsource-client": (url, opened, received) => {
    const client = createEventSource({ url, onConnect: opened, onMessage: ({ data }) => received(data) });
    return () => client.close();
  },
  // It takes a block without data, such as the one that brings the first ID, for a message with an empty one.
  "@microsoft/fetch-event-source": (url, opened, received) => {
    const abort = new AbortController();
    void fetchEventSource(url, {
      signal: abort.signal,
      openWhenHidden: true,
      onopen: async () => opened(),
      onmessage: ({ data }) => data && received(data),
    });
    return () => abort.abort();
  },
};

// Microsoft's asks for both, wherever it runs.
globalThis.window ??= globalThis;
globalThis.document ??= { addEventListener() {}, removeEventListener() {} };

for (const [name, open] of Object.entries(clients)) {
  test(`${name} misses nothing and gets nothing twice, though it is cut off`, async (context) => {
    context.mock.method(console, "error", () => {}); // the polyfill tells it of each lost connection
    const { server, proxy } = await serverBehindProxy(context);
    const received = [];
    let isOpen = false;
    const close = open(
      `${proxy.origin}/events?topic=a`,
      () => {
        isOpen = true;
      },
      (data) => received.push(data),
    );
    context.after(close);
    await until(() => isOpen, "the stream to be open");
    await server.publish([
      { topic: "a", data: "zwei\nZeilen, größer" },
      { topic: "a", data: "2" },
    ]);
    await until(() => received.length === 2, "two events");
    proxy.cut();
    await server.publish({ topic: "a", data: "while away" });
    await until(() => received.length === 3, "the event of the time between");
    await server.publish({ topic: "a", data: "live again" });
    await until(() => received.length === 4, "the event after it");
    assert.deepEqual(received, ["zwei\nZeilen, größer", "2", "while away", "live again"]);
  });
}
