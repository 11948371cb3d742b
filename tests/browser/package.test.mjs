// The package in Chromium, beside Chromium's own EventSource.

import { after, before } from "node:test";
import { differences, launchChromium } from "../support/chromium.mjs";
import { testBrowsersOwn, testPackage } from "./package-cases.mjs";

let browser;
let tabs;
before(async () => {
  browser = await launchChromium();
  tabs = await browser.newContext();
});
after(() => browser.close());

const newPage = () => tabs.newPage();
testBrowsersOwn(newPage, "Chromium", differences);
testPackage(newPage, differences);
