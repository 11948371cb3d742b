// Runtimes that lack what browsers and Node.js have: importing touches nothing that may not be there, and what is not
// there has a substitute. React Native has a file of its own.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import * as esbuild from "esbuild";
import * as millrace from "../../client-wasm/dist/index.js";
import * as ofNode from "../../client-wasm/dist/node.js";
import { loadBare } from "../support/bare-engine.mjs";
import { eventStream, serve, streams } from "../support/http-server.mjs";

const run = promisify(execFile);
const distribution = new URL("../../client-wasm/dist/", import.meta.url);

test("importing it needs no more of the platform than events, and millrace/js not even these", () => {
  const names = Object.keys(millrace).sort();
  assert.deepEqual(Object.keys(loadBare("index", { EventTarget, Event })).sort(), names);
  assert.deepEqual(Object.keys(loadBare("slim", { EventTarget, Event })).sort(), [...names, "setWasm"].sort());
  assert.deepEqual(Object.keys(loadBare("js", {})).sort(), names);
});

/** The same bytes for everyone: a generator of Marsaglia's. */
function* randomBytes(seed) {
  for (let state = seed; ; ) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield state & 0xff;
  }
}

test("text is decoded and encoded without the platform as with it", () => {
  const bare = loadBare("js", { Uint8Array });
  const texts = [
    "",
    "ascii",
    "Zürich €",
    "\u{10ffff}\u{10000}\uffff\ud7ff\ue000",
    "\ufeffmark",
    "lone \ud800 and \udc00!",
  ];
  for (const data of texts) {
    assert.equal(bare.encode({ data }), millrace.encode({ data }));
    const [event] = bare.parse(bare.encode({ data, id: data }));
    assert.deepEqual({ ...event }, { ...millrace.parse(millrace.encode({ data, id: data }))[0] }, data);
  }
  // Bytes of which a decoder can be unsure: begins and ends of sequences more often than chance would have it.
  const bytes = randomBytes(1);
  const next = () => bytes.next().value;
  const edges = [
    0x20, 0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff, 0x9f, 0xa0, 0x8f,
  ];
  for (let round = 0; round < 2000; round += 1) {
    const data = Uint8Array.from({ length: next() % 24 }, () => (next() % 2 ? edges[next() % edges.length] : next()));
    const stream = Uint8Array.of(...Buffer.from("data: "), ...data, 10, 10);
    const [decoded, own, bares] = [millrace, ofNode, bare].map(({ parse }) => parse(stream)[0]?.data);
    assert.equal(bares, decoded, `bytes ${data}`);
    assert.equal(own, decoded, `bytes ${data}, in Node.js`);
  }
});

/** What a program prints in a process of its own, where `prepare` has changed the platform before. */
async function outputOf(prepare, program, url, entry = "index") {
  const script = `${prepare}; const url = ${JSON.stringify(url)};
    const { EventSource, connect } = await import(${JSON.stringify(pathToFileURL(new URL(`${entry}.js`, distribution).pathname).href)});
    ${program}`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script], { timeout: 60_000 });
  return stdout.trim().split("\n");
}

test("handlers are called once where the platform's EventTarget calls them by itself", async (context) => {
  const server = await serve((_request, response) =>
    response.writeHead(200, eventStream).write("data: a\n\ndata: b\n\n"),
  );
  context.after(() => server.close());
  const lines = await outputOf(
    `globalThis.EventTarget = class extends EventTarget {
       dispatchEvent(event) {
         const handler = this["on" + event.type];
         if (typeof handler === "function") handler.call(this, event);
         return super.dispatchEvent(event);
       }
     };`,
    `const source = new EventSource(url);
     source.onopen = () => console.log("open");
     source.onmessage = function ({ data }) { console.log(data, this === source); if (data === "b") source.close(); };`,
    server.origin,
    "workerd",
  );
  assert.deepEqual(lines, ["open", "a true", "b true"]);
});

test("events follow one another where there are neither channels nor setImmediate", async (context) => {
  const server = await serve(streams({ body: "data: a\n\ndata: b\n\n", open: true }));
  context.after(() => server.close());
  const lines = await outputOf(
    "delete globalThis.setImmediate; delete globalThis.MessageChannel;",
    `const source = new EventSource(url);
     source.onmessage = ({ data }) => { console.log(data); if (data === "b") source.close(); };`,
    server.origin,
  );
  assert.deepEqual(lines, ["a", "b"]);
});

test("millrace/js works where MessageEvent is a global without a value", async (context) => {
  const server = await serve(streams({ body: "id: 1\ndata: a\n\n", open: true }));
  context.after(() => server.close());
  const lines = await outputOf(
    "Object.defineProperty(globalThis, 'MessageEvent', { value: undefined });",
    `const source = new EventSource(url);
     source.onmessage = ({ data, lastEventId, source: from }) => { console.log(data, lastEventId, from); source.close(); };`,
    server.origin,
    "js",
  );
  assert.deepEqual(lines, ["a 1 null"]);
});

test("where fetch refuses `cache`, as in old workers of Cloudflare, it is not given", async (context) => {
  const server = await serve(streams({ body: "data: a\n\n", open: true }, { body: "data: a\n\n", open: true }));
  context.after(() => server.close());
  const lines = await outputOf(
    `const { fetch } = globalThis;
     globalThis.Request = class {};
     globalThis.fetch = (url, init) => {
       if (init.cache !== undefined) throw new Error("The 'cache' field on 'RequestInitializerDict' is not implemented.");
       return fetch(url, init);
     };`,
    `const source = new EventSource(url);
     source.onmessage = ({ data }) => { console.log(data); source.close(); };
     source.onerror = ({ message }) => { console.log(message); source.close(); };
     for await (const { data } of connect(url)) { console.log(data); break; }`,
    server.origin,
    "workerd",
  );
  assert.deepEqual(lines, ["a", "a"]);
});

test("where the window knows no signal but those of its own class, as jest-fixed-jsdom's, it is given none", async (context) => {
  const server = await serve(streams({ body: "data: a\n\n", open: true }, { body: "data: a\n\n", open: true }));
  context.after(() => server.close());
  const lines = await outputOf(
    `globalThis.window = new EventTarget();
     for (const name of ["addEventListener", "removeEventListener"]) {
       globalThis[name] = (type, listener, options) => {
         if (options?.signal) throw new TypeError("parameter 3 dictionary has member 'signal' that is not of type 'AbortSignal'.");
         window[name](type, listener);
         console.log(name === "addEventListener" ? "listens" : "leaves", type);
       };
     }`,
    `const own = new AbortController();
     for await (const { data } of connect(url, { signal: own.signal })) { console.log(data); break; }
     const source = new EventSource(url);
     source.onmessage = ({ data }) => { console.log(data); source.close(); };`,
    server.origin,
  );
  const types = ["online", "pagehide", "pageshow"];
  const life = [...types.map((type) => `listens ${type}`), "a", ...types.map((type) => `leaves ${type}`)];
  assert.deepEqual(lines, [...life, ...life]);
});

/** What an entry exports, once a compiler has made assignments of its classes' fields, as Babel does for Metro. */
async function withAssignedFields(entry) {
  const { outputFiles } = await esbuild.build({
    entryPoints: [new URL(`${entry}.js`, distribution).pathname],
    bundle: true,
    format: "esm",
    platform: "node",
    target: "es2022",
    loader: { ".js": "ts" },
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
    logLevel: "error",
    write: false,
  });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
}

for (const entry of ["index", "node", "js", "eventsource"]) {
  test(`messages arrive where a compiler makes assignments of fields: ${entry}`, async (context) => {
    const server = await serve(streams({ body: "id: 1\ndata: a\n\n", open: true }));
    context.after(() => server.close());
    const { EventSource } = await withAssignedFields(entry);
    const source = new EventSource(server.origin);
    context.after(() => source.close());
    const {
      type,
      data,
      lastEventId,
      source: sender,
    } = await new Promise((resolve, reject) => {
      source.onmessage = resolve;
      source.onerror = ({ message }) => reject(new Error(message));
    });
    assert.deepEqual([type, data, lastEventId, sender], ["message", "a", "1", null]);
  });
}

test("a stream of one's own is read there, too", async (context) => {
  const { EventSource } = await withAssignedFields("from-readable-stream");
  const source = EventSource.fromReadableStream(new Response("data: a\n\n").body);
  context.after(() => source.close());
  const { data } = await new Promise((resolve) => {
    source.onmessage = resolve;
  });
  assert.deepEqual([data, source.url, source.withCredentials], ["a", "about:event-stream", false]);
});
