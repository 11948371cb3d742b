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

/** The server that serves it, with its made-up market; `extra` are further options. */
export function startDemo(...extra) {
  return startMillrace("--demo", "--web", built, ...extra);
}

/** One tab with the page, and everything that went wrong in it. */
export class DemoPage {
  /** What the page tried that its own content security policy forbids. */
  violations = [];
  consoleErrors = [];
  requests = [];

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
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) window.layoutShift += entry.value;
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
      { timeout: 15_000 },
    );
  }

  /** Waits for the stream to be open. */
  async isOpen() {
    await this.shows("state-text", /^Open$/);
  }
}
