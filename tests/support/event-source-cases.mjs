// What an EventSource does, as the standard has it: run with the package's class in Node.js and in Chromium, and with
// Chromium's own, which keeps the list honest.

import assert from "node:assert/strict";
import { always, cutOnRequest, eventStream, streams } from "./http-server.mjs";
import { interfaceCases } from "./interface-cases.mjs";

export const eventSourceCases = [
  {
    name: "open comes before data, and both with readyState 1",
    respond: always("data: a\nid: 1\n\n"),
    async run(EventSource, base, { record, until }) {
      const source = new EventSource(`${base}/stream`);
      const before = source.readyState;
      const lines = record(source);
      await until(() => lines.length === 2);
      source.close();
      return [before, ...lines, source.readyState];
    },
    expect: [0, "open 1", "message 1 a 1", 2],
  },
  {
    name: "asks for an event stream, uncached, and without an ID",
    respond: always("data: a\n\n"),
    async run(EventSource, base, { record, until }) {
      const source = new EventSource(`${base}/stream`);
      const lines = record(source);
      await until(() => lines.length === 2);
      source.close();
    },
    expect: undefined,
    requests([{ method, headers }]) {
      assert.equal(method, "GET");
      assert.equal(headers.accept, "text/event-stream");
      assert.equal(headers["cache-control"], "no-cache"); // what fetch sends for the cache mode `no-store`
      assert.equal("last-event-id" in headers, false);
    },
  },
  {
    name: "named events go to their listeners, others to message; the type is the event's",
    respond: always("event: x\ndata: a\n\nevent:\ndata: b\n\nevent: y\ndata: c\n\nevent: x\ndata: d\n\n"),
    async run(EventSource, base, { record, until }) {
      const source = new EventSource(`${base}/stream`);
      const lines = record(source, "x");
      await until(() => lines.length === 4);
      source.close();
      return lines;
    },
    expect: ["open 1", "x 1 a", "message 1 b", "x 1 d"],
  },
  {
    name: "a message carries data, lastEventId, origin, and no source or ports",
    respond: always("data: a\ndata: b\nid: 7\n\n"),
    async run(EventSource, base) {
      const source = new EventSource(`${base}/stream`);
      const event = await new Promise((resolve) => {
        source.onmessage = resolve;
      });
      source.close();
      const { type, data, lastEventId, origin, ports, bubbles, cancelable, target } = event;
      return [
        type,
        data,
        lastEventId,
        origin === base,
        event.source,
        ports.length,
        bubbles,
        cancelable,
        target === source,
      ];
    },
    expect: ["message", "a\nb", "7", true, null, 0, false, false, true],
  },
  {
    name: "comes back after the end of the stream, after the server's delay, with the last event ID",
    respond: streams("retry: 30\nid: 1\ndata: a\n\n", { body: "data: b\n\n", open: true }),
    async run(EventSource, base, { record, until }) {
      const source = new EventSource(`${base}/stream`);
      const lines = record(source);
      await until(() => lines.length === 5);
      source.close();
      return lines;
    },
    expect: ["open 1", "message 1 a 1", "error 0", "open 1", "message 1 b 1"],
    requests(requests) {
      assert.deepEqual(
        requests.map(({ headers }) => headers["last-event-id"]),
        [undefined, "1"],
      );
    },
  },
  {
    name: "an ID without data counts for the reconnection, an unfinished block does not",
    respond: streams("retry: 30\nid: 1\n\nid: 2\ndata: never finished\n", { body: "data: b\n\n", open: true }),
    async run(EventSource, base, { record, until }) {
      const source = new EventSource(`${base}/stream`);
      const lines = record(source);
      await until(() => lines.length === 4);
      source.close();
      return lines;
    },
    expect: ["open 1", "error 0", "open 1", "message 1 b 1"],
    requests(requests) {
      assert.equal(requests[1].headers["last-event-id"], "1");
    },
  },
  {
    name: "sends an ID back as UTF-8",
    respond: streams("retry: 30\nid: grüße-界\n\n", { body: "data: b\n\n", open: true }),
    async run(EventSource, base, { record, until }) {
      const source = new EventSource(`${base}/stream`);
      const lines = record(source);
      await until(() => lines.length === 4);
      source.close();
      return lines[3];
    },
    expect: "message 1 b grüße-界",
    requests(requests) {
      assert.equal(Buffer.from(requests[1].headers["last-event-id"], "latin1").toString(), "grüße-界");
    },
  },
  {
    name: "comes back when the connection breaks in the middle of an event",
    respond: cutOnRequest("retry: 30\nid: 1\ndata: a\n\ndata: half", "data: b\n\n"),
    async run(EventSource, base, { record, until }) {
      const source = new EventSource(`${base}/stream`);
      const lines = record(source);
      await until(() => lines.length === 2);
      await fetch(`${base}/cut`);
      await until(() => lines.length === 5);
      source.close();
      return lines;
    },
    expect: ["open 1", "message 1 a 1", "error 0", "open 1", "message 1 b 1"],
  },
  ...[
    ["204 ends it for good", { status: 204, headers: {} }],
    ["500 fails it for good", { status: 500 }],
    ["404 fails it for good, and its body is no event", { status: 404, body: "data: a\n\n" }],
    ["another MIME type fails it for good", { headers: { "Content-Type": "text/plain" }, body: "data: a\n\n" }],
    ["a MIME type that only begins alike fails it", { headers: { "Content-Type": "text/event-streams" } }],
    ["no MIME type fails it for good", { headers: {} }],
  ].map(([name, answer]) => ({
    name,
    respond: streams({ body: "", ...answer }),
    async run(EventSource, base, { record, until }) {
      const source = new EventSource(`${base}/stream`);
      const lines = record(source);
      await until(() => lines.length === 1);
      return lines;
    },
    expect: ["error 2"],
    requests(requests) {
      assert.equal(requests.length, 1);
    },
  })),
  {
    name: "the MIME type's case and parameters do not matter",
    respond: streams({
      body: "data: a\n\n",
      open: true,
      headers: { "Content-Type": "Text/Event-Stream;charset=utf-8" },
    }),
    async run(EventSource, base, { record, until }) {
      const source = new EventSource(`${base}/stream`);
      const lines = record(source);
      await until(() => lines.length === 2);
      source.close();
      return lines;
    },
    expect: ["open 1", "message 1 a"],
  },
  {
    name: "204 on a reconnection ends it for good",
    respond: streams("retry: 30\ndata: a\n\n"),
    async run(EventSource, base, { record, until }) {
      const source = new EventSource(`${base}/stream`);
      const lines = record(source);
      await until(() => lines.length === 4);
      return lines;
    },
    expect: ["open 1", "message 1 a", "error 0", "error 2"],
    requests(requests) {
      assert.equal(requests.length, 2);
    },
  },
  {
    name: "follows redirects each time anew, and the origin is that of the last one",
    respond(request, response, count) {
      if (request.url === "/stream") {
        const scheme = request.socket.encrypted ? "https" : "http";
        const elsewhere = `${scheme}://localhost:${request.socket.localPort}/stream/target`;
        response.writeHead(307, { Location: elsewhere, "Access-Control-Allow-Origin": "*" }).end();
        return;
      }
      response.writeHead(200, { ...eventStream, "Access-Control-Allow-Origin": "*" });
      if (count === 2) response.end("retry: 30\ndata: a\n\n");
      else response.write("data: b\n\n");
    },
    async run(EventSource, base, { until }) {
      const source = new EventSource(`${base}/stream`);
      const events = [];
      source.onmessage = ({ data, origin }) => events.push([data, origin === base.replace("127.0.0.1", "localhost")]);
      await until(() => events.length === 2);
      const { url } = source;
      source.close();
      return [...events, url === `${base}/stream`];
    },
    expect: [["a", true], ["b", true], true],
    requests(requests) {
      assert.deepEqual(
        requests.map(({ url }) => url),
        ["/stream", "/stream/target", "/stream", "/stream/target"],
      );
    },
  },
  {
    name: "close() in a listener stops what has come already",
    respond: always("data: a\n\ndata: b\n\ndata: c\n\n"),
    async run(EventSource, base, { record, until }) {
      const source = new EventSource(`${base}/stream`);
      const lines = record(source);
      source.addEventListener("message", () => source.close());
      await until(() => source.readyState === 2);
      const other = new EventSource(`${base}/stream`);
      await until(() => other.readyState === 1); // meanwhile, the rest of the first would have come
      other.close();
      return lines;
    },
    expect: ["open 1", "message 1 a"],
  },
  {
    name: "close() in onopen keeps all data away",
    respond: always("data: a\n\n"),
    async run(EventSource, base, { record, until }) {
      const source = new EventSource(`${base}/stream`);
      const lines = record(source);
      source.onopen = () => source.close();
      await until(() => source.readyState === 2);
      const other = new EventSource(`${base}/stream`);
      await until(() => other.readyState === 1);
      other.close();
      return lines;
    },
    expect: ["open 1"],
  },
  {
    name: "close() in onerror keeps it from coming back",
    respond: streams(
      "retry: 10\ndata: a\n\n",
      { body: "data: b\n\n", open: true },
      { body: "data: c\n\n", open: true },
    ),
    async run(EventSource, base, { record, until }) {
      const source = new EventSource(`${base}/stream`);
      const lines = record(source);
      source.onerror = () => source.close();
      await until(() => source.readyState === 2);
      const other = new EventSource(`${base}/stream?other`);
      const others = record(other);
      await until(() => others.length === 2);
      other.close();
      return [...lines, ...others];
    },
    expect: ["open 1", "message 1 a", "error 0", "open 1", "message 1 b"],
  },
  {
    name: "close() before the first byte is quiet",
    respond: always("data: a\n\n"),
    async run(EventSource, base, { record, until }) {
      const source = new EventSource(`${base}/stream`);
      const lines = record(source);
      source.close();
      source.close();
      const other = new EventSource(`${base}/stream`);
      await until(() => other.readyState === 1);
      other.close();
      return [source.readyState, ...lines];
    },
    expect: [2],
  },
  {
    name: "an event named error or open is a MessageEvent, and changes nothing",
    respond: always("event: error\ndata: a\n\nevent: open\ndata: b\n\ndata: c\n\n"),
    async run(EventSource, base, { until }) {
      const source = new EventSource(`${base}/stream`);
      const seen = [];
      source.onopen = (event) => seen.push(["open", event instanceof MessageEvent, event.data, source.readyState]);
      source.onerror = (event) => seen.push(["error", event instanceof MessageEvent, event.data, source.readyState]);
      source.onmessage = (event) => seen.push(["message", true, event.data, source.readyState]);
      await until(() => seen.length === 4);
      source.close();
      return seen.map(([type, isMessage, data, state]) => `${type} ${isMessage} ${data} ${state}`);
    },
    expect: ["open false undefined 1", "error true a 1", "open true b 1", "message true c 1"],
  },
  {
    name: "handlers are replaced in place, removed by null, and take only what can be one",
    respond: always("data: a\n\n"),
    async run(EventSource, base, { until }) {
      const source = new EventSource(`${base}/stream`);
      const order = [];
      const initial = [source.onopen, source.onmessage, source.onerror];
      source.onmessage = () => order.push("replaced");
      source.addEventListener("message", () => order.push("listener"));
      const handler = function () {
        order.push(this === source ? "handler" : "wrong this");
      };
      source.onmessage = handler;
      source.onopen = () => order.push("removed");
      source.onopen = null;
      source.onerror = 5;
      const object = {};
      const kept = [source.onmessage === handler, source.onopen, source.onerror];
      source.onerror = object;
      kept.push(source.onerror === object);
      source.onerror = "text";
      kept.push(source.onerror);
      await until(() => order.length === 2);
      source.close();
      return [initial, kept, order];
    },
    expect: [
      [null, null, null],
      [true, null, null, true, null],
      ["handler", "listener"],
    ],
  },
  ...interfaceCases,
  {
    name: "a listener added after one event has been awaited misses none that came with it",
    respond: always("data: a\n\ndata: b\n\ndata: c\n\n"),
    async run(EventSource, base) {
      const source = new EventSource(`${base}/stream`);
      const next = async (handler) =>
        new Promise((resolve) => {
          source[handler] = resolve;
        });
      const seen = [(await next("onopen")).type];
      for (let i = 0; i < 3; i++) seen.push((await next("onmessage")).data);
      source.close();
      return seen;
    },
    expect: ["open", "a", "b", "c"],
  },
  {
    name: "the server's reconnection time is waited for",
    respond: streams("retry: 400\ndata: a\n\n", { body: "data: b\n\n", open: true }),
    async run(EventSource, base) {
      const source = new EventSource(`${base}/stream`);
      // From what came before the loss: `error` may be told late where the machine is busy.
      let before;
      await new Promise((resolve) => {
        source.onmessage = ({ data }) => {
          if (data === "b") resolve();
          else before = performance.now();
        };
      });
      source.close();
      const wait = performance.now() - before;
      return wait >= 399 ? "not before" : wait;
    },
    expect: "not before",
  },
  {
    name: "where no attempt would be another, there is only one",
    respond: always(""),
    async run(EventSource) {
      const states = [];
      for (const url of ["ftp://x.test/", "about:blank", "mailto:x@y.test", "javascript:alert('no')"]) {
        const source = new EventSource(url);
        await new Promise((resolve) => {
          source.onerror = resolve;
        });
        states.push(source.readyState);
      }
      return states;
    },
    expect: [2, 2, 2, 2],
  },
];
