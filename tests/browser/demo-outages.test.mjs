// The demo page's wire when something goes wrong: a silent line, old and unknown IDs, gaps, holes, and a server that is gone.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { freePort } from "../support/free-port.mjs";
import { demoForTests, startDemo } from "./demo-page.mjs";

const demos = demoForTests();
const { withPage } = demos;

describe("The wire", () => {
  test("says that the line is silent when the server stalls, and catches up after it", async () => {
    await withPage(async (demo) => {
      await demo.isOpen();
      await demo.received(100);
      await demo.page.click("#go-silent");
      await demo.shows("state-text", /^Silent for \d+ s$/);
      await demo.shows("state-detail", /open, and nothing comes/);
      await demo.shows("verdict", /caught up, 0 missed, 0 doubled\.$/);
      await demo.isOpen();
      await demo.hasLostNothing();
    });
  });

  test("comes back with an old ID: the same events again, none missing, none counted as doubled", async () => {
    await withPage(async (demo) => {
      await demo.isOpen();
      await demo.received(900);
      await demo.page.click("#old-id");
      const verdict = await demo.shows("verdict", /^Came back with the old ID/);
      const again = Number(/: ([\d,]+) events again/.exec(verdict)[1].replaceAll(",", ""));
      assert.ok(again >= 300, verdict);
      await demo.received((await demo.number("received")) + 300);
      await demo.hasLostNothing();
    });
  });

  test("reconnects with an unknown ID, and gets a gap", async () => {
    await withPage(async (demo) => {
      await demo.isOpen();
      await demo.received(100);
      await demo.page.click("#unknown-id");
      await demo.shows("problem", /does not know the ID nowhere-1/);
      await demo.isOpen();
      await demo.received((await demo.number("received")) + 300);
      await demo.hasLostNothing();
    });
  });

  test("reconnects with an ID that the server no longer holds: gets a gap, and counts what is gone", async () => {
    const own = await startDemo("--history-events", "200");
    try {
      await withPage(
        async (demo) => {
          await demo.isOpen();
          await demo.received(900);
          await demo.page.click("#old-id");
          await demo.shows(
            "problem",
            /no longer holds what came right after ID [0-9a-z]+-\d+: .* how many are missing\.$/,
          );
          await demo.shows("missed", /^[1-9]\d*$/);
          assert.equal(await demo.text("doubled"), "0");
        },
        { origin: own.origin },
      );
    } finally {
      await own.close();
    }
  });

  test("counts a hole and a repeat when there is one", async () => {
    const own = await startDemo();
    try {
      await withPage(
        async (demo) => {
          await demo.isOpen();
          await demo.received(500);
          const far = { n: 1_000_000, symbol: "ALDER", price: 1, time: Date.now() };
          await own.publish({ topic: "demo/stocks/ALDER", event: "tick", data: far });
          await demo.shows("missed", /^999,\d{3}$/);
          await demo.shows("doubled", /^[1-9]\d*$/);
        },
        { origin: own.origin },
      );
    } finally {
      await own.close();
    }
  });

  test("counts down to the next try when the server is gone, and says so when its log began anew", async () => {
    const first = await startDemo("--port", String(await freePort())); // which it comes back to
    let second;
    try {
      await withPage(
        async (demo) => {
          await demo.isOpen();
          await demo.received(100);
          await first.close();
          const seconds = async (pattern) => /[\d.]+/.exec(await demo.shows("state-text", pattern))[0];
          const sooner = await seconds(/^Reconnecting in (?!0\.[01])\d+\.\d s$/);
          await demo.page.waitForFunction(
            (sooner) =>
              Number.parseFloat(/[\d.]+/.exec(document.getElementById("state-text").textContent)?.[0]) < sooner,
            Number(sooner),
          );
          await demo.shows("state-detail", /^The server does not answer\.$/);
          await demo.page.click("#go-silent");
          await demo.shows("problem", /^The connection was not cut\. The server does not answer\.$/);

          second = await startDemo("--port", String(first.port));
          await demo.isOpen();
          await demo.shows("problem", /does not know the ID [0-9a-z]+-\d+: its log has begun anew/);
          await demo.shows("verdict", /could not go on where this page had stopped\.$/);
          await demo.received((await demo.number("received")) + 300);
          await demo.hasLostNothing();
        },
        { origin: first.origin },
      );
    } finally {
      await second?.close();
    }
  });
});
