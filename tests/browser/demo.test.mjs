// What a person sees on the demo page, from the first tick to a server that is gone.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { launchChromium } from "../support/chromium.mjs";
import { until } from "../support/until.mjs";
import { buildDemoPage, DemoPage, startDemo } from "./demo-page.mjs";

let built;
let browser;
let server;

before(async () => {
  built = await buildDemoPage();
  browser = await launchChromium();
  server = await startDemo();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

/** Runs `body` with the page in a tab of its own; `options` are the browser context's. */
async function withPage(body, { query = "", origin = server.origin, ...options } = {}) {
  const context = await browser.newContext(options);
  try {
    await body(await DemoPage.open(context, `${origin}/${query}`), context);
  } finally {
    await context.close();
  }
}

describe("The demo page", () => {
  test("shows live ticks: prices, the events as they are, and that none is missing", async () => {
    await withPage(async (demo) => {
      await demo.isOpen();
      await demo.received(15);
      assert.match(await demo.text("prices"), /[A-Z]+\s+\d+\.\d\d\s+[+−]\d+\.\d\d %/);
      assert.match(await demo.shows("feed", /tick/), /[0-9a-z]+-\d+tick\{"n":\d+,"symbol":"[A-Z]+"/);
      assert.match(await demo.text("last-event-id"), /^[0-9a-z]+-\d+$/);
      assert.equal(await demo.text("missed"), "0");
      assert.equal(await demo.text("doubled"), "0");
      assert.equal(await demo.text("transport"), "native");
    });
  });

  for (const transport of ["native", "fetch"]) {
    test(`resumes after a cut with nothing missed and nothing doubled (${transport})`, async () => {
      await withPage(
        async (demo) => {
          await demo.isOpen();
          await demo.received(5);
          assert.equal(await demo.text("transport"), transport);

          await demo.page.click("#cut");
          await demo.shows("state-text", /^Reconnecting in \d+\.\d s$/);
          assert.equal(await demo.text("state-detail"), "The connection broke.");
          const before = await demo.number("received");
          await demo.shows("feed", /Cut here, not resumed yet/);

          const verdict = await demo.shows("verdict", /resumed after ID [0-9a-z]+-\d+: [1-9]\d* events? caught up/);
          assert.match(verdict, /^Cut for \d+\.\d s, .* nothing missed, nothing doubled\.$/);
          const id = /after ID (\S+):/.exec(verdict)[1];
          await demo.shows("feed", new RegExp(`Cut here, resumed after \\d+\\.\\d s at ID ${id}`));
          await demo.isOpen();
          await demo.received(before + 20);
          assert.equal(await demo.text("missed"), "0");
          assert.equal(await demo.text("doubled"), "0");
          await demo.shows("announcement", /caught up, nothing missed, nothing doubled\.$/);
          assert.deepEqual(demo.violations, []);
        },
        { query: `?transport=${transport}` },
      );
    });
  }

  test("counts a hole and a repeat when there is one", async () => {
    const own = await startDemo();
    try {
      await withPage(
        async (demo) => {
          await demo.isOpen();
          await demo.received(1);
          const far = { n: 1_000_000, symbol: "ALDER", price: 1, time: Date.now() };
          await own.publish({ topic: "demo/ticks", event: "tick", data: far });
          await demo.shows("missed", /^999,\d{3}$/);
          await demo.shows("doubled", /^[1-9]\d*$/);
        },
        { origin: own.origin },
      );
    } finally {
      await own.close();
    }
  });

  test("publishes a note, which arrives on every page that is open", async () => {
    await withPage(async (writer, context) => {
      const reader = await DemoPage.open(context, server.origin);
      await writer.isOpen();
      await reader.isOpen();
      await writer.page.getByLabel("Name").fill("Ada");
      await writer.page.getByLabel("Note").fill("<b>The wheel</b> turns & turns.");
      await writer.page.getByRole("button", { name: "Publish" }).click();
      await writer.shows("note-answer", /^Published, with the ID [0-9a-z]+-\d+\.$/);
      for (const demo of [writer, reader]) await demo.shows("notes", /Ada.*<b>The wheel<\/b> turns & turns\./);
      assert.equal(await writer.page.getByLabel("Note").inputValue(), "");
    });
  });

  test("shows what anyone publishes to demo/notes, whatever its shape", async () => {
    await withPage(async (demo) => {
      await demo.isOpen();
      for (const data of ["just text", null, [1, 2], { text: 7 }]) {
        await server.publish({ topic: "demo/notes", event: "note", data });
      }
      await demo.shows("notes", /\{"text":7\}.*\[1,2\].*null.*just text/);
      assert.deepEqual(demo.consoleErrors, []);
    });
  });

  test("shows the server's own sentence when it refuses a note, and keeps the note", async () => {
    const strict = await startDemo("--insecure=false");
    try {
      await withPage(
        async (demo) => {
          await demo.isOpen();
          await demo.page.getByLabel("Note").fill("May I?");
          await demo.page.getByRole("button", { name: "Publish" }).click();
          await demo.page.waitForSelector("#note-answer[data-outcome=refused]");
          const response = await fetch(strict.events, { method: "POST", body: '{"topic":"demo/notes","data":""}' });
          assert.equal(await demo.text("note-answer"), (await response.json()).error);
          assert.equal(await demo.page.getByLabel("Note").inputValue(), "May I?");
        },
        { origin: strict.origin },
      );
    } finally {
      await strict.close();
    }
  });

  test("counts down to the next try when the server is gone, and says so when its log began anew", async () => {
    const first = await startDemo();
    let second;
    try {
      await withPage(
        async (demo) => {
          await demo.isOpen();
          await demo.received(3);
          await first.close();
          const seconds = async (pattern) => /[\d.]+/.exec(await demo.shows("state-text", pattern))[0];
          const sooner = await seconds(/^Reconnecting in \d+\.\d s$/);
          await demo.page.waitForFunction(
            (sooner) =>
              Number.parseFloat(/[\d.]+/.exec(document.getElementById("state-text").textContent)?.[0]) < sooner,
            Number(sooner),
          );
          await demo.shows("state-detail", /^The server does not answer\.$/);
          await demo.page.getByLabel("Note").fill("Anyone there?");
          await demo.page.getByRole("button", { name: "Publish" }).click();
          await demo.shows("note-answer", /^The server does not answer, so the note was not published/);

          second = await startDemo("--port", String(first.port));
          await demo.isOpen();
          await demo.shows("problem", /does not know the ID [0-9a-z]+-\d+, .*restarted/);
          await demo.shows("verdict", /could not go on where this page had stopped\.$/);
          await demo.received((await demo.number("received")) + 3);
          assert.equal(await demo.text("missed"), "0");
          assert.equal(await demo.text("doubled"), "0");
        },
        { origin: first.origin },
      );
    } finally {
      await second?.close();
    }
  });

  test("asks nobody but its server, keeps to its content security policy and leaves the console clean", async () => {
    await withPage(async (demo) => {
      await demo.received(10);
      assert.deepEqual(
        demo.requests.filter((url) => !url.startsWith(`${server.origin}/`)),
        [],
      );
      assert.deepEqual(demo.violations, []);
      assert.deepEqual(demo.consoleErrors, []);
      // The recorder itself works: what the policy forbids is seen.
      await demo.page.evaluate(() => {
        document.head.append(Object.assign(document.createElement("style"), { textContent: "a {}" }));
      });
      await until(() => demo.violations.length > 0, "the violation to be reported");
      assert.deepEqual(demo.violations, ["style-src-elem: inline"]);
    });
  });

  test("stands still while data flows, from a narrow phone to a wide screen", async () => {
    const wholePage = 4400; // only what is in view counts as shifted
    const check = (width) =>
      withPage(
        async (demo) => {
          await demo.received(8);
          await demo.page.click("#cut");
          await demo.shows("verdict", /caught up/);
          const { shift, overflow } = await demo.page.evaluate(() => ({
            shift: window.layoutShift,
            overflow: document.documentElement.scrollWidth - innerWidth,
          }));
          assert.ok(shift < 0.001, `layout shift of ${shift} at ${width} px`);
          assert.equal(overflow, 0, `${width} px`);
        },
        { viewport: { width, height: wholePage } },
      );
    await Promise.all([320, 390, 768, 1920].map(check));
  });

  test("can be used with the keyboard alone, and paused", async () => {
    await withPage(async (demo) => {
      await demo.isOpen();
      await demo.received(3);
      await focusByTab(demo.page, "pause");
      await demo.page.keyboard.press("Space");
      assert.equal(await demo.page.getAttribute("#pause", "aria-pressed"), "true");
      const feed = await demo.text("feed");
      await demo.received((await demo.number("received")) + 5);
      assert.equal(await demo.text("feed"), feed);

      await demo.page.focus("body");
      await focusByTab(demo.page, "cut");
      await demo.page.keyboard.press("Enter");
      await demo.shows("state-text", /^Reconnecting/);
    });
  });

  test("is there before the package is, and says so in a sentence when that cannot be loaded", async () => {
    const context = await browser.newContext();
    try {
      let refuse;
      const refused = new Promise((resolve) => {
        refuse = resolve;
      });
      await context.route(/subscription-.*\.js$/, (route) => refused.then(() => route.abort()));
      const demo = await DemoPage.open(context, server.origin);
      assert.equal(await demo.text("state-text"), "Connecting");
      assert.ok(await demo.page.getByRole("heading", { level: 1 }).isVisible());
      refuse();
      await demo.shows("state-text", /^Closed$/);
      await demo.shows("state-detail", /^The event stream cannot be read\. Reload the page to try again\.$/);
    } finally {
      await context.close();
    }
  });

  test("weighs less than 60 kB, gzipped, in all", () => {
    const files = readdirSync(built, { recursive: true }).filter((path) => statSync(join(built, path)).isFile());
    const bytes = files.reduce((sum, path) => sum + gzipSync(readFileSync(join(built, path))).length, 0);
    assert.ok(bytes > 10_000 && bytes < 60_000, `${bytes} bytes in ${files.join(", ")}`);
  });
});

async function focusByTab(page, id) {
  for (let presses = 0; presses < 20; ++presses) {
    await page.keyboard.press("Tab");
    if ((await page.evaluate(() => document.activeElement?.id)) === id) return;
  }
  assert.fail(`20 presses of Tab do not lead to #${id}`);
}
