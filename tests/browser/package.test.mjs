// The package in Chromium: the same lists as in Node.js, over both transports, and EventSource beside the browser's own.

import { after, before } from "node:test";
import { runInPage } from "../support/cases.mjs";
import { launchChromium } from "../support/chromium.mjs";
import { connectCases } from "../support/connect-cases.mjs";
import { eventSourceCases } from "../support/event-source-cases.mjs";

let browser;
before(async () => {
  browser = await launchChromium();
});
after(() => browser.close());

const newPage = () => browser.newPage();

const chromiumsCases = eventSourceCases.filter(({ notInChromium }) => !notInChromium);
runInPage(chromiumsCases, newPage, "globalThis.EventSource", "Chromium's EventSource");
runInPage(eventSourceCases, newPage, "millrace.EventSource", "our EventSource");

for (const transport of ["fetch", "native"]) {
  const client = `(url, options) => millrace.connect(url, { ...options, transport: "${transport}" })`;
  runInPage(connectCases, newPage, client, `connect() over ${transport}`);
}
