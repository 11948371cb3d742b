// The package in Firefox.

import { after, before } from "node:test";
import { launchFirefox } from "../support/firefox.mjs";
import { testPackage } from "./package-cases.mjs";

let browser;
before(async () => {
  browser = await launchFirefox();
});
after(() => browser.close());

testPackage(() => browser.newPage());
