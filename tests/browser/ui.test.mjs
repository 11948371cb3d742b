// The page of `millrace serve --ui`, from the real server, in Chromium.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { get } from "node:http";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { connect } from "millrace";
import { contextOptions, launchChromium } from "../support/chromium.mjs";
import { freePort } from "../support/free-port.mjs";
import { millraceProgram, startMillrace, withoutOptions } from "../support/millrace-server.mjs";
import { until, within } from "../support/until.mjs";
import { buildUiPage, builtUi } from "./demo-page.mjs";

const key = "the-admin-key-of-this-test";
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const ui = ["--ui", "--ui-files", builtUi];

let browser;
before(async () => {
  await buildUiPage();
  browser = await launchChromium();
});
after(() => browser?.close());

/** The page in a tab of its own, with what went wrong in it. */
async function openPage(context, origin, options = {}) {
  const its = await browser.newContext({ ...contextOptions, ...options });
  const page = await its.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    // A refusal is what some tests are about, and at their end the server goes before the page.
    const isExpected = /status of 40[013]|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_REFUSED/.test(message.text());
    if (message.type() === "error" && !isExpected) faults.push(message.text());
  });
  context.after(async () => {
    await its.close();
    assert.deepEqual(faults, []);
  });
  await page.goto(`${origin}/ui/`);
  return page;
}

const start = async (context, ...options) => {
  const server = await startMillrace(...options);
  context.after(() => server.close());
  return server;
};

const shows = (page, selector, pattern) =>
  page.waitForFunction(
    ([selector, source]) => new RegExp(source).test(document.querySelector(selector)?.textContent ?? ""),
    [selector, pattern.source],
    { timeout: 30_000 },
  );

const rows = (page, body) =>
  page.$$eval(`#${body} tr`, (all) => all.map((row) => [...row.children].map(({ textContent }) => textContent)));

async function publish(page, fields) {
  for (const [id, value] of Object.entries(fields)) await page.fill(`#${id}`, value);
  await page.click("#publish button");
}

test("asks for the key, and keeps it in memory only", async (context) => {
  const server = await start(context, ...ui, "--admin-key", key);
  assert.equal((await fetch(`${server.origin}/subscriptions`)).status, 401);

  const page = await openPage(context, server.origin);
  await page.waitForSelector("#access", { state: "visible" });
  assert.equal(await page.textContent("#refused"), "", "nothing is wrong yet");
  assert.equal(await page.isVisible("#desk"), false);
  await page.fill("#key", "not-the-key-0123456789");
  await page.click("#access button");
  await shows(page, "#refused", /^unknown key$/);
  assert.equal(await page.isVisible("#desk"), false, "a wrong key shows nothing");

  await page.fill("#key", key);
  await page.click("#access button");
  await page.waitForSelector("#desk", { state: "visible" });
  assert.equal(await page.isVisible("#access"), false);
  const kept = await page.evaluate(() =>
    JSON.stringify([
      location.href,
      { ...localStorage },
      { ...sessionStorage },
      document.cookie,
      document.body.outerHTML,
    ]),
  );
  assert.ok(!kept.includes(key));
  assert.equal(await page.inputValue("#key"), "");

  await page.click("#forget");
  await page.waitForSelector("#access", { state: "visible" });
  assert.equal(await page.isVisible("#desk"), false);
  await page.fill("#key", key);
  await page.click("#access button");
  await page.waitForSelector("#desk", { state: "visible" });
  await page.reload();
  await page.waitForSelector("#access", { state: "visible" });
});

test("a subscribe key opens nothing", async (context) => {
  const server = await start(context, ...ui, "--admin-key", key, "--subscribe-key", "a-key-that-only-subscribes");
  const page = await openPage(context, server.origin);
  await page.waitForSelector("#access", { state: "visible" });
  await page.fill("#key", "a-key-that-only-subscribes");
  await page.click("#access button");
  await shows(page, "#refused", /^the key does not allow this$/);
  assert.equal(await page.isVisible("#desk"), false);
});

test("shows streams and topics, and the blocks of a stream with what the form publishes", async (context) => {
  const server = await start(context, ...ui, "--admin-key", key);
  const page = await openPage(context, server.origin);
  await page.waitForSelector("#access", { state: "visible" });
  await page.fill("#key", key);
  await page.click("#access button");
  const listener = connect(server.events, { topics: ["orders/*"], client: "a-listener-of-this-test" });
  context.after(() => listener.close());
  await until(
    async () =>
      (await rows(page, "subscriptions")).some(([topics, , client]) => /orders/.test(topics) && /^a-l/.test(client)),
    "the listener's row",
  );

  await page.click("#open");
  await shows(page, "#wire-state", /^Open\.$/);
  await publish(page, { topic: "orders/eu", type: "created", data: "two\nlines <b>&amp;" });
  await shows(page, "#reply", /^Published as \w+-1\.$/);
  await shows(page, "#frames", /topic: orders\/eu\nevent: created\nid: \w+-1\ndata: two\ndata: lines <b>&amp;/);
  const { value } = await within(listener[Symbol.asyncIterator]().next(), "the event at another client");
  assert.equal(value.data, "two\nlines <b>&amp;");
  await until(
    async () => (await rows(page, "topics")).some(([topic, , events]) => topic === "orders/eu" && events === "1"),
    "the topic's row",
  );

  await publish(page, { topic: "orders/*", data: "x" });
  await shows(page, "#reply", /topic: /);
  assert.equal(await page.getAttribute("#reply", "data-outcome"), "refused");

  // Held, the view stays; events are counted.
  await page.click("#hold");
  await publish(page, { topic: "held", type: "", data: "not yet" });
  await shows(page, "#reply", /^Published as \w+-2\.$/);
  await until(async () => (await rows(page, "topics")).some(([topic]) => topic === "held"), "the topic");
  assert.doesNotMatch(await page.textContent("#frames"), /not yet/);
  await page.click("#hold");
  await shows(page, "#frames", /data: not yet/);

  // From the beginning, and of one topic.
  await page.fill("#patterns", "orders/eu");
  await page.fill("#from", "earliest");
  await page.click("#clear");
  await page.click("#open");
  await shows(page, "#frames", /data: two\ndata: lines/);
  await page.click("#close");
  await shows(page, "#wire-state", /^Closed by this page\.$/);
});

test("with --admin-listen it is there and not on the main port, on the same log", async (context) => {
  const port = await freePort();
  const server = await start(context, ...ui, "--admin-listen", `127.0.0.1:${port}`);
  assert.equal((await fetch(`${server.origin}/ui/`)).status, 404);
  const listener = connect(server.events, { topics: "news" });
  context.after(() => listener.close());
  const events = listener[Symbol.asyncIterator]();

  const page = await openPage(context, `http://127.0.0.1:${port}`);
  await until(async () => (await rows(page, "subscriptions")).some(([topics]) => topics === "news"), "its row");
  await page.click("#open");
  await shows(page, "#wire-state", /^Open\.$/);
  await server.publish({ topic: "news", data: "from the main port" });
  await shows(page, "#frames", /data: from the main port/);
  assert.equal((await within(events.next(), "an event")).value.data, "from the main port");
  await publish(page, { topic: "news", data: "from the page" });
  await shows(page, "#reply", /^Published as/);
  assert.equal((await within(events.next(), "an event")).value.data, "from the page");

  // A page of another origin may do nothing there.
  for (const [path, body] of [
    ["events", '{"topic":"news","data":"x"}'],
    ["subscriptions/disconnect", '{"topic":"news"}'],
  ]) {
    const headers = { Origin: "https://evil.example", "Content-Type": "application/json" };
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, { method: "POST", headers, body });
    assert.equal(response.status, 403, path);
  }
});

test("loads and reaches nothing but its server, and no page may frame it", async (context) => {
  const server = await start(context, ...ui);
  const response = await fetch(`${server.origin}/ui/`);
  const policy = response.headers.get("content-security-policy");
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.match(policy, /connect-src 'self'/);
  assert.equal(response.headers.get("x-content-type-options"), "nosniff");
  assert.equal((await fetch(`${server.origin}/ui`, { redirect: "manual" })).headers.get("location"), "ui/");
  for (const path of ["/ui/..%2findex.html", "/ui/%2e%2e", "/ui/vite.config.js", "/ui/index.html/"]) {
    assert.equal((await fetch(server.origin + path)).status, 404, path);
  }
  const [, port] = /:(\d+)$/.exec(server.origin);
  const foreign = await new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path: "/ui/", headers: { Host: "evil.example" } }, resolve).on("error", reject);
  });
  foreign.resume();
  assert.equal(foreign.statusCode, 421, "under a name that the server does not know");
  const page = await openPage(context, server.origin);
  await page.waitForSelector("#desk", { state: "visible" });
  const loaded = await page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
  assert.ok(loaded.length > 2);
  for (const url of loaded) assert.ok(url.startsWith(server.origin), url);
});

for (const colorScheme of ["light", "dark"]) {
  test(`has nothing that axe objects to (${colorScheme})`, async (context) => {
    const server = await start(context, ...ui, "--admin-key", key);
    const page = await openPage(context, server.origin, { colorScheme, bypassCSP: true });
    const check = async () => {
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => axe.run({ resultTypes: ["violations"] }));
      assert.deepEqual(
        violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`),
        [],
      );
    };
    await page.waitForSelector("#access", { state: "visible" });
    await check();
    await page.fill("#key", key);
    await page.click("#access button");
    await page.waitForSelector("#desk", { state: "visible" });
    await page.click("#open");
    await shows(page, "#wire-state", /^Open\.$/);
    await publish(page, { topic: "orders", data: "x" });
    await shows(page, "#frames", /data: x/);
    await check();
  });
}

test("says what is missing when it cannot be served", () => {
  for (const [options, sentence] of [
    [["--ui", "--ui-files", builtUi], /--ui is for administrators, but these options allow none: add --admin-key-file/],
    [["--ui-files", builtUi, "--insecure"], /--ui-files needs --ui/],
    [["--ui", "--insecure", "--ui-files", "/nowhere"], /--ui: there is no page in "\/nowhere".*--ui-files/],
  ]) {
    const { status, stderr } = spawnSync(millraceProgram(), ["serve", "--port", "0", ...options], {
      encoding: "utf8",
      env: withoutOptions(process.env),
    });
    assert.equal(status, 2);
    assert.match(stderr, sentence);
  }
});
