// One connection for all: a page with the streams of 100 tabs, and a POST that is answered at once, in all engines.
//
// Over HTTP/1.1 a browser opens six connections to a host, and everything beyond six streams waits for ever.

process.env.MILLRACE_BROWSER_TLS = "1";

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

const { contextOptions, launchChromium } = await import("../support/chromium.mjs");
const { launchFirefox } = await import("../support/firefox.mjs");
const { launchWebKit } = await import("../support/webkit.mjs");
const { startMillrace } = await import("../support/millrace-server.mjs");
const { fetchOverTls } = await import("../support/test-tls.mjs");
const { within } = await import("../support/until.mjs");
const { pageFolder } = await import("./package-cases.mjs");

const streams = 100;

const engines = {
  Chromium: async () => {
    const browser = await launchChromium();
    const tabs = await browser.newContext(contextOptions);
    return { newPage: () => tabs.newPage(), close: () => browser.close() };
  },
  Firefox: launchFirefox,
  WebKitGTK: launchWebKit,
};

for (const [name, launch] of Object.entries(engines)) {
  describe(name, () => {
    let server;
    let browser;
    before(async () => {
      server = await startMillrace("--web", pageFolder());
      browser = await launch();
    });
    after(async () => {
      await browser?.close();
      await server?.close();
    });

    const metric = async (name) => {
      const text = await (await fetchOverTls(`${server.origin}/metrics`)).text();
      return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
    };

    test(`a page has ${streams} streams on one connection, and a POST does not wait for them`, async () => {
      const page = await browser.newPage();
      await page.goto(`${server.origin}/`);
      const opened = page.evaluate(`new Promise((resolve, reject) => {
        globalThis.got = 0;
        globalThis.sources = Array.from({ length: ${streams} }, () => {
          const source = new EventSource("/events?topic=tabs");
          source.onmessage = () => { globalThis.got += 1; };
          return source;
        });
        const ask = () => {
          if (sources.every(({ readyState }) => readyState === 1)) resolve(sources.length);
          else if (sources.some(({ readyState }) => readyState === 2)) reject(new Error("a stream has failed"));
          else setTimeout(ask, 2);
        };
        ask();
      })`);
      assert.equal(await within(opened, "all streams to open"), streams);
      assert.equal(await metric("millrace_streams"), streams);
      const answered = page.evaluate(`fetch("/events", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ topic: "tabs", data: "to all" }),
      }).then(({ status }) => status)`);
      assert.equal(await within(answered, "the POST to be answered"), 200);
      const arrived = page.evaluate(`new Promise((resolve) => {
        const ask = () => (got === ${streams} ? resolve(got) : setTimeout(ask, 2));
        ask();
      })`);
      assert.equal(await within(arrived, "the event on all streams"), streams);
      // One for all streams and requests of the page; browsers open some ahead, and this test asks by one of its own.
      assert.ok((await metric("millrace_connections")) <= 6);
      assert.ok((await metric("millrace_http2_streams")) >= streams);
      await page.close();
    });
  });
}
