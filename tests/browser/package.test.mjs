// The package in Chromium: the same lists as in Node.js, over both transports, and EventSource beside the browser's own.

import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runInPage } from "../support/cases.mjs";
import { launchChromium } from "../support/chromium.mjs";
import { connectCases } from "../support/connect-cases.mjs";
import { eventSourceCases } from "../support/event-source-cases.mjs";
import { streams } from "../support/http-server.mjs";
import { root } from "../support/millrace-server.mjs";
import { consume, publishThroughCuts, serverBehindProxy } from "../support/resume-case.mjs";

let browser;
let tabs;
before(async () => {
  browser = await launchChromium();
  tabs = await browser.newContext();
});
after(() => browser.close());

const newPage = () => tabs.newPage();

const chromiumsCases = eventSourceCases.filter(({ notInChromium }) => !notInChromium);
runInPage(chromiumsCases, newPage, "globalThis.EventSource", "Chromium's EventSource");
runInPage(eventSourceCases, newPage, "millrace.EventSource", "our EventSource");

const throwingListener = {
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
runInPage([throwingListener], newPage, "globalThis.EventSource", "Chromium's EventSource");
runInPage([throwingListener], newPage, "millrace.EventSource", "our EventSource");

for (const transport of ["fetch", "native"]) {
  const client = `(url, options) => millrace.connect(url, { ...options, transport: "${transport}" })`;
  runInPage(connectCases, newPage, client, `connect() over ${transport}`);
}

/** A folder for `millrace serve --web`: a page, and the package. */
function pageFolder() {
  const folder = join(root, "build/package-page");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "index.html"), "<!doctype html><title>Millrace</title>");
  copyFileSync(join(root, "client-wasm/dist/index.js"), join(folder, "millrace.js"));
  return folder;
}

for (const transport of ["fetch", "native"]) {
  test(`through four cuts every event arrives exactly once and in order, over ${transport}`, async (context) => {
    const behind = await serverBehindProxy(context, "--web", pageFolder());
    const page = await newPage();
    context.after(() => page.close());
    const options = JSON.stringify({ topics: "numbers", transport });
    await page.goto(`${behind.proxy.origin}/`);
    const result = page.evaluate(`
      globalThis.progress = { open: false, arrived: 0 };
      import("/millrace.js").then(({ connect }) => (${consume})(connect, "/events", ${options}, progress));
    `);
    await publishThroughCuts(behind, result, () => page.evaluate("globalThis.progress ?? {}"));
  });
}

test("auto is native where the event types are known, and fetch where they are not or headers are wanted", async (context) => {
  const { server } = await serverBehindProxy(context, "--web", pageFolder());
  const page = await newPage();
  context.after(() => page.close());
  await page.goto(`${server.origin}/`);
  const chosen = await page.evaluate(`import("/millrace.js").then(({ connect }) =>
    [{ types: ["message"] }, {}, { types: ["message"], headers: {} }, { types: ["message"], body: "x" }].map((options) => {
      const connection = connect("/events", { topics: "x", ...options });
      connection.close();
      return connection.transport;
    }))`);
  assert.deepEqual(chosen, ["native", "fetch", "fetch", "fetch"]);
});
