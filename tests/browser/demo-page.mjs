// The demo page in a real Chromium, served by the real server: what its tests share.

import { join } from "node:path";
import { build } from "vite";
import { root, startMillrace } from "../support/millrace-server.mjs";

const built = join(root, "build/demo-page");

/** Builds the page from its sources, apart from web-demo/dist, so that what is tested is never an old one. */
export async function buildDemoPage() {
  await build({ root: join(root, "web-demo"), logLevel: "warn", build: { outDir: built, emptyOutDir: true } });
  return built;
}

/** The server that serves it, with its made-up lives; `extra` are further options. */
export function startDemo(...extra) {
  return startMillrace("--demo", "--web", built, ...extra);
}

/** The panels of the page. */
export const lives = ["stocks", "news", "chat", "monitoring", "answer"];

/**
 * A function that runs `body` with the page in a tab of its own; `options` are the browser context's. What matches
 * `refused` is not answered until the page's refuse() is called, and then not at all.
 */
export function tabOpener(browser, usualOrigin) {
  return async (body, { query = "", origin = usualOrigin, refused, ...options } = {}) => {
    const context = await browser.newContext(options);
    try {
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
  };
}

/** One tab with the page, and everything that went wrong in it. */
export class DemoPage {
  /** What the page tried that its own content security policy forbids. */
  violations = [];
  consoleErrors = [];
  requests = [];
  /** See tabOpener. */
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
      { timeout: 15_000 },
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
}
