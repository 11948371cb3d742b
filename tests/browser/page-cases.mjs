// What only a page has, in the form of cases.mjs: other origins, policies, the native transport, pages that are hidden or kept.

import assert from "node:assert/strict";
import { once } from "node:events";
import { lastEventIdOf } from "../support/connect-cases.mjs";
import { eventStream, streams, tellWhenClosed } from "../support/http-server.mjs";

export const throwingListener = {
  name: "a listener that throws is reported to the page, and the stream goes on",
  respond: streams({ body: "data: a\n\ndata: b\n\n", open: true }),
  async run(EventSource, base, { record, until }) {
    const reported = [];
    addEventListener("error", (event) => {
      event.preventDefault();
      reported.push(event.error.message);
    });
    const source = new EventSource(`${base}/stream`);
    source.onmessage = ({ data }) => {
      throw new Error(`in the listener: ${data}`);
    };
    const lines = record(source);
    await until(() => lines.length === 3);
    source.close();
    return [lines, reported];
  },
  expect: [
    ["open 1", "message 1 a", "message 1 b"],
    ["in the listener: a", "in the listener: b"],
  ],
};

export const messageEvent = {
  name: "a message is a MessageEvent in all that can be seen",
  respond: streams({ body: "id: 1\ndata: a\n\n", open: true }),
  async run(EventSource, base) {
    const source = new EventSource(`${base}/stream`);
    const event = await new Promise((resolve) => {
      source.onmessage = resolve;
    });
    source.close();
    // As a listener finds it; `initMessageEvent` is only for programs that make events.
    const own = new MessageEvent("message", { data: "a", lastEventId: "1", origin: base });
    const differing = [];
    for (const name in own) {
      const values = [event, own].map((of) =>
        typeof of[name] === "function" ? typeof of[name] : JSON.stringify(of[name]),
      );
      if (!(name in event) || values[0] !== values[1]) differing.push(name);
    }
    for (const name in event) if (!(name in own)) differing.push(name);
    const again = await new Promise((resolve) => {
      const other = new EventTarget();
      other.addEventListener("message", resolve);
      setTimeout(() => other.dispatchEvent(event)); // when its own dispatch has ended
    });
    const copy = new MessageEvent("copy", event);
    return [
      differing.filter((name) => !/^(isTrusted|timeStamp|srcElement|eventPhase|initMessageEvent)$|target$/i.test(name)),
      event instanceof MessageEvent && event.constructor === MessageEvent && `${event}` === `${own}`,
      Object.isFrozen(event.ports) && again === event && copy.data === "a" && copy.lastEventId === "1",
    ];
  },
  expect: [[], true, true],
};

/** Another origin than the page's, which allows only what `allow` says. */
const elsewhere = (allow) => (request, response) => {
  if (request.headers.host.startsWith("127.")) response.writeHead(404).end();
  else response.writeHead(200, { ...eventStream, ...allow }).write("data: a\n\n");
};
const toElsewhere = async (EventSource, base, { record, until }) => {
  const source = new EventSource(`${base.replace("127.0.0.1", "localhost")}/stream`);
  const lines = record(source);
  await until(() => lines.length === 2 || source.readyState === 2);
  source.close();
  return lines;
};
export const crossOriginCases = [
  {
    name: "another origin that allows it is read",
    respond: elsewhere({ "Access-Control-Allow-Origin": "*" }),
    run: toElsewhere,
    expect: ["open 1", "message 1 a"],
  },
  {
    name: "another origin that does not allow it fails it for good",
    respond: elsewhere({}),
    run: toElsewhere,
    expect: ["error 2"],
  },
  {
    name: "another origin that allows someone else fails it for good",
    respond: elsewhere({ "Access-Control-Allow-Origin": "http://example.test" }),
    run: toElsewhere,
    expect: ["error 2"],
  },
];

/** Whether each of three errors says what may be forbidden. */
async function hints(connect, base, { until }) {
  const said = [];
  const url = `${base.replace("127.0.0.1", "localhost")}/stream`;
  const connection = connect(url, { retry: { base: 10, max: 10 } });
  connection.addEventListener("error", ({ message, reconnectIn }) => {
    said.push(/CORS or the Content-Security-Policy forbids it/.test(message) && reconnectIn !== null);
  });
  await until(() => said.length === 3);
  connection.close();
  return said;
}
export const hintCases = [
  {
    name: "another origin that does not allow it: says once that CORS may be the reason",
    respond: elsewhere({}),
    run: hints,
    expect: [true, false, false],
  },
  {
    name: "a policy that does not allow it: says once that the policy may be the reason",
    respond: elsewhere({ "Access-Control-Allow-Origin": "*" }),
    page: { "Content-Security-Policy": "connect-src 'self'" },
    run: hints,
    expect: [true, false, false],
  },
];
const forbiddenByPolicy = (name, host) => ({
  name: `${name} that the page's policy forbids: the error says so, and that it comes back`,
  respond: elsewhere({ "Access-Control-Allow-Origin": "*" }),
  page: { "Content-Security-Policy": "connect-src 'none'" },
  run: `async (EventSource, base) => {
    const source = new EventSource(\`\${base.replace("127.0.0.1", "${host}")}/stream\`);
    const { message } = await new Promise((resolve) => source.addEventListener("error", resolve));
    const state = source.readyState;
    source.close();
    return [state, /the Content-Security-Policy forbids it/.test(message)];
  }`,
  expect: [0, true],
});
export const policyCases = [
  forbiddenByPolicy("another origin", "localhost"),
  forbiddenByPolicy("its own origin", "127.0.0.1"),
];

/**
 * Events numbered up to `total`, from the one after the ID that the client names on, with so many characters behind the number.
 * `/closed` waits for the first connection to go.
 */
function numbered(total, withIds, characters = 0) {
  let closed;
  return (request, response, count) => {
    if (request.url === "/closed") {
      closed.then(() => response.end());
      return;
    }
    if (count === 1) closed = once(response, "close");
    response.writeHead(200, eventStream);
    for (let i = Number(lastEventIdOf(request) ?? -1) + 1; i < total; i++) {
      response.write(`${withIds ? `id: ${i}\n` : ""}data: ${i}${"x".repeat(characters)}\n\n`);
    }
    response.write("event: end\ndata:\n\n");
  };
}

export const nativeCases = [
  {
    name: "a slow consumer has the connection closed and made again, and misses nothing",
    respond: numbered(3000, true),
    async run(connect, base, { until }) {
      const connection = connect(`${base}/stream`, { types: ["message", "end"] });
      let losses = 0;
      connection.addEventListener("error", () => {
        losses += 1;
      });
      const iterator = connection[Symbol.asyncIterator]();
      await iterator.next();
      await fetch(`${base}/closed`); // nothing more is taken until it has been given up
      let next = 1;
      for await (const { type, data } of connection) {
        if (type === "end") break;
        if (Number(data) !== next) return `${data} came instead of ${next}`;
        next += 1;
      }
      await until(() => connection.readyState === 2);
      return [next, losses >= 1];
    },
    expect: [3000, true],
  },
  {
    name: "what waits is bounded in characters, too",
    respond: numbered(5, true, 10_000_000),
    async run(connect, base) {
      const connection = connect(`${base}/stream`, { types: ["message", "end"], retry: { base: 20 } });
      const iterator = connection[Symbol.asyncIterator]();
      const seen = [(await iterator.next()).value.data[0]];
      await fetch(`${base}/closed`); // nothing more is taken until it has been given up
      for await (const { type, data } of connection) {
        if (type === "end") break;
        seen.push(data[0]);
      }
      return seen.join("");
    },
    expect: "01234",
  },
  {
    name: "a slow consumer of events without IDs is told that they cannot be held back",
    respond: numbered(3000, false),
    async run(connect, base, { until }) {
      const connection = connect(`${base}/stream`, { types: ["message", "end"] });
      await until(() => connection.readyState === 2);
      let count = 0;
      try {
        for await (const _ of connection) count += 1;
      } catch ({ name, reason }) {
        return [count, name, reason];
      }
    },
    expect: [1024, "ConnectionError", "overrun"],
  },
  {
    name: "where the browser gives up over what has passed, a new one is made from the last ID",
    respond: streams(
      "retry: 20\nid: 1\ndata: a\n\n",
      { status: 503 },
      { body: "", open: true }, // to our own request, which asks why
      { body: "id: 2\ndata: b\n\n", open: true },
    ),
    run: (connect, base, { take }) => take(connect(`${base}/stream`), 2),
    expect: ["message a 1", "message b 2"],
    requests(requests) {
      assert.deepEqual(requests.map(lastEventIdOf), [undefined, "1", "1", "1"]);
      assert.equal(requests[3].url, "/stream?lastEventId=1");
    },
  },
  {
    name: "one that goes silent is made again from the last ID",
    respond: streams({ body: "retry: 20\nid: 1\ndata: a\n\n", open: true }, { body: "id: 2\ndata: b\n\n", open: true }),
    run: (connect, base, { take }) => take(connect(`${base}/stream`, { idleTimeout: 2000, retry: { base: 20 } }), 2),
    expect: ["message a 1", "message b 2"],
    requests(requests) {
      assert.equal(requests[1].url, "/stream?lastEventId=1");
    },
  },
  {
    name: "an event named open or error, asked for by its type, is an event and no change of state",
    respond: streams({ body: "event: error\ndata: a\n\nevent: open\ndata: b\n\n", open: true }),
    async run(connect, base, { take }) {
      const connection = connect(`${base}/stream`, { types: ["open", "error"] });
      const states = [];
      for (const type of ["open", "error"]) connection.addEventListener(type, ({ type }) => states.push(type));
      return [await take(connection, 2), states];
    },
    expect: [["error a", "open b"], ["open"]],
  },
];

export const overOther = (transport) => ({
  name: `its third argument has it work over ${transport}, types that are listened for late included`,
  respond: streams("retry: 20\nid: 1\ndata: a\n\nevent: late\ndata: b\n\n", {
    body: "id: 2\ndata: c\n\nevent: late\ndata: d\n\n",
    open: true,
  }),
  run: `async (EventSource, base, { record, until }) => {
    const source = new EventSource(\`\${base}/stream\`, {}, { transport: "${transport}" });
    const lines = record(source);
    await until(() => lines.length >= 2);
    source.addEventListener("late", ({ data }) => lines.push("late " + data));
    await until(() => lines.includes("late d"));
    source.close();
    return lines.filter((line) => !line.startsWith("error") && line !== "late b");
  }`,
  expect: ["open 1", "message 1 a 1", "open 1", "message 1 c 2", "late d"],
});

export const cachedPage = {
  name: "no connection while the page is in the back/forward cache, and on from the last ID when it is taken out",
  respond: tellWhenClosed("id: 1\ndata: a\n\n"),
  async run(EventSource, base, { record, until }) {
    const turn = (type) => dispatchEvent(new PageTransitionEvent(type, { persisted: true }));
    const source = new EventSource(`${base}/stream`);
    const lines = record(source);
    await until(() => lines.length === 2);
    turn("pagehide");
    await fetch(`${base}/closed`);
    const aside = source.readyState;
    turn("pageshow");
    await until(() => lines.length === 4);
    source.close();
    turn("pagehide");
    turn("pageshow");
    return [aside, lines, source.readyState];
  },
  expect: [0, ["open 1", "message 1 a 1", "open 1", "message 1 a 1"], 2],
  requests(requests) {
    assert.deepEqual(requests.map(lastEventIdOf), [undefined, "1"]);
  },
};

export const cachedElsewhere = {
  name: "a page back from the back/forward cache sends another origin the last event ID as a header",
  respond(request, response) {
    const allow = { "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "Last-Event-ID" };
    if (request.headers.host.startsWith("127.")) response.writeHead(404).end();
    else if (request.method === "OPTIONS") response.writeHead(204, allow).end();
    else response.writeHead(200, { ...eventStream, ...allow }).write("id: 1\ndata: a\n\n");
  },
  async run(EventSource, base, { record, until }) {
    const turn = (type) => dispatchEvent(new PageTransitionEvent(type, { persisted: true }));
    const source = new EventSource(`${base.replace("127.0.0.1", "localhost")}/stream`);
    const lines = record(source);
    await until(() => lines.length === 2);
    turn("pagehide");
    turn("pageshow");
    await until(() => lines.length === 4);
    source.close();
    return lines;
  },
  expect: ["open 1", "message 1 a 1", "open 1", "message 1 a 1"],
  requests(requests) {
    const streamed = requests.filter(({ method }) => method === "GET");
    assert.deepEqual(
      streamed.map(({ url, headers }) => [url, headers["last-event-id"]]),
      [
        ["/stream", undefined],
        ["/stream", "1"],
      ],
    );
  },
};

export const onlineAgain = {
  name: "a wait for the network ends when the browser is online again",
  respond: streams("retry: 3600000\nid: 1\ndata: a\n\n", { body: "id: 2\ndata: b\n\n", open: true }),
  async run(EventSource, base, { record, until }) {
    const source = new EventSource(`${base}/stream`);
    const lines = record(source);
    source.onerror = () => dispatchEvent(new Event("online"));
    await until(() => lines.length === 5);
    source.close();
    return lines;
  },
  expect: ["open 1", "message 1 a 1", "error 0", "open 1", "message 1 b 2"],
};

export const pageCases = [
  {
    name: "no connection while the page is hidden, and on from the last ID when it is seen",
    respond: tellWhenClosed("id: 1\ndata: a\n\n"),
    async run(connect, base) {
      let state = "visible";
      Object.defineProperty(document, "visibilityState", { get: () => state });
      const turn = (to) => {
        state = to;
        document.dispatchEvent(new Event("visibilitychange"));
      };
      const connection = connect(`${base}/stream`, { whenHidden: "close" });
      const events = connection[Symbol.asyncIterator]();
      await events.next();
      turn("hidden");
      await fetch(`${base}/closed`);
      const hidden = connection.readyState;
      turn("visible");
      await events.next();
      connection.close();
      return hidden;
    },
    expect: 0,
    requests(requests) {
      assert.deepEqual(requests.map(lastEventIdOf), [undefined, "1"]);
    },
  },
  {
    name: "a wait for the network ends when the browser is online again",
    respond: streams("retry: 3600000\nid: 1\ndata: a\n\n", { body: "id: 2\ndata: b\n\n", open: true }),
    async run(connect, base, { take }) {
      const connection = connect(`${base}/stream`);
      connection.addEventListener("error", () => dispatchEvent(new Event("online")));
      return take(connection, 2);
    },
    expect: ["message a 1", "message b 2"],
  },
];
