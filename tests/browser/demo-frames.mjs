// How smoothly the demo page draws, in a real Chromium from the real server: node tests/browser/demo-frames.mjs
// [--seconds 10] [--panel stocks] [--width 1280] [--height 860] [--profile FILE.cpuprofile]. No test: its figures depend on
// the machine and on what else runs there. What to compare them with comes first: an empty page in the same browser.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { launchChromium } from "../support/chromium.mjs";
import { buildDemoPage, DemoPage, startDemo } from "./demo-page.mjs";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    panel: { type: "string", default: "stocks" },
    width: { type: "string", default: "1280" },
    height: { type: "string", default: "860" },
    profile: { type: "string" },
  },
});
const seconds = Number(values.seconds);

/** In the page: the gaps between its frames, and its tasks of more than 50 ms, in ms. */
function watchFrames(duration) {
  return new Promise((resolve) => {
    const gaps = [];
    const longTasks = [];
    const observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) longTasks.push(Math.round(duration));
    });
    observer.observe({ type: "longtask" });
    const begin = performance.now();
    let last = begin;
    const step = () => {
      const now = performance.now();
      gaps.push(now - last);
      last = now;
      if (now - begin < duration) return void requestAnimationFrame(step);
      observer.disconnect();
      resolve({ gaps, longTasks, elapsed: now - begin });
    };
    requestAnimationFrame(step);
  });
}

/** Chromium's counters, above all how long the page's thread has been at work, in seconds, by kind. */
async function counters(session) {
  const { metrics } = await session.send("Performance.getMetrics");
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

async function measure(page, profileFile) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const before = await counters(session);
  if (profileFile) {
    await session.send("Profiler.enable");
    await session.send("Profiler.setSamplingInterval", { interval: 500 });
    await session.send("Profiler.start");
  }
  const { gaps, longTasks, elapsed } = await page.evaluate(watchFrames, seconds * 1000);
  if (profileFile) {
    const { profile } = await session.send("Profiler.stop");
    writeFileSync(profileFile, JSON.stringify(profile));
  }
  const after = await counters(session);
  const share = (name) => `${(((after[name] - before[name]) * 100_000) / elapsed).toFixed(1)} %`;
  gaps.sort((a, b) => a - b);
  const gap = (part) => gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * part))].toFixed(1);
  const perSecond = ((gaps.length * 1000) / elapsed).toFixed(1);
  const late = gaps.filter((gap) => gap > 25).length;
  console.log(
    `${perSecond} frames/s over ${(elapsed / 1000).toFixed(1)} s; between frames: half within ${gap(0.5)} ms, 99 % within ` +
      `${gap(0.99)} ms, all within ${gap(1)} ms; ${late} of ${gaps.length} frames late; ` +
      `long tasks: ${longTasks.length === 0 ? "none" : longTasks.map((ms) => `${ms} ms`).join(", ")}`,
  );
  console.log(
    `the page's thread at work: ${share("TaskDuration")} (script ${share("ScriptDuration")}, style ` +
      `${share("RecalcStyleDuration")}, layout ${share("LayoutDuration")})`,
  );
}

await buildDemoPage();
const browser = await launchChromium();
const server = await startDemo("--demo-seed", "7");
try {
  const context = await browser.newContext({
    viewport: { width: Number(values.width), height: Number(values.height) },
  });
  const empty = await context.newPage();
  await empty.goto(`${server.origin}/icon.svg`);
  console.log("an empty page:");
  await measure(empty);
  await empty.close();
  const demo = await DemoPage.open(context, `${server.origin}/#${values.panel}`);
  await demo.isOpen();
  await demo.received(1000);
  await demo.page.evaluate(
    (panel) => document.getElementById(panel).scrollIntoView({ behavior: "instant" }),
    values.panel,
  );
  console.log(`the demo page, ${values.panel}, ${await demo.text("event-rate")} events/s:`);
  await measure(demo.page, values.profile);
} finally {
  await browser.close();
  await server.close();
}
