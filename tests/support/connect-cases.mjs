// What connect() does over every transport: run over fetch in Node.js, and over fetch and native in Chromium. The function
// under test takes connect()'s parameters and fills in the transport.

import assert from "node:assert/strict";
import { cutOnRequest, streams, tellWhenClosed } from "./http-server.mjs";

/** What the client wants to go on from: the header goes before the parameter. */
export function lastEventIdOf({ headers, url }) {
  return headers["last-event-id"] ?? new URL(url, "http://x").searchParams.get("lastEventId") ?? undefined;
}

export const connectCases = [
  {
    name: "iterates over the events in order, until the server says 204",
    respond: streams("retry: 20\nid: 1\ndata: a\n\ndata: b1\ndata: b2\n\n", "id: 3\ndata: c\n\n"),
    async run(connect, base, { take }) {
      const connection = connect(`${base}/stream`);
      const events = await take(connection);
      return [events, connection.readyState, connection.lastEventId];
    },
    expect: [["message a 1", "message b1\nb2 1", "message c 3"], 2, "3"],
    requests(requests) {
      // Over native there is one more: why the browser has given up, it does not say.
      assert.deepEqual([...new Set(requests.map(lastEventIdOf))], [undefined, "1", "3"]);
    },
  },
  {
    // Over native, which would not show it, the topic is not asked for.
    name: "adds topics to the URL, and asks for that of each event",
    respond: streams({ body: "data: a\n\n", open: true }),
    async run(connect, base, { take }) {
      const connection = connect(`${base}/stream?x=1`, { topics: ["a/b", "c d"] });
      await take(connection, 1);
      const fields = connection.transport === "native" ? "" : "&fields=topic";
      return connection.url === `${base}/stream?x=1&topic=a%2Fb&topic=c+d${fields}`;
    },
    expect: true,
    requests([{ url }]) {
      assert.match(url.replace("&mode=poll", ""), /^\/stream\?x=1&topic=a%2Fb&topic=c\+d(&fields=topic)?$/);
    },
  },
  {
    name: "delivers the requested types, and gaps always",
    respond: streams({
      body: "event: x\ndata: a\n\ndata: not wanted\n\nevent: millrace.gap\ndata: {}\n\nevent: y\ndata: b\n\n",
      open: true,
    }),
    async run(connect, base, { take }) {
      return take(connect(`${base}/stream`, { types: ["x", "y"] }), 3);
    },
    expect: ["x a", "millrace.gap {}", "y b"],
  },
  {
    name: "goes on from a given ID",
    respond: streams({ body: "data: a\n\n", open: true }),
    async run(connect, base, { take }) {
      const connection = connect(`${base}/stream`, { lastEventId: "grüße-7" });
      return [connection.lastEventId, ...(await take(connection, 1)).map((line) => line.split(" ")[1])];
    },
    expect: ["grüße-7", "a"],
    requests([request]) {
      const id = lastEventIdOf(request);
      assert.ok([id, Buffer.from(id, "latin1").toString()].includes("grüße-7"), id);
    },
  },
  {
    name: "comes back when the connection breaks, and hands out nothing that was incomplete",
    respond: cutOnRequest("retry: 20\nid: 1\ndata: a\n\nid: 2\ndata: half", "id: 2\ndata: b\n\n"),
    async run(connect, base, { until }) {
      const connection = connect(`${base}/stream`);
      const states = [];
      const note = (event) => states.push(`${event.type} ${connection.readyState}`);
      connection.addEventListener("open", note);
      connection.addEventListener("error", (event) => {
        note(event);
        states.push(event.reason, typeof event.status, event.reconnectIn > 0);
      });
      const data = [];
      for await (const event of connection) {
        data.push(event.data);
        if (event.data === "a") await fetch(`${base}/cut`);
        else break;
      }
      await until(() => connection.readyState === 2);
      return [data, states];
    },
    expect: [
      ["a", "b"],
      ["open 1", "error 0", "network-error", "number", true, "open 1"],
    ],
  },
  ...[
    ["501 ends it, and the iteration throws the status", { status: 501 }, ["ConnectionError", "status", 501]],
    ["404 ends it, and the iteration throws the status", { status: 404 }, ["ConnectionError", "status", 404]],
    [
      "another MIME type ends it, and the iteration says so",
      { headers: { "Content-Type": "text/html" } },
      ["ConnectionError", "content-type", 200],
    ],
  ].map(([name, answer, error]) => ({
    name,
    respond: (_request, response) => response.writeHead(answer.status ?? 200, answer.headers).end(),
    async run(connect, base, { take }) {
      const connection = connect(`${base}/stream`);
      const errors = [];
      connection.addEventListener("error", ({ reason, reconnectIn }) => errors.push(reason, reconnectIn));
      const thrown = await take(connection).catch(({ name, reason, status }) => [name, reason, status]);
      return [thrown, ...errors, connection.readyState];
    },
    expect: [error, error[1], null, 2],
  })),
  {
    name: "204 at once ends it without an event, and without an error thrown",
    respond: streams(),
    async run(connect, base, { take }) {
      const connection = connect(`${base}/stream`);
      const errors = [];
      connection.addEventListener("error", ({ reason, status }) => errors.push(reason, status));
      return [await take(connection), errors];
    },
    expect: [[], ["status", 204]],
  },
  {
    name: "leaving the loop closes the connection",
    respond: tellWhenClosed("data: a\n\ndata: b\n\n"),
    async run(connect, base) {
      const connection = connect(`${base}/stream`);
      for await (const _ of connection) break;
      const after = await connection[Symbol.asyncIterator]().next();
      const seen = await fetch(`${base}/closed`);
      return [connection.readyState, after.done, await seen.text()];
    },
    expect: [2, true, "closed"],
  },
  {
    name: "close() ends a loop that waits",
    respond: streams({ body: "data: a\n\n", open: true }),
    async run(connect, base) {
      const connection = connect(`${base}/stream`);
      let count = 0;
      for await (const _ of connection) {
        count += 1;
        setTimeout(() => connection.close(), 5);
      }
      return [count, connection.readyState];
    },
    expect: [1, 2],
  },
  {
    name: "the signal ends it, and the iteration throws the signal's reason",
    respond: streams({ body: "data: a\n\ndata: b\n\n", open: true }),
    async run(connect, base) {
      const controller = new AbortController();
      const connection = connect(`${base}/stream`, { signal: controller.signal });
      const data = [];
      try {
        for await (const event of connection) {
          data.push(event.data);
          controller.abort(new Error("enough"));
        }
      } catch (error) {
        data.push(error.message);
      }
      return [data, connection.readyState];
    },
    expect: [["a", "enough"], 2],
  },
  {
    name: "a signal that was aborted before lets nothing out",
    respond: streams({ body: "data: a\n\n", open: true }),
    async run(connect, base, { take }) {
      const signal = AbortSignal.abort(new Error("never"));
      const connection = connect(`${base}/stream`, { signal });
      return [connection.readyState, await take(connection).catch(({ message }) => message)];
    },
    expect: [2, "never"],
    requests(requests) {
      assert.equal(requests.length, 0);
    },
  },
  {
    name: "decodes JSON, and says which event is not",
    respond: streams({ body: 'data: {"a":\ndata: [1, null]}\n\nid: 9\ndata: {oops\n\n', open: true }),
    async run(connect, base) {
      const connection = connect(`${base}/stream`, { decode: "json" });
      const data = [];
      try {
        for await (const event of connection) data.push(event.data);
      } catch (error) {
        data.push(error.name, /type "message", ID "9"/.test(error.message));
      }
      return [data, connection.readyState];
    },
    expect: [[{ a: [1, null] }, "SyntaxError", true], 2],
  },
];
