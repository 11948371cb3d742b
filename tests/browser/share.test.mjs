// `share: true` in real tabs of Chromium, against the real server: one connection for all, whoever has it and leaves.

import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launchChromium } from "../support/chromium.mjs";
import { root, startMillrace } from "../support/millrace-server.mjs";
import { until } from "../support/until.mjs";

let browser;
let tabs;
let server;
before(async () => {
  const folder = join(root, "build/share-page");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "index.html"), "<!doctype html><title>Millrace</title>");
  copyFileSync(join(root, "client-wasm/dist/index.js"), join(folder, "millrace.js"));
  copyFileSync(join(root, "client-wasm/dist/extras.js"), join(folder, "extras.js"));
  server = await startMillrace("--web", folder);
  browser = await launchChromium();
  tabs = await browser.newContext();
});
after(async () => {
  await browser.close();
  await server.close();
});

/** A tab that notes what it is sent: numbers in `seen`, anything else in `others`. */
async function openTab(topic, options = {}) {
  const page = await tabs.newPage();
  await page.goto(`${server.origin}/`);
  const all = JSON.stringify({ topics: topic, share: true, ...options });
  await page.evaluate(`
    globalThis.seen = [];
    globalThis.others = [];
    import("/millrace.js").then(async ({ connect }) => {
      globalThis.connection = connect("/events", ${all});
      for await (const event of connection) {
        const { type, data } = event;
        globalThis.newest = event;
        if (type === "message") seen.push(Number(data));
        else others.push(type);
      }
      globalThis.ended = true;
    });
    "the loop goes on by itself";`);
  await until(() => page.evaluate("globalThis.connection?.readyState === 1"), "the tab to be connected");
  return page;
}

const numbers = (topic, from, count) => Array.from({ length: count }, (_, i) => ({ topic, data: `${from + i}` }));
const upTo = (count) => Array.from({ length: count }, (_, i) => i);

async function streams() {
  const text = await (await fetch(`${server.origin}/metrics`)).text();
  return Number(/^millrace_streams (\d+)$/m.exec(text)?.[1] ?? Number.NaN);
}

const hasSeen = (page, count) => until(() => page.evaluate(`seen.length >= ${count}`), `${count} events in a tab`);

test("tabs share one connection, and each gets every event once", async () => {
  const pages = [await openTab("one"), await openTab("one"), await openTab("one")];
  assert.equal(await streams(), 1);
  await server.publish(numbers("one", 0, 200));
  for (const page of pages) {
    await hasSeen(page, 200);
    assert.deepEqual(await page.evaluate("[seen, others]"), [upTo(200), []]);
    await page.close();
  }
  await until(async () => (await streams()) === 0, "the connection to be gone with the last tab");
});

test("an event in a tab has all its topics", async () => {
  const pages = [await openTab(["topics/a", "topics/b"]), await openTab(["topics/a", "topics/b"])];
  await server.publish({ topic: ["topics/b", "topics/c", "topics/a"], data: "0" });
  for (const page of pages) {
    await hasSeen(page, 1);
    assert.deepEqual(await page.evaluate("[newest.topic, newest.topics]"), ["topics/b", ["topics/b", "topics/a"]]);
    await page.close();
  }
});

test("the tab that has the connection leaves again and again, and nothing is lost or doubled", async () => {
  const pages = [];
  for (let i = 0; i < 4; i++) pages.push(await openTab("two"));
  let published = 0;
  while (pages.length > 1) {
    const publishing = server.publish(numbers("two", published, 300));
    published += 300;
    // The eldest has it: the lock goes round in the order of asking.
    await pages.shift().close();
    await publishing;
    await server.publish(numbers("two", published, 10));
    published += 10;
  }
  await hasSeen(pages[0], published);
  assert.deepEqual(await pages[0].evaluate("[seen, others]"), [upTo(published), []]);
  await pages[0].close();
});

test("a tab that leaves before the first event takes nothing with it", async () => {
  const first = await openTab("three");
  const second = await openTab("three");
  await until(() => second.evaluate("connection.lastEventId !== ''"), "the primed ID in the other tab");
  const closing = first.close();
  await server.publish(numbers("three", 0, 5));
  await closing;
  await hasSeen(second, 5);
  assert.deepEqual(await second.evaluate("[seen, others]"), [upTo(5), []]);
  await second.close();
});

test("close() of the tab that has it hands it on, and the end is everybody's", async () => {
  const first = await openTab("four");
  const second = await openTab("four");
  await until(() => second.evaluate("connection.lastEventId !== ''"), "the primed ID in the other tab");
  await first.evaluate("connection.close()");
  await server.publish(numbers("four", 0, 3));
  await hasSeen(second, 3);
  assert.equal(await first.evaluate("seen.length"), 0);
  const third = await openTab("four");
  await server.publish({ topic: "four", finish: true });
  for (const page of [second, third]) await until(() => page.evaluate("globalThis.ended"), "the end of the stream");
  for (const page of [first, second, third]) await page.close();
});

test("tabs that join while events come get each of them once, from their ID on", async () => {
  // Over `native` the leader also says what the newest ID is, and a tab that hears it asks again.
  const native = { transport: "native", types: ["message"] };
  const first = await openTab("five", native);
  let published = 0;
  let newest;
  let isOver = false;
  const publishing = (async () => {
    while (!isOver) {
      [{ id: newest }] = await server.publish(numbers("five", published, 1));
      published += 1;
      await new Promise((resolve) => setTimeout(resolve, 5)); // pages remember the newest 1,024
    }
  })();
  const pages = [];
  for (let i = 0; i < 4; i++) {
    await until(() => published > 20 * (i + 1), "some events");
    const begin = published;
    pages.push([begin, await openTab("five", { ...native, lastEventId: newest })]);
  }
  isOver = true;
  await publishing;
  for (const [begin, page] of pages) {
    await until(() => page.evaluate(`seen.at(-1) === ${published - 1}`), "the last event in a tab");
    assert.deepEqual(await page.evaluate("[seen, others]"), [upTo(published).slice(begin), []]);
  }
  for (const page of [first, ...pages.map(([, page]) => page)]) await page.close();
});

test("without Web Locks it is refused, in words", async () => {
  const page = await tabs.newPage();
  await page.goto(`${server.origin}/`);
  const message = await page.evaluate(`
    Object.defineProperty(navigator, "locks", { value: undefined });
    import("/millrace.js").then(({ connect }) => {
      try { connect("/events", { share: true }); } catch (error) { return error.name + ": " + error.message; }
    })`);
  assert.match(message, /^TypeError: .*"share" needs Web Locks/);
  await page.close();
});

test("tabs share only where their headers are the same", async () => {
  await until(async () => (await streams()) === 0, "the streams of other tests to be gone");
  const keys = ["a", "a", "b"];
  const pages = [];
  for (const key of keys) pages.push(await openTab("keys", { headers: { Authorization: `Bearer ${key}` } }));
  assert.equal(await streams(), 2);
  await server.publish(numbers("keys", 0, 3));
  for (const page of pages) await hasSeen(page, 3);
  const refusals = await pages[0].evaluate(`import("/millrace.js").then(({ connect }) =>
    [{ headers: () => ({}) }, { fetch: (...request) => fetch(...request) }].map((options) => {
      try {
        connect("/events", { topics: "keys", share: true, ...options });
      } catch ({ name, message }) {
        return [name, message];
      }
    }))`);
  for (const [name, message] of refusals) {
    assert.equal(name, "TypeError");
    assert.match(message, /"share" cannot be used with a (function for headers|fetch of your own)/);
  }
  for (const page of pages) await page.close();
});
