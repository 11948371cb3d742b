// A user's messages on the page web-demo/push.html, from the real server.

import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../support/until.mjs";
import { demoForTests } from "./demo-page.mjs";

const demos = demoForTests();
const withPage = (body, prepare) => demos.withPage(body, { query: "push.html", prepare });

const rows = (demo) =>
  demo.page
    .locator("#messages li")
    .evaluateAll((items) => items.map((item) => [...item.children].map(({ textContent }) => textContent)).reverse());

test("opens a user's stream, shows numbered messages, and does not come back once the server has closed it", async () => {
  await withPage(async (demo) => {
    // Nothing is wrong yet, so it is neither "Closed" nor in the colour of it.
    assert.equal(await demo.text("state-text"), "Not open yet");
    const lamp = () => demo.page.evaluate(() => getComputedStyle(document.querySelector(".lamp")).backgroundColor);
    const idle = await lamp();
    await demo.page.fill("#uid", "用户 1");
    await demo.page.click("#open");
    await demo.isOpen();
    const shown = await until(async () => {
      const some = await rows(demo);
      return some.length >= 3 && some;
    }, "three messages");
    for (const [index, [id, data]] of shown.entries()) {
      assert.equal(id, `消息${index + 1}`);
      assert.match(data, new RegExp(`^uid:用户 1 number:${index + 1} message:\\d+$`));
    }

    const streams = () => demo.requests.filter((url) => url.includes("/push/sendMsg")).length;
    assert.equal(streams(), 1);
    await demo.page.click("#close");
    await demo.shows("state-text", /^Interrupted$/);
    await demo.shows("state-detail", /does not come back/);
    assert.equal(streams(), 2, "once more, to be told to stop");
    assert.equal(await demo.text("state-text"), "Closed");
    assert.notEqual(await lamp(), idle);

    const before = (await rows(demo)).length;
    await demo.page.click("#open");
    await demo.isOpen();
    const anew = await until(async () => (await rows(demo))[before], "a message of the new stream");
    assert.equal(anew[0], "消息1");
    assert.deepEqual(demo.violations, []);
    assert.deepEqual(demo.consoleErrors, []);
  });
});

test("shows what the server has against a uid", async () => {
  await withPage(async (demo) => {
    await demo.page.fill("#uid", "a/b");
    await demo.page.click("#close");
    await demo.shows("problem", /uid: must be UTF-8 without/);
  });
});

test("says so where the browser can neither listen nor fetch", async () => {
  await withPage(
    async (demo) => {
      await demo.shows("state-text", /^Not supported$/);
      await demo.shows("state-detail", /neither EventSource nor fetch/);
      assert.equal(await demo.page.isDisabled("#open"), true);
    },
    () => {
      delete globalThis.EventSource;
      delete globalThis.fetch;
    },
  );
});
