// The package in Chromium, beside Chromium's own EventSource.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { differences, launchChromium } from "../support/chromium.mjs";
import { serverBehindProxy } from "../support/resume-case.mjs";
import { until } from "../support/until.mjs";
import { pageFolder, testBrowsersOwn, testCuts, testPackage } from "./package-cases.mjs";

let browser;
let tabs;
before(async () => {
  browser = await launchChromium();
  tabs = await browser.newContext();
});
after(() => browser.close());

const newPage = () => tabs.newPage();
testBrowsersOwn(newPage, "Chromium", differences);
testPackage(newPage, differences);
for (const transport of ["fetch", "native"]) testCuts(newPage, transport, "--gzip");

for (const transport of ["fetch", "native", "xhr"]) {
  test(`a compressed stream is read as it comes, over ${transport}`, async (context) => {
    const { server } = await serverBehindProxy(context, "--gzip", "--web", pageFolder());
    const page = await newPage();
    context.after(() => page.close());
    await page.goto(`${server.origin}/`);
    const dataOf = (number) => `${number} ${"again ".repeat(number % 2 === 0 ? 1 : 200)}`;
    const events = Array.from({ length: 100 }, (_, number) => ({ topic: "letters", data: dataOf(number) }));
    await server.publish(events.slice(0, 50));
    const response = page.waitForResponse((each) => each.url().includes("/events"));
    const result = page.evaluate(`import("/millrace.js").then(async ({ connect }) => {
      const options = { topics: "letters", lastEventId: "earliest", transport: "${transport}" };
      const data = [];
      for await (const event of connect("/events", options)) {
        globalThis.arrived = data.push(event.data);
        if (arrived === 100) return data;
      }
    })`);
    assert.equal((await (await response).allHeaders())["content-encoding"], "gzip");
    // Each is there when it is published, not when there is enough of it.
    for (let published = 50; published < 100; published += 10) {
      await until(async () => (await page.evaluate("globalThis.arrived")) === published, `${published} to arrive`);
      await server.publish(events.slice(published, published + 10));
    }
    assert.deepEqual(
      await result,
      events.map(({ data }) => data),
    );
  });
}
