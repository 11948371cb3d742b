// The demo page in a real Chromium, served by the real server: what its tests share.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { build } from "vite";
import { launchChromium } from "../support/chromium.mjs";
import { root, startMillrace } from "../support/millrace-server.mjs";

/** Where the page is that this process is about: others may build it at the same time. */
export const built = mkdtempSync(join(tmpdir(), "millrace-demo-"));
/** The same of the page of --ui. */
export const builtUi = mkdtempSync(join(tmpdir(), "millrace-ui-"));
process.on("exit", () => {
  for (const folder of [built, builtUi]) rmSync(folder, { recursive: true });
});

/** Builds the page from its sources, apart from web-demo/dist, so that what is tested is never an old one. */
export async function buildDemoPage() {
  const options = { outDir: built, emptyOutDir: true, rolldownOptions: { checks: { pluginTimings: false } } };
  await build({ root: join(root, "web-demo"), logLevel: "warn", build: options });
}

/** The page of --ui, likewise. */
export async function buildUiPage() {
  const options = { outDir: builtUi, emptyOutDir: true, rolldownOptions: { checks: { pluginTimings: false } } };
  const configFile = join(root, "web-demo/ui/vite.config.js");
  await build({ configFile, logLevel: "warn", build: options });
}

/** The server that serves it, with its made-up lives; `extra` are further options. */
export function startDemo(...extra) {
  return startMillrace("--demo", "--web", built, ...extra);
}

/** The panels of the page. */
export const lives = ["stocks", "news", "chat", "monitoring", "answer"];

/**
 * For the tests of a file: builds the page, and while they run there are `browser` and `server`, and `withPage(body,
 * options)`, which runs `body` with the page in a tab of its own. The options are the browser context's, and: `query`;
 * `origin`, where another server is meant; `prepare`, run in the page before its own scripts; and `refused`: what matches
 * it is not answered until the page's refuse() is called, and then not at all.
 */
export function demoForTests() {
  const demos = {
    async withPage(body, { query = "", origin = demos.server.origin, refused, prepare = () => {}, ...options } = {}) {
      const context = await demos.browser.newContext(options);
      try {
        await context.addInitScript(prepare);
        let refuse;
        const refusal = new Promise((resolve) => {
          refuse = resolve;
        });
        if (refused) await context.route(refused, (route) => refusal.then(() => route.abort()));
        const demo = await DemoPage.open(context, `${origin}/${query}`);
        demo.refuse = refuse;
        await body(demo, context);
      } finally {
        await context.close();
      }
    },
  };
  before(async () => {
    await buildDemoPage();
    demos.browser = await launchChromium();
    demos.server = await startDemo();
  });
  after(async () => {
    await demos.browser?.close();
    await demos.server?.close();
  });
  return demos;
}

/** One tab with the page, and everything that went wrong in it. */
export class DemoPage {
  /** What the page tried that its own content security policy forbids. */
  violations = [];
  consoleErrors = [];
  requests = [];
  /** See demoForTests. */
  refuse = () => {};

  static async open(context, url) {
    const demo = new DemoPage();
    demo.page = await context.newPage();
    demo.page.on("pageerror", (error) => demo.consoleErrors.push(error.message));
    demo.page.on("console", (message) => {
      if (message.type() === "error") demo.consoleErrors.push(message.text());
    });
    demo.page.on("request", (request) => demo.requests.push(request.url()));
    await demo.page.exposeFunction("reportViolation", (violation) => demo.violations.push(violation));
    await demo.page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) =>
        window.reportViolation(`${event.violatedDirective}: ${event.blockedURI}`),
      );
      window.layoutShift = 0;
      window.shifted = [];
      new PerformanceObserver((list) => {
        for (const { value, hadRecentInput, sources } of list.getEntries()) {
          if (hadRecentInput) continue; // what a visitor asks for may move
          window.layoutShift += value;
          for (const { node, previousRect, currentRect } of sources) {
            const name = node?.id || node?.className || node?.parentElement?.id || node?.nodeName;
            window.shifted.push(`${name} ${previousRect.x},${previousRect.y} to ${currentRect.x},${currentRect.y}`);
          }
        }
      }).observe({ type: "layout-shift", buffered: true });
    });
    await demo.page.goto(url);
    return demo;
  }

  /** The text of the element with this ID. */
  text(id) {
    return this.page.locator(`#${id}`).innerText();
  }

  async number(id) {
    return Number((await this.text(id)).replaceAll(",", ""));
  }

  /** Waits until the text of the element with this ID, hidden ones included, matches, and returns it. */
  async shows(id, pattern) {
    const { source, flags } = pattern;
    const found = await this.page.waitForFunction(
      ([id, source, flags]) => {
        const text = document.getElementById(id).textContent;
        return new RegExp(source, flags).test(text) && text;
      },
      [id, source, flags],
      { timeout: 30_000 },
    );
    return found.jsonValue();
  }

  /** Waits until this many events have been received. */
  async received(count) {
    await this.page.waitForFunction(
      (count) => Number(document.getElementById("received").textContent.replaceAll(",", "")) >= count,
      count,
      { timeout: 60_000 },
    );
  }

  /** Waits for the stream to be open. */
  async isOpen() {
    await this.shows("state-text", /^Open$/);
  }

  /** Asserts that it has missed no event and shown none twice. */
  async hasLostNothing() {
    assert.equal(await this.text("missed"), "0");
    assert.equal(await this.text("doubled"), "0");
  }
}
