// Takes the pictures in docs/img from the demo page: ./run pictures. Each is looked at before it is committed.

import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { launchChromium } from "../support/chromium.mjs";
import { root } from "../support/millrace-server.mjs";
import { buildDemoPage, DemoPage, startDemo } from "./demo-page.mjs";

const folder = join(root, "docs/img");
const maxBytes = 165_000;
const fullRiver = 7500; // events

/** What each picture shows, and what is done before it is taken. */
const pictures = [
  { name: "stocks-light", panel: "stocks", colorScheme: "light", prepare: cutAndCatchUp },
  { name: "stocks-dark", panel: "stocks", colorScheme: "dark", prepare: cutAndCatchUp },
  { name: "answer-light", panel: "answer", colorScheme: "light", prepare: askAndCut },
  { name: "monitoring-dark", panel: "monitoring", colorScheme: "dark", prepare: (demo) => demo.received(fullRiver) },
];

async function cutAndCatchUp(demo) {
  await demo.received(fullRiver * 0.7);
  await demo.page.click("#cut");
  await demo.shows("verdict", /caught up/);
  await demo.received(fullRiver);
}

async function askAndCut(demo) {
  const tokens = (count) =>
    demo.page.waitForFunction((count) => Number(document.getElementById("answer-tokens").textContent) > count, count);
  await demo.received(fullRiver / 2);
  await demo.page.click("#suggestions button");
  await tokens(60);
  await demo.page.click("#answer-cut");
  await demo.page.waitForSelector("#page .cut-mark");
  await tokens(150);
}

mkdirSync(folder, { recursive: true });
await buildDemoPage();
const browser = await launchChromium();
const server = await startDemo("--demo-seed", "7");
try {
  const tooLarge = [];
  const take = async ({ name, panel, prepare, width = 1240, height = 860, ...options }) => {
    const context = await browser.newContext({ viewport: { width, height }, ...options });
    const demo = await DemoPage.open(context, `${server.origin}/#${panel}`);
    await prepare(demo);
    const path = join(folder, `${name}.png`);
    await demo.page.screenshot({ path });
    const { size } = statSync(path);
    console.log(`${path}: ${size} bytes`);
    if (size > maxBytes) tooLarge.push(name);
    await context.close();
  };
  for (const picture of pictures) await take(picture);
  if (tooLarge.length > 0) throw new Error(`larger than ${maxBytes} bytes: ${tooLarge}`);
} finally {
  await browser.close();
  await server.close();
}
