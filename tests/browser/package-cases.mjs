// The package in a browser: the same lists as in Node.js, over every transport, and what only a page has.

import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runInPage, servePage, workerOf } from "../support/cases.mjs";
import { connectCases, lastEventIdOf } from "../support/connect-cases.mjs";
import { eventSourceCases } from "../support/event-source-cases.mjs";
import { eventStream, serve } from "../support/http-server.mjs";
import { root } from "../support/millrace-server.mjs";
import { consume, cuts, publishThroughCuts, serverBehindProxy } from "../support/resume-case.mjs";
import { overTls } from "../support/test-tls.mjs"; // what a proxy sees of streams then is sealed
import { until, within } from "../support/until.mjs";
import {
  cachedElsewhere,
  cachedPage,
  crossOriginCases,
  hintCases,
  messageEvent,
  nativeCases,
  onlineAgain,
  overOther,
  pageCases,
  policyCases,
  throwingListener,
} from "./page-cases.mjs";

/** Numbers the cookies of tests, which may share a browser's. */
let cookies = 0;

/**
 * Another origin of the page's site, another port, sets a cookie and ends the stream: whether the first two requests had it, by
 * `init`. It allows the header Last-Event-ID to those that ask.
 */
function testCookies(newPage, client, prefix) {
  const expected = { "withCredentials: true": "kept", "withCredentials: false": "none", "": "none" };
  for (const [init, second] of Object.entries(expected)) {
    test(`${prefix}: cookies of another origin, {${init}}`, async (context) => {
      cookies += 1;
      const cookie = `mill${cookies}=kept`;
      const home = await serve((request, response) => {
        if (!servePage(request, response)) response.writeHead(404).end();
      });
      const other = await serve((request, response, count) => {
        const allow = {
          "Access-Control-Allow-Origin": home.origin,
          "Access-Control-Allow-Credentials": "true",
          "Access-Control-Allow-Headers": "Last-Event-ID",
        };
        if (request.method === "OPTIONS") return response.writeHead(204, allow).end();
        const had = request.headers.cookie?.includes(cookie) ? "kept" : "none";
        response.writeHead(200, { ...eventStream, ...allow, "Set-Cookie": cookie });
        if (count === 1) response.end(`retry: 20\nid: 1\ndata: ${had}\n\n`);
        else response.write(`data: ${had}\n\n`);
      });
      const page = await newPage();
      context.after(async () => {
        await page.close();
        await Promise.all([home.close(), other.close()]);
      });
      await page.goto(`${home.origin}/page`);
      const received = page.evaluate(`import("/millrace.js").then((millrace) => new Promise((resolve) => {
        const data = [];
        const source = new (${client})("${other.origin}/stream", {${init}});
        source.onmessage = (event) => {
          if (data.push(event.data) < 2) return;
          source.close();
          resolve(data);
        };
      }))`);
      assert.deepEqual(await within(received, "two events"), ["none", second]);
      const streamed = other.requests.filter(({ method }) => method === "GET");
      assert.deepEqual(streamed.map(lastEventIdOf), [undefined, "1"]);
    });
  }
}

/** The lists of what an EventSource does, with the browser's own class: they are only as good as they fit it. */
export function testBrowsersOwn(newPage, name, differences) {
  const cases = [...eventSourceCases, messageEvent, throwingListener, ...crossOriginCases];
  runInPage(cases, newPage, "globalThis.EventSource", `${name}'s EventSource`, differences);
  testCookies(newPage, "globalThis.EventSource", `${name}'s EventSource`);
}

/** What is published arrives through cuts; `extra` are options of `millrace serve`. */
function testCuts(newPage, differences, transport, ...extra) {
  const name = `through four cuts every event arrives exactly once and in order, over ${[transport, ...extra].join(" ")}`;
  const skip = differences.find(({ tests }) => tests.test(name))?.reason ?? false;
  test(name, { skip }, async (context) => {
    const behind = await serverBehindProxy(context, "--web", pageFolder(), ...extra);
    const page = await newPage();
    context.after(() => page.close());
    const options = JSON.stringify({ topics: "numbers", transport });
    await page.goto(`${behind.proxy.origin}/`);
    const result = page.evaluate(`
      globalThis.progress = { open: false, arrived: 0 };
      import("/millrace.js").then(({ connect }) => (${consume})(connect, "/events", ${options}, progress));
    `);
    await publishThroughCuts(behind, result, () => page.evaluate("globalThis.progress ?? {}"));
    // Each stream that was resumed, and the one before them.
    if (extra.includes("--gzip") && !overTls) assert.ok(behind.proxy.compressedStreams > cuts);
  });
}

function testCompressed(newPage, transport) {
  test(`a compressed stream is read as it comes, over ${transport}`, async (context) => {
    const { server, proxy } = await serverBehindProxy(context, "--gzip", "--web", pageFolder());
    const page = await newPage();
    context.after(() => page.close());
    await page.goto(`${proxy.origin}/`);
    const dataOf = (number) => `${number} ${"again ".repeat(number % 2 === 0 ? 1 : 200)}`;
    const events = Array.from({ length: 100 }, (_, number) => ({ topic: "letters", data: dataOf(number) }));
    await server.publish(events.slice(0, 50));
    const result = page.evaluate(`import("/millrace.js").then(async ({ connect }) => {
      const options = { topics: "letters", lastEventId: "earliest", transport: "${transport}" };
      const data = [];
      for await (const event of connect("/events", options)) {
        globalThis.arrived = data.push(event.data);
        if (arrived === 100) return data;
      }
    })`);
    // Each is there when it is published, not when there is enough of it.
    for (let published = 50; published < 100; published += 10) {
      await until(async () => (await page.evaluate("globalThis.arrived")) === published, `${published} to arrive`);
      await server.publish(events.slice(published, published + 10));
    }
    assert.deepEqual(
      await result,
      events.map(({ data }) => data),
    );
    if (!overTls) assert.equal(proxy.compressedStreams, 1);
  });
}

/** The package, in pages that `newPage` opens: see runInPage(). */
export function testPackage(newPage, differences = []) {
  const run = (cases, client, prefix) => runInPage(cases, newPage, client, prefix, differences);
  run(
    [
      ...eventSourceCases,
      messageEvent,
      throwingListener,
      cachedPage,
      cachedElsewhere,
      onlineAgain,
      ...crossOriginCases,
      ...policyCases,
      ...["native", "xhr", "fetch"].map(overOther),
    ],
    "millrace.EventSource",
    "our EventSource",
  );
  testCookies(newPage, "millrace.EventSource", "our EventSource");
  const native =
    'class { constructor(...given) { return new millrace.EventSource(...given, { transport: "native" }); } }';
  testCookies(newPage, native, "our EventSource over native");
  for (const kind of ["Worker", "SharedWorker"]) {
    const newWorker = async () => workerOf(await newPage(), kind);
    const prefix = `our EventSource in a ${kind}`;
    runInPage([...eventSourceCases, messageEvent, onlineAgain], newWorker, "millrace.EventSource", prefix, differences);
  }
  const connectBy = (options) => `(url, options) => millrace.connect(url, { ...options, ${options} })`;
  for (const transport of ["fetch", "native", "xhr", "poll"]) {
    run(connectCases, connectBy(`transport: "${transport}"`), `connect() over ${transport}`);
  }
  run(nativeCases, connectBy('transport: "native"'), "connect() over native");
  run([...pageCases, ...hintCases], connectBy("dropReplays: false"), "connect() in a page");

  test("with persist, a reloaded page goes on from the event it had been handed", async (context) => {
    const { server } = await serverBehindProxy(context, "--web", pageFolder());
    const page = await newPage();
    context.after(() => page.close());
    await page.goto(`${server.origin}/`);
    await server.publish(["a", "b", "c"].map((data) => ({ topic: "letters", data })));
    const next = `import("/millrace.js").then(async ({ connect }) => {
      const options = { topics: "letters", lastEventId: "earliest", persist: "session" };
      return (await connect("/events", options)[Symbol.asyncIterator]().next()).value.data;
    })`;
    assert.equal(await page.evaluate(next), "a");
    await page.reload();
    assert.equal(await page.evaluate(next), "b");
  });

  for (const transport of ["fetch", "native"]) testCuts(newPage, differences, transport);
  for (const transport of ["fetch", "native"]) testCuts(newPage, differences, transport, "--gzip");
  // Short heartbeats, so that the watchdog notices soon what the browser does not report.
  testCuts(newPage, differences, "fetch", "--heartbeat", "1");
  for (const transport of ["fetch", "native", "xhr"]) testCompressed(newPage, transport);

  test("auto is native where the event types are known, and fetch where more is wanted or a proxy may hold it back", async (context) => {
    const { server } = await serverBehindProxy(context, "--web", pageFolder());
    const page = await newPage();
    context.after(() => page.close());
    await page.goto(`${server.origin}/`);
    const chosen = await page.evaluate(`import("/millrace.js").then(({ connect }) =>
      [{}, { headers: {} }, { body: "x" }, { idleTimeout: 1 }, { topics: "x" }, { topics: "x", firstByteTimeout: 0 }, { types: undefined }]
        .map((options) => {
          const connection = connect("/events?topic=y", { types: ["message"], ...options });
          connection.close();
          return connection.transport;
        }))`);
    assert.deepEqual(chosen, ["native", "fetch", "fetch", "fetch", "fetch", "native", "fetch"]);
  });
}

let folder;

/** A folder for `millrace serve --web`: a page, and the package. It is this process's own: other browsers' tests run beside. */
export function pageFolder() {
  if (folder) return folder;
  folder = mkdtempSync(join(tmpdir(), "millrace-package-page-"));
  process.on("exit", () => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "index.html"), "<!doctype html><title>Millrace</title>");
  copyFileSync(join(root, "client-wasm/dist/index.js"), join(folder, "millrace.js"));
  copyFileSync(join(root, "client-wasm/dist/extras.js"), join(folder, "extras.js"));
  return folder;
}
