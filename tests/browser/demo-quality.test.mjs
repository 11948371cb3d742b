// What holds for all of the demo page: languages, accessibility, policy, standing still, and its weight.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { until } from "../support/until.mjs";
import { built, demoForTests, lives } from "./demo-page.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const demos = demoForTests();
const { withPage } = demos;

describe("The demo page", () => {
  for (const colorScheme of ["light", "dark"]) {
    test(`has nothing that axe objects to, in any panel (${colorScheme})`, async () => {
      // What is injected to look at the page is no part of it.
      await withPage(
        async (demo) => {
          await demo.isOpen();
          await demo.received(100);
          await demo.page.evaluate(axe);
          const found = [];
          const look = async (where) => {
            const { violations } = await demo.page.evaluate(() => axe.run({ resultTypes: ["violations"] }));
            for (const { id, nodes } of violations) found.push(`${where}: ${id} ${nodes.map(({ html }) => html)}`);
          };
          for (const name of lives) {
            await demo.page.click(`#tab-${name}`);
            if (name === "answer") await demo.page.click("#suggestions button");
            await look(name);
          }
          await demo.page.click("#language");
          await look("Chinese");
          await demo.page.goto(`${demos.server.origin}/push.html`);
          await demo.page.evaluate(axe);
          await look("push.html");
          assert.deepEqual(found, []);
        },
        { colorScheme, bypassCSP: true },
      );
    });
  }

  test("speaks Chinese to a Chinese browser, and either language when asked", async () => {
    const chinese = /[\u4e00-\u9fff]/;
    await withPage(
      async (demo) => {
        await demo.shows("state-text", /^已连接$/);
        assert.equal(await demo.page.getAttribute("html", "lang"), "zh");
        for (const name of lives) assert.match(await demo.text(`tab-${name}`), chinese);
        await demo.page.click("#tab-news");
        await demo.shows("headlines", chinese);
        await demo.page.click("#tab-answer");
        await demo.page.click("#suggestions button");
        await demo.shows("page", chinese);
        await demo.page.click("#language");
        await demo.shows("state-text", /^Open$/);
        await demo.shows("headlines", /[A-Z][a-z]+ /);
        for (const name of lives) assert.doesNotMatch(await demo.text(`tab-${name}`), chinese);
        await demo.page.reload();
        await demo.shows("state-text", /^Open$/); // it remembers
        assert.equal(await demo.page.title(), "Millrace: cut the wire, nothing is lost");
      },
      { locale: "zh-CN" },
    );
    await withPage(async (demo) => {
      await demo.isOpen();
      assert.equal(await demo.page.getAttribute("html", "lang"), "en");
    });
  });

  test("asks nobody but its server, which has it keep to a strict policy, and leaves the console clean", async () => {
    const response = await fetch(demos.server.origin);
    assert.equal(response.headers.get("Content-Security-Policy"), "frame-ancestors 'self'");
    const [, escaped] = /<meta http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(await response.text());
    const policy = escaped.replaceAll("&#39;", "'");
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval'(?<!wasm-unsafe-eval')/);
    await withPage(async (demo) => {
      await demo.received(100);
      for (const name of lives) await demo.page.click(`#tab-${name}`);
      await demo.page.click("#suggestions button");
      await demo.shows("answer-tokens", /^[1-9]/);
      const elsewhere = demo.requests.filter((url) => !url.startsWith(`${demos.server.origin}/`));
      assert.deepEqual(elsewhere, []);
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

  test("says what it is before anything else, with links to source, docs, package and licence", async () => {
    await withPage(async (demo) => {
      const first = await demo.page.evaluate(() => document.querySelector(".lead").textContent.trim());
      assert.match(first, /^Millrace is Server-Sent Events from one C\+\+ core: .* WebAssembly in this page\./);
      const links = await demo.page
        .locator(".what a")
        .evaluateAll((all) => all.map((link) => [link.textContent, link.href]));
      assert.deepEqual(
        links.map(([text]) => text),
        ["Source", "Docs", "npm package", "MIT licence"],
      );
      for (const [, href] of links) assert.match(href, /^https?:/);
      assert.match(await (await fetch(links[3][1])).text(), /^MIT License/);
    });
  });

  test("tells its states apart where the reader's system sets the colours", async () => {
    await withPage(
      async (demo) => {
        const style = (selector, property) =>
          demo.page.evaluate(
            ([selector, property]) => getComputedStyle(document.querySelector(selector))[property],
            [selector, property],
          );
        const differ = async (property, one, other) =>
          assert.notEqual(await style(one, property), await style(other, property), `${one} and ${other}`);
        await demo.isOpen();
        await differ("borderBottomColor", "#tab-stocks", "#tab-news");
        await differ("backgroundColor", "input[name=flow]:checked + span", "input[name=flow]:not(:checked) + span");
        await differ("backgroundColor", ".lamp", "body");
        await differ("backgroundColor", ".live-key", "body");
        await differ("backgroundColor", ".live-key", ".late-key");
        await demo.page.click("#pause");
        await differ("backgroundColor", "#pause", "#go-silent");
        // The river is drawn in the system's colours.
        const text = await style(".live-key", "backgroundColor");
        await demo.page.waitForFunction((text) => {
          const river = document.getElementById("river");
          const { width, height } = river;
          const { data } = river.getContext("2d").getImageData(width - 60, (height - 22) / 2 - 2, 60, 1);
          const [red, green, blue] = text.match(/\d+/g).map(Number);
          return data.some(
            (_, i) =>
              i % 4 === 0 && data[i] === red && data[i + 1] === green && data[i + 2] === blue && data[i + 3] === 255,
          );
        }, text);
      },
      { forcedColors: "active", colorScheme: "light" },
    );
  });

  test("stands still while data flows, from a narrow phone to a wide screen", async () => {
    const wholePage = 4800; // only what is in view counts as shifted
    const at = (width) =>
      withPage(
        async (demo) => {
          await demo.isOpen();
          await demo.received(300);
          await demo.page.click("#cut");
          await demo.shows("verdict", /caught up/);
          const { shift, shifted, overflow } = await demo.page.evaluate(() => ({
            shift: window.layoutShift,
            shifted: window.shifted,
            overflow: document.documentElement.scrollWidth - innerWidth,
          }));
          assert.ok(shift < 0.001, `layout shift of ${shift} at ${width} px: ${shifted.join("; ")}`);
          assert.equal(overflow, 0, `${width} px`);
          for (const name of lives) {
            await demo.page.click(`#tab-${name}`);
            const wider = await demo.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            assert.equal(wider, 0, `${name} at ${width} px`);
            if (name === "answer") {
              await demo.page.click("#suggestions button");
              await demo.shows("answer-tokens", /^[4-9]\d|\d{3}/);
            } else await demo.received((await demo.number("received")) + 100);
          }
          // Headlines move on to make place, and words that grow go to the next line; nothing around them moves. 0.1 is
          // what counts as good.
          const later = await demo.page.evaluate(() => ({ shift: window.layoutShift, shifted: window.shifted }));
          assert.ok(later.shift < 0.01, `layout shift of ${later.shift} at ${width} px: ${later.shifted.join("; ")}`);
        },
        { viewport: { width, height: wholePage } },
      );
    await Promise.all([320, 360, 768, 1280, 1920].map(at));
  });

  test("can be used with the keyboard alone", async () => {
    await withPage(async (demo) => {
      const { keyboard } = demo.page;
      await demo.isOpen();
      await focusByTab(demo.page, "#tab-stocks");
      for (const name of [...lives.slice(1), "stocks"]) {
        await keyboard.press("ArrowRight");
        assert.equal(await demo.page.evaluate(() => document.activeElement.id), `tab-${name}`);
        assert.ok(await demo.page.isVisible(`#${name}`));
      }
      await keyboard.press("End");
      assert.ok(await demo.page.isVisible("#answer"));
      assert.match(demo.page.url(), /#answer$/);
      await focusByTab(demo.page, "#pause");
      await keyboard.press("Space");
      const frames = await demo.text("frames");
      await demo.received((await demo.number("received")) + 200);
      assert.equal(await demo.text("frames"), frames);

      await focusByTab(demo.page, "#cut");
      await keyboard.press("Enter");
      await demo.shows("state-text", /^Reconnecting/);
      await demo.isOpen();

      for (const [name, key, value] of [
        ["transport", "ArrowRight", "fetch"],
        ["core", "ArrowDown", "js"],
        ["flow", "ArrowRight", "calm"],
      ]) {
        await focusByTab(demo.page, `input[name=${name}]`);
        await keyboard.press(key);
        assert.equal(await demo.page.evaluate(() => document.activeElement.value), value);
      }
      await demo.isOpen();

      await focusByTab(demo.page, "[role=tab]");
      await keyboard.press("Home");
      // The board is one stop, and arrow keys go from row to row.
      await keyboard.press("Tab");
      const focused = () => demo.page.evaluate(() => document.activeElement.textContent);
      assert.equal(await focused(), await demo.text("chart-symbol"));
      for (const [key, symbol] of [
        ["ArrowDown", "BASIN"],
        ["End", "ZEPHYR"],
        ["ArrowDown", "ZEPHYR"],
        ["ArrowUp", "YARROW"],
      ]) {
        await keyboard.press(key);
        assert.equal(await focused(), symbol);
      }
      await keyboard.press("Enter");
      assert.equal(await demo.text("chart-symbol"), "YARROW");
      await keyboard.press("Tab");
      assert.equal(await demo.page.evaluate(() => document.activeElement.closest("#lives")), null);

      await focusByTab(demo.page, "[role=tab]");
      await keyboard.press("End");
      await focusByTab(demo.page, "#prompt");
      await keyboard.type("What does Stop stop?");
      await keyboard.press("Enter");
      await demo.shows("answer-tokens", /^[1-9]/);
      await focusByTab(demo.page, "#answer-stop");
      await keyboard.press("Enter");
      await demo.shows("answer-status", /^Stopped/);
    });
  });

  test("says so where the browser is too old for modules", async () => {
    await withPage(async (demo) => {
      await demo.page.addScriptTag({ url: `${demos.server.origin}/unsupported.js` });
      assert.match(
        readFileSync(join(built, "index.html"), "utf8"),
        /<script nomodule defer src="\.\/unsupported\.js">/,
      );
      await demo.shows("problem", /too old/);
    });
  });

  test("weighs less than 100 kB, gzipped, in all, but for the other core, which few will ask for", () => {
    const files = readdirSync(built, { recursive: true })
      .filter((path) => statSync(join(built, path)).isFile())
      .filter((path) => !/\/(js|wasm2js)-/.test(path));
    const sizes = files.map((path) => [path, gzipSync(readFileSync(join(built, path))).length]);
    const bytes = sizes.reduce((sum, [, size]) => sum + size, 0);
    assert.ok(bytes > 10_000 && bytes < 100_000, `${bytes} bytes in ${sizes.join(" ")}`);
  });
});

/** Presses Tab until what matches has the focus. */
async function focusByTab(page, selector) {
  for (let presses = 0; presses < 120; ++presses) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((selector) => document.activeElement?.matches(selector), selector)) return;
  }
  assert.fail(`120 presses of Tab do not lead to ${selector}`);
}
