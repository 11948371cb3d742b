// The package in WebKitGTK.

import { after, before } from "node:test";
import { differences, launchWebKit } from "../support/webkit.mjs";
import { testPackage } from "./package-cases.mjs";

let browser;
before(async () => {
  browser = await launchWebKit();
});
after(() => browser.close());

testPackage(() => browser.newPage(), differences);
