// The other lives of the demo page, from the real server, in a real Chromium.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DemoPage, demoForTests, startDemo } from "./demo-page.mjs";

const demos = demoForTests();
const { withPage } = demos;

const life = (name) => ({ query: `#${name}` });

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
