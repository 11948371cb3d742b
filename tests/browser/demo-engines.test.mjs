// The demo page in the engines beside Chromium's: every panel is filled, and a cut loses nothing on any transport.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launchFirefox } from "../support/firefox.mjs";
import { until } from "../support/until.mjs";
import { launchWebKit } from "../support/webkit.mjs";
import { buildDemoPage, startDemo } from "./demo-page.mjs";

const patience = 30_000;

/** What shows that a panel is filled. */
const filled = {
  stocks: [
    "[...document.querySelectorAll('#prices .symbol')].every(({ disabled }) => !disabled)",
    "document.querySelector('#price-chart canvas')",
  ],
  news: ["document.querySelector('#headlines .headline')"],
  chat: ["document.querySelector('#here .guest')", "document.getElementById('here-count').textContent !== '0'"],
  monitoring: [
    "/^\\d/.test(document.getElementById('gauge-cpu').textContent)",
    "document.querySelectorAll('#monitoring canvas').length === 4",
  ],
  answer: ["document.getElementById('answer-tokens').textContent > 20"],
};

/** Notes how many streams each press of the button has cut. */
const noteCuts = `void Object.assign(window, {
  cuts: [],
  fetch: ((fetch) => async (...request) => {
    const response = await fetch(...request);
    if (String(request[0]).startsWith("/demo/cut")) cuts.push((await response.clone().json()).cut);
    return response;
  })(fetch),
})`;

let server;
before(async () => {
  await buildDemoPage();
  server = await startDemo();
});
after(() => server?.close());

for (const [engine, launch] of [
  ["Firefox", launchFirefox],
  ["WebKitGTK", launchWebKit],
]) {
  describe(`The demo page in ${engine}`, () => {
    let browser;
    let page;
    before(async () => {
      browser = await launch();
      page = await browser.newPage();
    });
    after(() => browser?.close());

    const read = (expression) => page.read?.(expression) ?? page.evaluate(expression);
    const shows = (condition) => until(() => read(`Boolean(${condition})`), condition, patience);
    const text = (id) => read(`document.getElementById(${JSON.stringify(id)}).textContent`);
    const number = async (id) => Number((await text(id)).replaceAll(",", ""));
    const click = (id) => read(`void document.querySelector(${JSON.stringify(id)}).click()`);
    const received = (count) =>
      until(async () => (await number("received")) >= count, `${count} events to be received`, patience);
    const isOpen = () => shows("document.getElementById('state').dataset.state === 'open'");
    const nothingLost = async () =>
      assert.deepEqual({ missed: await text("missed"), doubled: await text("doubled") }, { missed: "0", doubled: "0" });

    test("fills every panel", async () => {
      await page.goto(server.origin);
      await isOpen();
      for (const [panel, conditions] of Object.entries(filled)) {
        await click(`#tab-${panel}`);
        if (panel === "answer") await click("#suggestions button");
        for (const condition of conditions) await shows(condition);
      }
      assert.equal(await read("document.getElementById('problem').hidden"), true);
      await nothingLost();
    });

    for (const transport of ["native", "fetch", "xhr"]) {
      test(`resumes after a cut with nothing missed and nothing doubled (${transport})`, async () => {
        await page.goto(`${server.origin}/?transport=${transport}`);
        await isOpen();
        await received(100);
        await click("#cut");
        await shows("/caught up, 0 missed, 0 doubled\\.$/.test(document.getElementById('verdict').textContent)");
        await received((await number("received")) + 300);
        await nothingLost();
      });
    }

    test("polls with nothing missed and nothing doubled", async () => {
      await page.goto(`${server.origin}/?transport=poll`);
      await isOpen();
      await received(100);
      await click("input[name=flow][value=calm]"); // else a poll is answered at once, and there is nothing to cut
      await read(noteCuts);
      for (let cuts = 1; cuts <= 2; ++cuts) {
        await shows("document.getElementById('cut').ariaDisabled === 'false'");
        await click("#cut");
        await shows(`cuts.length === ${cuts}`);
        assert.equal(await read("cuts.at(-1)"), 1);
        await received((await number("received")) + 3);
      }
      await nothingLost();
    });
  });
}
