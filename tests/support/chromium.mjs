// Debian's Chromium, headless, driven by playwright-core.

import { chromium } from "playwright-core";
import "./end-on-sigterm.mjs";
import { overTls } from "./test-tls.mjs";

/** Of a context of its pages: accepts the certificate of test-tls.mjs. */
export const contextOptions = { ignoreHTTPSErrors: overTls };

/** See runInPage(). */
export const differences = [
  {
    tests: /^Chromium's EventSource: follows redirects each time anew/,
    reason: "Chromium comes back to where the redirect has led, not to where it was asked to go",
  },
];

export function launchChromium() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...(overTls ? ["--ignore-certificate-errors"] : []), // also in shared workers
    ],
  });
}
