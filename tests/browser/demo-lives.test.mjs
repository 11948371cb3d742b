// The five lives of the demo page, from the real server, in a real Chromium.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { until } from "../support/until.mjs";
import { DemoPage, demoForTests, startDemo } from "./demo-page.mjs";

const demos = demoForTests();
const { withPage } = demos;

const boardInView = { width: 1400, height: 1200 };
const scrollTo = (demo, selector) =>
  demo.page.evaluate((to) => document.querySelector(to).scrollIntoView({ behavior: "instant" }), selector);
const life = (name) => ({ query: `#${name}` });

describe("Stocks", () => {
  test("hundreds of changes a second reach the board, and the chart of the one that is chosen", async () => {
    await withPage(async (demo) => {
      await demo.shows("tick-rate", /^\d{3}$/);
      await demo.page.waitForFunction(() => document.querySelectorAll("#prices button:not(:disabled)").length === 48);
      assert.match(await demo.text("prices"), /ALDER\s+\d+\.\d\d\s+[+−]\d+\.\d\d %/);
      await demo.page.getByRole("button", { name: "WEIR" }).click();
      assert.equal(await demo.text("chart-symbol"), "WEIR");
      await demo.shows("chart-price", /^\d+\.\d\d$/);
      await demo.page.waitForSelector("#price-chart canvas");
    });
  });

  test("opens complete: in no frame has the board some of the prices only", async () => {
    const noteFrames = () => {
      window.boards = [];
      const look = () => {
        const priced = [...document.querySelectorAll("#prices .price")].filter((price) => /\d/.test(price.textContent));
        const listed = document.querySelectorAll("#prices .symbol:not(:disabled)");
        window.boards.push([listed.length, priced.length]);
        requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
    };
    // Far more is published than the log keeps: what a stock last cost is retained.
    const small = await startDemo("--history-events", "60");
    try {
      await withPage(
        async (demo) => {
          await demo.page.waitForFunction(() => window.boards.at(-1)?.[1] === 48);
          const boards = new Set(await demo.page.evaluate(() => window.boards.map(String)));
          boards.delete("0,0");
          assert.deepEqual([...boards], ["48,48"]);
        },
        { origin: small.origin, prepare: noteFrames },
      );
    } finally {
      await small.close();
    }
  });

  test("a page that joins a shared stream has all prices, too", async () => {
    await withPage(async (first, context) => {
      await first.isOpen();
      await first.page.getByLabel("One connection for all tabs").check();
      await first.isOpen();
      const second = await DemoPage.open(context, demos.server.origin);
      await second.isOpen();
      await second.page.waitForFunction(() => document.querySelectorAll("#prices button:not(:disabled)").length === 48);
      assert.ok(await second.page.isHidden("#problem"));
      assert.deepEqual([await second.text("missed"), await second.text("doubled")], ["0", "0"]);
    });
  });

  test("red is up for Chinese readers, and green for others", async () => {
    const colours = async (demo) => {
      await demo.page.waitForSelector("#prices [data-way=down]");
      const rgbOf = (selector) =>
        demo.page.evaluate(
          (selector) => getComputedStyle(document.querySelector(selector)).color.match(/\d+/g),
          selector,
        );
      const [red, green] = [0, 1].map((channel) => async (selector) => Number((await rgbOf(selector))[channel]));
      const isRed = async (selector) => (await red(selector)) > (await green(selector));
      await demo.page.evaluate(() => {
        document.getElementById("news-reply").dataset.outcome = "accepted";
      });
      return [await isRed("#prices [data-way=up]"), await isRed("#prices [data-way=down]"), await isRed("#news-reply")];
    };
    await withPage(async (demo) => {
      assert.deepEqual(await colours(demo), [false, true, false]);
      await demo.page.click("#language");
      assert.deepEqual(await colours(demo), [true, false, false]);
    });
  });

  test("a burst of changes is drawn once a frame, and flashes", async () => {
    await withPage(
      async (demo) => {
        await demo.isOpen();
        await demo.received(100);
        const stock = (n) => ({
          topic: "demo/stocks/AAA",
          event: "tick",
          data: { n, symbol: "AAA", price: n, time: n },
        });
        await demos.server.publish(stock(1));
        // Its name stands there before its price is drawn, and a first price does not flash.
        await demo.page.waitForFunction(() => document.querySelector("#prices .symbol").textContent === "AAA");
        await demo.page.waitForFunction(() => document.querySelector("#prices .price").textContent === "1.00");
        // Nor does one that the page does not know to be in view yet: that it does shows by a change that flashes.
        let last = 1;
        for (let flashes = false; !flashes; ) {
          last += 1;
          await demos.server.publish(stock(last));
          const shown = `${last}.00`;
          await demo.page.waitForFunction(
            (text) => document.querySelector("#prices .price").textContent === text,
            shown,
          );
          flashes = await demo.page.evaluate(
            () => document.querySelector("#prices .price").getAnimations().length === 1,
          );
        }
        await demo.page.evaluate(() => {
          const price = document.querySelector("#prices .price");
          Object.assign(window, { frames: 0, written: 0, flashed: false });
          new MutationObserver((records) => {
            window.written += records.length;
            window.flashed ||= price.getAnimations().length === 1;
          }).observe(price, { characterData: true, childList: true, subtree: true });
          const step = () => {
            window.frames += 1;
            requestAnimationFrame(step);
          };
          requestAnimationFrame(step);
        });
        await demos.server.publish(Array.from({ length: 500 }, (_, i) => stock(last + 1 + i)));
        const end = `${last + 500}.00`;
        await demo.page.waitForFunction((text) => document.querySelector("#prices .price").textContent === text, end);
        const { frames, written, flashed } = await demo.page.evaluate(() => {
          const { frames, written, flashed } = window;
          return { frames, written, flashed };
        });
        assert.ok(written >= 1 && written <= frames, `${written} times in ${frames} frames`);
        assert.ok(flashed);
      },
      { viewport: boardInView },
    );
  });

  test("only what is in view is drawn as often as data comes", async () => {
    const count = () => {
      Object.assign(window, { rivers: 0, flashed: new Set() });
      const { clearRect } = CanvasRenderingContext2D.prototype;
      CanvasRenderingContext2D.prototype.clearRect = function (...area) {
        if (this.canvas.id === "river") window.rivers += 1;
        clearRect.apply(this, area);
      };
      const { animate } = Element.prototype;
      Element.prototype.animate = function (...flash) {
        window.flashed.add(this.closest("tr").rowIndex);
        return animate.apply(this, flash);
      };
    };
    await withPage(
      async (demo) => {
        await demo.isOpen();
        await demo.received(800); // rows out of view have been brought up to date more than once
        const inView = () => demo.page.evaluate(() => ({ rivers: window.rivers, rows: [...window.flashed] }));
        const first = await inView();
        assert.ok(first.rivers > 0);
        assert.ok(first.rows.length > 0 && Math.max(...first.rows) < 30, `rows ${first.rows}`);
        await scrollTo(demo, "#prices tr:last-child");
        await demo.page.waitForFunction(() => window.flashed.has(48));
        await scrollTo(demo, ".foot");
        // That it is out of view it is told some time later: from then on nothing is drawn, though data comes.
        const drawnMeanwhile = async () => {
          const { rivers } = await inView();
          await demo.received((await demo.number("received")) + 100);
          return (await inView()).rivers - rivers;
        };
        await until(async () => (await drawnMeanwhile()) === 0, "the river to be left alone");
        assert.equal(await drawnMeanwhile(), 0);
      },
      { viewport: boardInView, prepare: count },
    );
  });

  test("the same seed makes the same prices", async () => {
    const course = async () => {
      const own = await startDemo("--demo-seed", "7");
      try {
        const url = `${own.events}?topic=demo/stocks/*&lastEventId=earliest&mode=poll`;
        const text = await (await fetch(url)).text();
        return [...text.matchAll(/"n":(\d+),"symbol":"(\w+)","price":([\d.]+)/g)].slice(0, 20).map(([tick]) => tick);
      } finally {
        await own.close();
      }
    };
    const first = await course();
    const second = await course();
    const length = Math.min(first.length, second.length);
    assert.ok(length > 0);
    assert.deepEqual(first.slice(0, length), second.slice(0, length));
  });
});

describe("News", () => {
  test("arrive, have a past, and take what a reader publishes to every page", async () => {
    await withPage(async (writer, context) => {
      const reader = await DemoPage.open(context, `${demos.server.origin}/#news`);
      await writer.isOpen();
      await reader.isOpen();
      await writer.page.getByLabel("Headline", { exact: true }).fill("<b>The wheel</b> turns & turns");
      await writer.page.getByRole("button", { name: "Publish" }).click();
      await writer.shows("news-reply", /^Published, with the ID [0-9a-z]+-\d+\.$/);
      for (const demo of [writer, reader]) await demo.shows("headlines", /Readers<b>The wheel<\/b> turns & turns/);
      assert.equal(await writer.page.getByLabel("Headline", { exact: true }).inputValue(), "");
      const late = await DemoPage.open(context, `${demos.server.origin}/#news`);
      await late.shows("headlines", /Readers<b>The wheel<\/b> turns & turns/);
    }, life("news"));
  });

  test("show what anyone publishes, whatever its shape", async () => {
    await withPage(async (demo) => {
      await demo.isOpen();
      for (const data of ["just text", null, [1, 2], { text: 7 }]) {
        await demos.server.publish({ topic: "demo/news", event: "news", data });
      }
      await demo.shows("headlines", /7.*\[1,2\].*null.*just text/);
      assert.deepEqual(demo.consoleErrors, []);
    }, life("news"));
  });

  test("keep the headline and say why when the server refuses it, or is gone", async () => {
    const strict = await startDemo("--insecure=false");
    try {
      await withPage(
        async (demo) => {
          await demo.isOpen();
          await demo.page.getByLabel("Headline", { exact: true }).fill("May I?");
          await demo.page.getByRole("button", { name: "Publish" }).click();
          await demo.page.waitForSelector("#news-reply[data-outcome=refused]");
          const response = await fetch(strict.events, { method: "POST", body: '{"topic":"demo/news","data":""}' });
          assert.equal(await demo.text("news-reply"), (await response.json()).error);
          await strict.close();
          await demo.page.getByRole("button", { name: "Publish" }).click();
          await demo.shows("news-reply", /^The server does not answer, so it was not published/);
          assert.equal(await demo.page.getByLabel("Headline", { exact: true }).inputValue(), "May I?");
        },
        { ...life("news"), origin: strict.origin },
      );
    } finally {
      await strict.close();
    }
  });
});

describe("Chat", () => {
  test("two tabs see each other, talk in a room, and notice who leaves", async () => {
    await withPage(async (ada, context) => {
      const say = async (demo, text) => {
        await demo.page.getByLabel("Message", { exact: true }).fill(text);
        await demo.page.getByRole("button", { name: "Send" }).click();
      };
      const bob = await DemoPage.open(context, `${demos.server.origin}/#chat`);
      for (const [demo, name] of [
        [ada, "Ada"],
        [bob, "Bob"],
      ]) {
        await demo.isOpen();
        await demo.page.getByLabel("Your name").fill(name);
        await demo.page.keyboard.press("Tab");
      }
      for (const demo of [ada, bob]) await demo.shows("here", /Ada.*Bob|Bob.*Ada/);
      await say(ada, "Is the sluice open?");
      await bob.shows("messages", /Ada\d\d:\d\dIs the sluice open\?/);
      await say(bob, "<i>It is.</i>");
      await ada.shows("messages", /Bob\d\d:\d\d<i>It is\.<\/i>/);

      await bob.page.getByLabel("Workshop").check();
      await say(bob, "Over here.");
      await bob.shows("messages", /Over here\./);
      assert.doesNotMatch(await ada.text("messages"), /Over here/);
      await ada.page.getByLabel("Workshop").check();
      await ada.shows("messages", /Over here\./);

      await bob.page.close();
      await ada.shows("here", /^(?!.*Bob).*Ada/);
    }, life("chat"));
  });
});

describe("The roster", () => {
  const named = async (demo, name) => {
    await demo.isOpen();
    await demo.page.getByLabel("Your name").fill(name);
    await demo.page.keyboard.press("Tab");
  };

  test("is whole for a page that comes when the log has long dropped it, and shows who one is", async () => {
    const small = await startDemo("--history-events", "60");
    try {
      await withPage(
        async (ada) => {
          await named(ada, "Ada");
          await ada.shows("here", /Ada/);
          await ada.received((await ada.number("received")) + 500);
          // Nobody has come or gone since: what is read here was published then.
          const url = `${small.events}?topic=demo/presence&lastEventId=latest&mode=poll`;
          assert.match(await (await fetch(url)).text(), /"here":\["Ada"\]/);
          assert.equal(await ada.page.locator("#here .own").innerText(), "A\nAda");
        },
        { ...life("chat"), origin: small.origin },
      );
    } finally {
      await small.close();
    }
  });

  test("a visitor that polls stays, and learns why", async () => {
    await withPage(
      async (demo) => {
        await demo.isOpen();
        await demo.received(200);
        // It is one poll's luck to be open just then.
        await demo.page.route("**/demo/kick?*", (route) => route.continue({ url: `${route.request().url()}-another` }));
        await demo.page.getByRole("button", { name: "Kick me" }).click();
        await demo.shows("problem", /^The stream was not ended\. client: has no open stream now; a client that polls/);
        assert.equal(await demo.text("kick"), "Kick me");
        assert.equal(await demo.text("state-text"), "Open");
      },
      { query: "?transport=poll#chat" },
    );
  });

  for (const transport of ["native", "fetch", "xhr"]) {
    test(`one who is kicked is out, does not come back by itself, and misses nothing when asked back (${transport})`, async () => {
      await withPage(
        async (eve, context) => {
          const ada = await DemoPage.open(context, `${demos.server.origin}/#chat`);
          await named(ada, "Ada");
          await named(eve, "Eve");
          await ada.shows("here", /Eve/);
          await eve.received(200);
          await eve.page.getByRole("button", { name: "Kick me" }).click();
          await eve.shows("state-text", /^Closed$/);
          await eve.shows("state-detail", /^The server has ended this page's stream for good\. Reload the page/);
          await ada.shows("here", /^(?!.*Eve).*Ada/);
          await ada.received((await ada.number("received")) + 300);
          assert.equal(await eve.text("state-text"), "Closed");
          await eve.page.getByRole("button", { name: "Come back" }).click();
          await eve.isOpen();
          await ada.shows("here", /Eve/);
          await eve.page.getByRole("button", { name: "Kick me" }).waitFor();
          await eve.received((await eve.number("received")) + 300);
          assert.deepEqual([await eve.text("missed"), await eve.text("doubled")], ["0", "0"]);
        },
        { query: `?transport=${transport}#chat` },
      );
    });
  }
});

describe("Monitoring", () => {
  test("shows the server's figures, and an alarm above the line", async () => {
    await withPage(async (demo) => {
      await demo.shows("gauge-cpu", /^\d+\.\d$/);
      await demo.shows("gauge-memory", /^\d+\.\d$/);
      await demo.shows("gauge-streams", /^[1-9]/);
      await demo.shows("gauge-deliveries", /^\d{3,}/);
      await demo.page.waitForFunction(() => document.querySelectorAll("#monitoring canvas").length === 4);
      await demo.shows("alarm-text", /^Below the line\.$/);
      await demo.page.focus("#alarm-line");
      await demo.page.keyboard.press("Home");
      await demo.shows("alarm-value", /^100$/);
      await demo.shows("alarm-text", /^Above the line\.$/);
    }, life("monitoring"));
  });

  test("says that memory grows because the log fills, and when it is full", async () => {
    // Two logs: one that fills may be full before the page is there to see it.
    for (const [events, look] of [
      [
        "1000000",
        async (demo) => {
          const filling = /^Memory grows while the log fills: it holds \d+\.\d MB of events and is \d\d? % full\.$/;
          await demo.shows("log-note", filling);
        },
      ],
      [
        "500",
        async (demo) => {
          await demo.shows("log-note", /^The log is full with \d+\.\d MB of events/);
          await demo.page.click("#language");
          await demo.shows("log-note", /^日志已满/);
        },
      ],
    ]) {
      const own = await startDemo("--history-events", events);
      try {
        await withPage(look, { ...life("monitoring"), origin: own.origin });
      } finally {
        await own.close();
      }
    }
  });

  test("shows in its charts what was measured before the page was opened", async () => {
    const own = await startDemo();
    const noteLabels = () => {
      window.labels = new Set();
      const { fillText } = CanvasRenderingContext2D.prototype;
      CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
        window.labels.add(text);
        fillText.call(this, text, ...place);
      };
    };
    try {
      const before = { time: Date.now() - 60_000, cpu: 0, memory: 7e15, streams: 1, deliveries: 1 };
      await own.publish({ topic: "demo/gauges", event: "gauges", data: before });
      await withPage(
        async (demo) => {
          await demo.shows("gauge-memory", /^\d{1,4}\.\d$/);
          // The axis reaches up to what was, and the figure beside it is of now.
          await demo.page.waitForFunction(() => [...window.labels].some((label) => /^\d{10}\.0$/.test(label)));
          assert.match(await demo.text("gauge-memory"), /^\d{1,4}\.\d$/);
        },
        { ...life("monitoring"), origin: own.origin, prepare: noteLabels },
      );
    } finally {
      await own.close();
    }
  });
});
