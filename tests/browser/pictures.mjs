// Takes the pictures in docs/img from the demo page: ./run pictures. Each is looked at before it is committed. An argument
// asks for some of them only: light, dark, chinese, phone, paint, answers, ui or dashboard.

import { execFileSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { launchChromium } from "../support/chromium.mjs";
import { root, startMillrace } from "../support/millrace-server.mjs";
import { dashboardPicture } from "./dashboard-picture.mjs";
import { buildDemoPage, buildUiPage, builtUi, DemoPage, lives, startDemo } from "./demo-page.mjs";

const folder = join(root, "docs/img");
const maxBytes = 180_000;
const window = { width: 1240, height: 860 };
const phone = { width: 390, height: 844 };
const fullRiver = 25_000; // ms; what is older has flowed out of a window this wide

mkdirSync(folder, { recursive: true });
await buildDemoPage();
const browser = await launchChromium();
const server = await startDemo("--demo-seed", "7");
const tooLarge = [];
const asked = process.argv[2];
const isAsked = (kind) => asked === undefined || asked === kind;

async function take(demo, name, options = {}) {
  const path = join(folder, `${name}.png`);
  await demo.page.screenshot({ path, ...options });
  execFileSync("optipng", ["-quiet", "-o2", path]); // the same picture, a quarter smaller
  const { size } = statSync(path);
  console.log(`${path}: ${size} bytes`);
  if (size > maxBytes) tooLarge.push(name);
}

/** A page with a full river, which was cut and has caught up. */
async function cutAndCaughtUp(options) {
  const demo = await DemoPage.open(await browser.newContext(options), server.origin);
  await demo.page.waitForFunction((ms) => performance.now() > ms, fullRiver * 0.75, { timeout: fullRiver });
  await demo.page.click("#cut");
  await demo.shows("verdict", /caught up|补收/);
  await demo.page.waitForFunction((ms) => performance.now() > ms, fullRiver + 4000, { timeout: fullRiver });
  return demo;
}

/** The whole board as it is in the first frame that has a price, in a page whose requests `prepare` may change. */
async function firstPaint(prepare) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 2400 } });
  await prepare(context);
  await context.addInitScript(() => {
    const look = () => {
      const isPriced = [...document.querySelectorAll("#prices .price")].some((price) => /\d/.test(price.textContent));
      // The page draws once a frame: without another, it stays as it is.
      if (isPriced) window.requestAnimationFrame = () => 0;
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  const demo = await DemoPage.open(context, server.origin);
  await demo.page.waitForFunction(() => window.requestAnimationFrame.length === 0, undefined, { polling: 50 });
  await demo.page.evaluate(() => {
    document.querySelector(".board").style.height = "auto";
  });
  const rows = await demo.page.locator("#prices .symbol:not(:disabled)").count();
  const picture = await demo.page.locator(".board").screenshot();
  await context.close();
  return { rows, png: picture.toString("base64") };
}

/** Two boards side by side, each under what it shows. */
async function beside(name, boards) {
  const context = await browser.newContext({ viewport: { width: 540, height: 1120 } });
  const page = await context.newPage();
  const figures = Object.entries(boards).map(
    ([caption, { rows, png }]) =>
      `<figure><figcaption>${caption}: ${rows} prices</figcaption><img alt="" src="data:image/png;base64,${png}"></figure>`,
  );
  await page.setContent(`<style>
    body { display: flex; gap: 24px; margin: 16px; background: #fff; font: 600 14px/24px sans-serif }
    figure { flex: 1; margin: 0 } img { width: 100% }
  </style>${figures.join("")}`);
  await take({ page }, name);
  await context.close();
}

/** What makes a panel worth a picture. */
const prepare = {
  stocks: () => {},
  news: async (demo) => {
    await demo.page.fill("#news-text", "Visitors are welcome at the mill, says this one");
    await demo.page.press("#news-text", "Enter");
    await demo.page.waitForSelector("#news-reply[data-outcome=accepted]");
  },
  chat: async (demo) => {
    const say = async (page, text) => {
      await page.fill("#chat-text", text);
      await page.press("#chat-text", "Enter");
      await page.waitForFunction(
        (text) => [...document.getElementById("messages").children].some((said) => said.textContent.endsWith(text)),
        text,
      );
    };
    const other = await DemoPage.open(demo.page.context(), `${server.origin}/#chat`);
    for (const [page, name] of [
      [demo.page, "Ada"],
      [other.page, "Bao"],
    ]) {
      await page.fill("#chat-name", name);
      await page.press("#chat-name", "Tab");
    }
    await demo.shows("here", /Ada.*Bao|Bao.*Ada/);
    await say(demo.page, "I cut my wire just now. Did you say anything?");
    await say(other.page, "I did, and you have read it: look above.");
    await say(demo.page, "So I have.");
  },
  monitoring: () => {},
  answer: async (demo) => {
    await demo.page.click("#suggestions button");
    await answerHas(demo, 60);
    await demo.page.click("#answer-cut");
    await demo.page.waitForSelector("#page .cut-mark");
    await answerHas(demo, 150);
  },
};

/** What becomes of one answer: its wire is cut, the page is reloaded, and another tab stops it. */
async function answerPictures() {
  const viewport = { ...window, height: 920 }; // down to the line below the answer
  const context = await browser.newContext({ viewport, colorScheme: "light" });
  const other = await DemoPage.open(context, `${server.origin}/#answer`);
  const demo = await DemoPage.open(context, `${server.origin}/#answer`);
  await demo.page.click("#suggestions button");
  await answerHas(demo, 30);
  await demo.page.click("#answer-cut");
  await demo.page.waitForSelector("#page .cut-mark");
  await answerHas(demo, 55);
  await lookAt(demo, "lives");
  await take(demo, "answer-cut");
  await demo.page.reload();
  await demo.page.waitForSelector("#page .cut-mark.reload");
  await answerHas(demo, 85);
  await lookAt(demo, "lives");
  await take(demo, "answer-reload");
  await other.page.click("#answer-stop");
  await demo.shows("answer-status", /^Stopped in all tabs/);
  await lookAt(demo, "lives");
  await take(demo, "answer-stop");
  await context.close();
}

/** The page for administrators, beside some clients of the demo's topics. */
async function uiPictures() {
  await buildUiPage();
  const busy = await startMillrace("--demo", "--demo-seed", "7", "--ui", "--ui-files", builtUi);
  const gone = new AbortController();
  const patterns = ["demo/stocks/*", "demo/news", "demo/chat/*", "demo/stocks/*", "demo/gauges"];
  for (const [index, topic] of patterns.entries()) {
    const query = new URLSearchParams({ topic, client: `tab-${index + 1}` });
    await fetch(`${busy.events}?${query}`, { signal: gone.signal });
  }
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ viewport: { ...window, height: 1060 }, colorScheme });
    const page = await context.newPage();
    await page.goto(`${busy.origin}/ui/`);
    await page.fill("#patterns", "demo/news demo/gauges orders/**");
    await page.click("#open");
    await page.waitForFunction(() => document.getElementById("wire-state").textContent === "Open.");
    await page.fill("#topic", "orders/eu");
    await page.fill("#type", "created");
    await page.fill("#data", '{"order":17,"total":99.9}');
    await page.click("#publish button");
    await page.waitForFunction(() => /orders\/eu/.test(document.getElementById("frames").textContent));
    await page.waitForFunction(() => document.querySelectorAll("#subscriptions tr").length > 5);
    await page.evaluate(() => scrollTo(0, 0));
    await take({ page }, `ui-${colorScheme}`);
    await context.close();
  }
  gone.abort();
  await busy.close();
}

const answerHas = (demo, count) =>
  demo.page.waitForFunction((count) => Number(document.getElementById("answer-tokens").textContent) > count, count);

const lookAt = (demo, id) =>
  demo.page.evaluate((id) => document.getElementById(id).scrollIntoView({ behavior: "instant" }), id);

try {
  for (const colorScheme of ["light", "dark"].filter(isAsked)) {
    const demo = await cutAndCaughtUp({ viewport: window, colorScheme });
    await take(demo, `page-${colorScheme}`);
    for (const life of lives) {
      await demo.page.click(`#tab-${life}`);
      await prepare[life](demo);
      await lookAt(demo, "lives");
      await take(demo, `${life}-${colorScheme}`);
    }
    await demo.page.goto(`${server.origin}/push.html`);
    await demo.page.fill("#uid", "ada");
    await demo.page.click("#open");
    await demo.page.waitForFunction(() => document.querySelectorAll("#messages li").length >= 8);
    await take(demo, `push-${colorScheme}`);
    await demo.page.context().close();
  }
  if (isAsked("chinese")) {
    const demo = await cutAndCaughtUp({ viewport: window, locale: "zh-CN" });
    await take(demo, "page-chinese");
    await demo.page.context().close();
  }
  if (isAsked("phone")) {
    const demo = await cutAndCaughtUp({ viewport: phone, colorScheme: "dark" });
    await take(demo, "page-phone");
    await lookAt(demo, "lives");
    await take(demo, "stocks-phone");
    await demo.page.context().close();
  }
  if (isAsked("paint")) {
    // As it was: the same page, whose stream begins with what is published from then on.
    const withoutState = (context) =>
      context.route(/\/events\?.*lastEventId=latest/, (route) => {
        const url = route
          .request()
          .url()
          .replace(/&?lastEventId=latest/, "");
        return route.continue({ url });
      });
    await beside("first-paint", {
      "Without the state": await firstPaint(withoutState),
      "lastEventId=latest": await firstPaint(() => undefined),
    });
  }
  if (isAsked("answers")) await answerPictures();
  if (isAsked("ui")) await uiPictures();
  if (isAsked("dashboard")) await dashboardPicture(browser, (page) => take({ page }, "dashboard", { fullPage: true }));
  if (tooLarge.length > 0) throw new Error(`larger than ${maxBytes} bytes: ${tooLarge}`);
} finally {
  await browser.close();
  await server.close();
}
