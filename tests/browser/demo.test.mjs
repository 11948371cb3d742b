// The demo page's wire, as a person sees it: from the first event on, over each transport and in several tabs.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { until } from "../support/until.mjs";
import { DemoPage, demoForTests, startDemo } from "./demo-page.mjs";

const demos = demoForTests();
const { withPage } = demos;

describe("The wire", () => {
  test("shows what comes: its rate, bytes, last event ID and frames", async () => {
    await withPage(async (demo) => {
      await demo.isOpen();
      await demo.received(500);
      await demo.shows("last-event-id", /^[0-9a-z]+-\d+$/);
      await demo.shows("event-rate", /^\d{3}$/);
      await demo.shows("bytes", /kB$/);
      await demo.shows("frames", /event: tick\nid: [0-9a-z]+-\d+\ndata: \{"n":\d+,"symbol":"[A-Z]+"/);
      await demo.shows("frames-note", /written anew from the events/);
      assert.equal(await demo.text("heartbeats"), "unseen");
      await demo.hasLostNothing();
    });
  });

  for (const transport of ["native", "fetch", "xhr"]) {
    test(`resumes after a cut with nothing missed and nothing doubled (${transport})`, async () => {
      await withPage(
        async (demo) => {
          await demo.isOpen();
          await demo.received(100);
          assert.ok(await demo.page.isChecked(`input[name=transport][value=${transport}]`));

          await demo.page.click("#cut");
          await demo.shows("state-text", /^Reconnecting in \d+\.\d s$/);
          await demo.shows("next-try", /^\d+\.\d s$/);
          await demo.shows("state-detail", /^The connection broke\.$/);
          const before = await demo.number("received");
          const verdict = await demo.shows("verdict", /resumed after ID [0-9a-z]+-\d+: [1-9][\d,]* events caught up/);
          assert.match(verdict, /^Away for \d+\.\d s, .* 0 missed, 0 doubled\.$/);
          await demo.shows("announcement", /caught up, 0 missed, 0 doubled\.$/);
          await demo.isOpen();
          await demo.received(before + 1200);
          await demo.hasLostNothing();
          assert.deepEqual(demo.violations, []);
        },
        { query: `?transport=${transport}` },
      );
    });
  }

  test("has a poll cut in mid-flight with nothing missed and nothing doubled", async () => {
    await withPage(
      async (demo) => {
        await demo.isOpen();
        await demo.received(100);
        // Where events come by the hundred, a poll is answered at once, and there is nothing in flight to cut.
        await demo.page.getByRole("radio", { name: "no stocks", exact: true }).check();
        for (let cuts = 0; cuts < 2; ++cuts) {
          const answered = demo.page.waitForResponse(/\/demo\/cut/);
          await demo.page.click("#cut:not([aria-disabled=true])");
          assert.equal((await (await answered).json()).cut, 1);
          await demo.received((await demo.number("received")) + 3);
        }
        await demo.shows("bytes", /kB$/);
        await demo.hasLostNothing();
      },
      { query: "?transport=poll" },
    );
  });

  test("changes its transport and what it listens to in flight, with nothing missed and nothing doubled", async () => {
    await withPage(async (demo) => {
      await demo.isOpen();
      await demo.received(200);
      await demo.page.getByRole("radio", { name: "fetch", exact: true }).check();
      await demo.shows("frames-note", /The bytes themselves/);
      await demo.shows("frames", /^topic: demo\/stocks\/\w+\nevent: tick\nid: /m);
      await demo.received((await demo.number("received")) + 300);
      await demo.page.getByRole("radio", { name: "JavaScript", exact: true }).check();
      await demo.received((await demo.number("received")) + 300);
      assert.ok(
        demo.requests.some((url) => /\/js-[^/]*\.js$/.test(url)),
        "the other core was not loaded",
      );
      await demo.page.getByRole("radio", { name: "native", exact: true }).check();
      await demo.shows("frames-note", /written anew/);
      await demo.received((await demo.number("received")) + 300);
      await demo.page.getByRole("radio", { name: "no stocks", exact: true }).check();
      await demo.shows("event-rate", /^\d$/);
      await demo.page.getByRole("radio", { name: "everything", exact: true }).check();
      await demo.shows("event-rate", /^\d{3}$/);
      await demo.hasLostNothing();
    });
  });

  test("shares one connection among tabs, and another takes over when its tab is closed", async () => {
    const own = await startDemo();
    const streams = async () => (await (await fetch(`${own.origin}/subscriptions`)).json()).length;
    try {
      await withPage(
        async (first, context) => {
          await first.isOpen();
          const second = await DemoPage.open(context, own.origin);
          await second.isOpen();
          await until(async () => (await streams()) === 2, "a stream for each tab");
          await first.page.getByLabel("One connection for all tabs").check();
          await until(async () => (await streams()) === 1, "one stream for both");
          for (const demo of [first, second]) {
            assert.ok(await demo.page.isChecked("#share"));
            await demo.isOpen();
            await demo.received((await demo.number("received")) + 300);
          }
          await first.page.close();
          await second.received((await second.number("received")) + 600);
          await until(async () => (await streams()) === 1, "the other's stream");
          await second.hasLostNothing();
        },
        { origin: own.origin },
      );
    } finally {
      await own.close();
    }
  });

  test("tabs agree on one stream, also if they look for its name at the same moment", async () => {
    const own = await startDemo();
    // Once there is a choice, a tab that finds nothing in the storage stands still, by a request that is not answered until
    // the other one stands there, too, or has connected.
    const standStill = (hasChosen) => {
      const { setItem, getItem } = Storage.prototype;
      let looks = hasChosen;
      Storage.prototype.setItem = function (...entry) {
        setItem.apply(this, entry);
        looks = true;
      };
      Storage.prototype.getItem = function (key) {
        const value = getItem.call(this, key);
        if (!looks || value !== null || this !== localStorage) return value;
        const request = new XMLHttpRequest();
        request.open("GET", "/held", false);
        request.send();
        return value;
      };
    };
    const namesOf = ({ requests }) =>
      requests.map((url) => /client=(browser-[\d-]+)/.exec(url)?.[1]).filter((name) => name !== undefined);
    const isHeld = ({ requests }) => requests.some((url) => url.endsWith("/held"));
    try {
      await withPage(
        async (first, context) => {
          const second = await DemoPage.open(context, own.origin);
          for (const [demo, other] of [
            [first, second],
            [second, first],
          ]) {
            await demo.isOpen();
            await demo.page.route("**/held", async (route) => {
              await until(() => isHeld(other) || namesOf(other).length > 0, "the other tab", 30_000);
              await route.fulfill({ body: "" });
            });
          }
          await first.page.evaluate(standStill, false);
          await second.page.evaluate(standStill, true);
          await first.page.getByLabel("One connection for all tabs").check();
          for (const demo of [first, second]) {
            await until(() => namesOf(demo).length > 0 || demo.page.isChecked("#share"), "the tab to share");
            await demo.isOpen();
            await demo.received((await demo.number("received")) + 300);
          }
          const names = [...new Set([first, second].flatMap(namesOf))];
          assert.equal(names.length, 1, `${names}`);
          await until(async () => {
            const streams = await (await fetch(`${own.origin}/subscriptions`)).json();
            return streams.length === 1 && streams[0].client === names[0];
          }, "one stream with that name");
        },
        { origin: own.origin },
      );
    } finally {
      await own.close();
    }
  });

  test("says how many streams its connection has: over HTTP/2 those of all tabs, else its own", async () => {
    const secure = await startDemo("--tls-dev");
    try {
      await withPage(
        async (first, context) => {
          await first.shows("protocol", /^HTTP\/2$/);
          await first.shows("beside", /^1$/);
          const second = await DemoPage.open(context, secure.origin);
          for (const demo of [first, second]) await demo.shows("beside", /^2$/);
          await second.page.close();
          await first.shows("beside", /^1$/);
          assert.deepEqual(first.violations, []);
        },
        { origin: secure.origin, ignoreHTTPSErrors: true },
      );
    } finally {
      await secure.close();
    }
    await withPage(async (first, context) => {
      await DemoPage.open(context, demos.server.origin);
      await first.shows("protocol", /^HTTP\/1\.1$/);
      await first.shows("beside", /^1$/);
    });
  });

  test("gets only the newest prices when asked to: fewer bytes, nothing counted as missed, and all again", async () => {
    await withPage(async (demo) => {
      const conflates = demo.page.getByLabel("Only the newest, twice a second");
      const rate = (low, high) =>
        demo.page.waitForFunction(
          ([low, high]) => {
            const rate = Number(document.getElementById("event-rate").textContent);
            return rate > low && rate < high;
          },
          [low, high],
        );
      await demo.isOpen();
      await rate(190, 1000);
      await demo.shows("byte-rate", /kB$/);
      await conflates.check();
      await rate(10, 170);
      await demo.received((await demo.number("received")) + 300);
      await demo.hasLostNothing();
      await conflates.uncheck();
      await rate(190, 1000);
      await demo.received((await demo.number("received")) + 600);
      await demo.hasLostNothing();
      assert.ok(demo.requests.some((url) => url.includes("&conflate=500")));
    });
  });

  test("ends an outage in the picture, too, when another transport ends it", async () => {
    const own = await startDemo("--retry", "60000");
    const noteOutage = () => {
      const { fillText } = CanvasRenderingContext2D.prototype;
      CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
        if (text.startsWith("cut ")) window.outage = text;
        fillText.call(this, text, ...place);
      };
    };
    try {
      await withPage(
        async (demo) => {
          await demo.isOpen();
          await demo.received(100);
          await demo.page.click("#cut");
          await demo.page.waitForFunction(() => window.outage); // it is wide enough for its label
          await demo.page.getByRole("radio", { name: "fetch", exact: true }).check();
          await demo.shows(
            "verdict",
            /^Away for [1-9]\d*\.\d s, resumed after ID .*: [1-9].* caught up, 0 missed, 0 doubled\.$/,
          );
          const outage = await demo.page.evaluate(() => window.outage);
          await demo.received((await demo.number("received")) + 600);
          assert.equal(await demo.page.evaluate(() => window.outage), outage);
          await demo.hasLostNothing();
        },
        { origin: own.origin, prepare: noteOutage },
      );
    } finally {
      await own.close();
    }
  });

  test("does not call a change of transport an absence, nor any time 0.0 s", async () => {
    await withPage(async (demo) => {
      await demo.isOpen();
      await demo.received(200);
      await demo.page.getByRole("radio", { name: "fetch", exact: true }).check();
      const verdict = await demo.shows("verdict", /^(Changed|Away)/);
      assert.match(
        verdict,
        /^Changed the connection in (less than 0\.1|0\.[1-9]|[1-9]\d*\.\d) s, on from ID [0-9a-z]+-\d+: .*, 0 missed, 0 doubled\.$/,
      );
    });
  });

  test("begins with a full river: what was published before it was opened, and a legend for each mark", async () => {
    const own = await startDemo();
    try {
      const measured = await fetch(`${own.events}?topic=demo/gauges&lastEventId=earliest`);
      let gauges = 0;
      for await (const bytes of measured.body) {
        gauges +=
          Buffer.from(bytes)
            .toString()
            .match(/^event: gauges$/gm)?.length ?? 0;
        if (gauges >= 6) break; // seconds
      }
      await withPage(
        async (demo) => {
          await demo.page.waitForFunction(() => {
            const river = document.getElementById("river");
            const bed = ((river.clientHeight - 22) / 2) * devicePixelRatio;
            const { data } = river.getContext("2d").getImageData(0, bed - 20 * devicePixelRatio, river.width, 1);
            const oldest = Array.from({ length: river.width }, (_, x) => x).find((x) => data[4 * x + 3] > 100);
            if (oldest === undefined) return false;
            const age = ((river.width - oldest) / devicePixelRatio / 5) * 100; // 5 px are a tenth of a second
            return age > performance.now() + 500;
          });
          const keys = await demo.page.locator(".legend > span").allInnerTexts();
          assert.deepEqual(
            keys.map((key) => key.trim()),
            ["live", "caught up", "no connection", "before this page", "headline", "message"],
          );
        },
        { origin: own.origin },
      );
    } finally {
      await own.close();
    }
  });

  test("shows heartbeats over fetch where a quiet subscription needs them", async () => {
    const own = await startDemo("--heartbeat", "1");
    try {
      await withPage(
        async (demo) => {
          await demo.isOpen();
          await demo.page.getByRole("radio", { name: "only chat", exact: true }).check();
          await demo.shows("heartbeats", /^[1-9]/);
          await demo.shows("frames", /^id: [0-9a-z]+-\d+$/m);
        },
        { origin: own.origin, query: "?transport=fetch" },
      );
    } finally {
      await own.close();
    }
  });

  test("says that a key is wanted where the server has keys", async () => {
    const strict = await startDemo("--insecure=false", "--subscribe-key", "a-key-of-sufficient-length-0123456789");
    try {
      await withPage(
        async (demo) => {
          await demo.shows("state-text", /^Closed$/);
          await demo.shows("state-detail", /^The server wants a key, and this page has none or a wrong one\./);
        },
        { origin: strict.origin },
      );
    } finally {
      await strict.close();
    }
  });

  test("is there before the package is, and says so in a sentence when that cannot be loaded", async () => {
    await withPage(
      async (demo) => {
        assert.equal(await demo.text("state-text"), "Connecting");
        assert.ok(await demo.page.getByRole("heading", { level: 1 }).isVisible());
        await demo.page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length === 1);
        assert.ok(!demo.requests.some((url) => url.endsWith(".wasm")));
        demo.refuse();
        await demo.shows("state-text", /^Closed$/);
        await demo.shows("state-detail", /^The event stream cannot be read\. Reload the page to try again\.$/);
      },
      { refused: /wire-.*\.js$/ },
    );
  });
});
