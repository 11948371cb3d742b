// The package's EventSource in Node.js.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { EventSource } from "millrace";
import { EventSource as EventSourceOfBrowsers } from "../../client-wasm/dist/index.js";
import { runInNode } from "../support/cases.mjs";
import { eventSourceCases } from "../support/event-source-cases.mjs";
import { serve, streams } from "../support/http-server.mjs";

runInNode(eventSourceCases, EventSource);
runInNode(eventSourceCases, EventSourceOfBrowsers, "the browsers' build: ");

test("its messages are the platform's MessageEvents in all that can be seen", async (context) => {
  const server = await serve(streams({ body: "id: 1\ndata: a\n\n", open: true }));
  context.after(() => server.close());
  const source = new EventSource(server.origin);
  const again = new EventTarget();
  const [event, seenAgain] = await new Promise((resolve) => {
    source.onmessage = (event) => {
      again.addEventListener("message", (again) => resolve([event, again]));
      queueMicrotask(() => again.dispatchEvent(event));
    };
  });
  source.close();
  const { origin } = new URL(server.origin);
  const own = new MessageEvent("message", { data: "a", lastEventId: "1", origin });
  const said = ({ type, data, lastEventId, origin, source, ports, bubbles, cancelable, defaultPrevented }) => ({
    ...{ type, data, lastEventId, origin, source, ports, bubbles, cancelable, defaultPrevented },
  });
  assert.deepEqual(said(event), said(own));
  assert.ok(event instanceof MessageEvent && event instanceof Event && Object.isFrozen(event.ports));
  assert.equal(event.constructor, MessageEvent);
  assert.equal(`${event}`, `${own}`);
  assert.equal(seenAgain, event);
  const namesIn = (object) => {
    const names = [];
    for (const name in object) names.push(name);
    return names.sort();
  };
  assert.deepEqual(namesIn(event), namesIn(own));
});

const packageFile = fileURLToPath(new URL("../../client-wasm/dist/node.js", import.meta.url));

/** What a program of its own prints, with the package's EventSource and its URL at hand. */
async function outputOf(url, program) {
  const script = `import { EventSource } from ${JSON.stringify(packageFile)}; const url = ${JSON.stringify(url)}; ${program}`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return (await text(child.stdout)).trim().split("\n");
}

test("a dispatchEvent() of a subclass that throws ends the source, with an error event", async (context) => {
  const server = await serve(streams({ body: "data: a\n\ndata: b\n\n", open: true }));
  context.after(() => server.close());
  const lines = await outputOf(
    server.origin,
    `console.error = () => {};
     class Throwing extends EventSource {
       dispatchEvent(event) {
         if (event.data === "b") throw new Error("in dispatchEvent");
         return super.dispatchEvent(event);
       }
     }
     const source = new Throwing(url);
     source.onmessage = ({ data }) => console.log(data);
     source.onerror = ({ message }) => console.log(message, source.readyState);`,
  );
  assert.deepEqual(lines, ["a", "in dispatchEvent 2"]);
});

test("a listener that throws is an uncaught exception, and the stream goes on", async (context) => {
  const server = await serve(streams({ body: "data: a\n\ndata: b\n\n", open: true }));
  context.after(() => server.close());
  const lines = await outputOf(
    server.origin,
    `process.on("uncaughtException", ({ message }) => console.log(message));
     const source = new EventSource(url);
     source.onmessage = ({ data }) => { throw new Error("in the listener: " + data); };
     source.addEventListener("message", ({ data }) => { console.log(data); if (data === "b") source.close(); });`,
  );
  assert.deepEqual(lines.sort(), ["a", "b", "in the listener: a", "in the listener: b"]);
});

test("an open source keeps the program alive, a closed one lets it end", async (context) => {
  const server = await serve(streams("retry: 20\ndata: a\n\n", "data: b\n\n"));
  context.after(() => server.close());
  const lines = await outputOf(
    server.origin,
    "const source = new EventSource(url); source.onmessage = ({ data }) => console.log(data);",
  );
  assert.deepEqual(lines, ["a", "b"]); // after which the server's 204 has closed it
});

test("without a page around, the URL has to be absolute", () => {
  assert.throws(() => new EventSource("/relative"), { name: "SyntaxError" });
});

test("a fetch of the user's gets headers that it can add to by spreading them", async (context) => {
  const server = await serve(streams("retry: 20\nid: 1\ndata: a\n\n"));
  context.after(() => server.close());
  const source = new EventSource(server.origin, {
    fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, Authorization: "Bearer token" } }),
  });
  await new Promise((resolve) => {
    source.onerror = () => source.readyState === EventSource.CLOSED && resolve();
  });
  const seen = server.requests.map(({ headers }) => [headers.authorization, headers.accept, headers["last-event-id"]]);
  assert.deepEqual(seen, [
    ["Bearer token", "text/event-stream", undefined],
    ["Bearer token", "text/event-stream", "1"],
  ]);
});

test("an error event says with which status, or why there was none", async (context) => {
  const server = await serve(streams({ status: 404, body: "no such stream" }));
  context.after(() => server.close());
  const failureOf = (url) =>
    new Promise((resolve) => {
      const source = new EventSource(url);
      source.onerror = ({ code, status, message }) => {
        source.close();
        resolve([code, status, message]);
      };
    });
  const [code, status, message] = await failureOf(server.origin);
  assert.deepEqual([code, status], [404, 404]);
  assert.match(message, /404.*no such stream/);
  const unreachable = await failureOf("http://127.0.0.1:1/");
  assert.deepEqual(unreachable.slice(0, 2), [undefined, 0]);
  assert.match(unreachable[2], /^the stream was lost: network-error: fetch failed: .*(ECONNREFUSED|bad port)/);
});
