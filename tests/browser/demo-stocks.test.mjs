// The stocks of the demo page, from the real server, in a real Chromium.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { until } from "../support/until.mjs";
import { DemoPage, demoForTests, startDemo } from "./demo-page.mjs";

const demos = demoForTests();
const { withPage } = demos;

const boardInView = { width: 1400, height: 1200 };
const scrollTo = (demo, selector) =>
  demo.page.evaluate((to) => document.querySelector(to).scrollIntoView({ behavior: "instant" }), selector);

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
