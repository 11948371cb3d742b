// Chromium over TLS: a page, its EventSource and its POST, on one server.

import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import "../support/end-on-sigterm.mjs";
import { startMillrace } from "../support/millrace-server.mjs";

const folder = mkdtempSync(join(tmpdir(), "millrace-tls-"));
process.env.XDG_STATE_HOME = folder;

let server;
let browser;
before(async () => {
  server = await startMillrace("--tls-dev");
  const { publicKey } = new X509Certificate(readFileSync(join(folder, "millrace/tls-dev/authority.pem")));
  const pin = createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("base64");
  const leaf = new X509Certificate(readFileSync(join(folder, "millrace/tls-dev/cert.pem"))).publicKey;
  const leafPin = createHash("sha256")
    .update(leaf.export({ type: "spki", format: "der" }))
    .digest("base64");
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", `--ignore-certificate-errors-spki-list=${pin},${leafPin}`],
  });
});
after(async () => {
  await browser?.close();
  await server?.close();
  rmSync(folder, { recursive: true });
});

test("Chromium's EventSource gets what a page publishes over TLS, and resumes", async () => {
  const page = await browser.newPage();
  const origin = `https://localhost:${server.port}`;
  assert.equal((await page.goto(`${origin}/healthz`)).status(), 200);
  assert.equal(await page.evaluate(() => window.isSecureContext), true);
  const seen = await page.evaluate(async () => {
    const publish = (data) =>
      fetch("/events", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ topic: "page", data }),
      });
    const source = new EventSource("/events?topic=page");
    await new Promise((resolve, reject) => {
      source.onopen = resolve;
      source.onerror = reject;
    });
    const first = new Promise((resolve) => {
      source.onmessage = ({ data, lastEventId }) => resolve({ data, lastEventId });
    });
    await publish("one");
    const { data, lastEventId } = await first;
    source.close();
    await publish("two");
    const again = new EventSource(`/events?topic=page&lastEventId=${lastEventId}`);
    const second = await new Promise((resolve) => {
      again.onmessage = (event) => resolve(event.data);
    });
    again.close();
    return [data, second];
  });
  assert.deepEqual(seen, ["one", "two"]);
});
