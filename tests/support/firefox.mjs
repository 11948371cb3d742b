// Debian's Firefox ESR, headless, driven over WebDriver BiDi by puppeteer-core. Its pages have what runInPage() uses.

import puppeteer from "puppeteer-core";
import "./end-on-sigterm.mjs";
import { overTls } from "./test-tls.mjs";

export function launchFirefox() {
  return puppeteer.launch({
    browser: "firefox",
    executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
    headless: true,
    acceptInsecureCerts: overTls,
    timeout: 60_000,
  });
}
