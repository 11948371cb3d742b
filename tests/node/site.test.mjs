// The documentation as a web site, built by MkDocs and served by `millrace serve --web`: its links, its search, its list,
// and the demo in it.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { buildSite } from "../../tools/site.mjs";
import { buildDemoPage, built } from "../browser/demo-page.mjs";
import { launchChromium } from "../support/chromium.mjs";
import { root, startMillrace } from "../support/millrace-server.mjs";

let server;
const pages = new Map(); // by path: what was served

before(async () => {
  process.chdir(root);
  await buildDemoPage();
  server = await startMillrace(
    "--demo",
    "--web",
    buildSite("build/docs/site-of-test", "build/docs/pages-of-test", built),
  );
});
after(() => server?.close());

async function page(path) {
  if (!pages.has(path)) {
    const response = await fetch(server.origin + path);
    pages.set(path, { status: response.status, text: await response.text() });
  }
  return pages.get(path);
}

const hasAnchor = (text, id) => new RegExp(`\\b(?:id|name)="${id.replace(/[.*+?^$()|[\]\\]/g, "\\$&")}"`).test(text);

test("every link of the site leads to something, and nothing comes from elsewhere", async () => {
  const waiting = ["/index.html"];
  const seen = new Set(waiting);
  let links = 0;
  while (waiting.length > 0) {
    const path = waiting.pop();
    const { status, text } = await page(path);
    assert.equal(status, 200, path);
    if (!path.endsWith(".html")) continue;
    assert.doesNotMatch(
      text,
      /<(?:script|img|link)[^>]*(?:src|href)="https?:/,
      `${path} loads something from elsewhere`,
    );
    for (const [, href] of text.matchAll(/<(?:a|img|link|script)[^>]*? (?:href|src)="([^"]+)"/g)) {
      const url = new URL(href.replaceAll("&amp;", "&"), server.origin + path);
      if (url.origin !== server.origin) continue;
      ++links;
      const to = url.pathname.endsWith("/") ? `${url.pathname}index.html` : url.pathname;
      const target = await page(to);
      assert.equal(target.status, 200, `${path} links to ${href}`);
      const id = decodeURIComponent(url.hash.slice(1));
      if (id && to.endsWith(".html"))
        assert.ok(hasAnchor(target.text, id), `${path} links to ${href}, no such heading`);
      if (!seen.has(to)) waiting.push(to);
      seen.add(to);
    }
  }
  assert.ok(seen.size > 60 && links > 1_000, `${seen.size} pages, ${links} links: are they still found?`);
});

test("llms.txt lists the documents as they were written", async () => {
  const { text } = await page("/llms.txt");
  for (const name of readdirSync(join(root, "docs")).filter((file) => file.endsWith(".md")))
    assert.ok(text.includes(`(md/${name})`), `tools/site.mjs has no page for docs/${name}`);
  assert.match(text, /^# Millrace\n\n> .+\n/);
  const documents = [...text.matchAll(/^- \[.+\]\((md\/[\w-]+\.md)\): (.*)$/gm)];
  assert.ok(documents.length > 15, text);
  for (const [line, path, summary] of documents) {
    assert.ok(summary.length > 10, line);
    assert.equal((await page(`/${path}`)).status, 200, path);
  }
  assert.equal((await page("/md/operations.md")).text, readFileSync(join(root, "docs/operations.md"), "utf8"));
});

test("code in lists, tables and headings is read as on GitHub", async () => {
  const { text } = await page("/operations.html");
  assert.match(text, /<li>\s*<p><strong>ACME.*?<pre><code>certbot renew/s);
  assert.match(text, /<h2 id="store-events-in-sqlite">/);
  assert.match(text, /<td><code>--max-connections<\/code><\/td>/);
});

test("the search finds a page by a word of it", async (context) => {
  const browser = await launchChromium();
  context.after(() => browser.close());
  const tab = await browser.newPage();
  await tab.goto(`${server.origin}/index.html?q=fsync`); // so that it searches once its index is there
  await tab.waitForSelector("#mkdocs-search-results a", { state: "attached" });
  const found = await tab.$$eval("#mkdocs-search-results a", (links) => links.map((link) => link.getAttribute("href")));
  assert.ok(
    found.some((href) => href.includes("stores.html")),
    found.join(" "),
  );
});

test("the demo is embedded, and live", async (context) => {
  const browser = await launchChromium();
  context.after(() => browser.close());
  const tab = await browser.newPage();
  const faults = [];
  tab.on("pageerror", (error) => faults.push(error.message));
  tab.on("console", (message) => {
    // The cut, which the test asks for, is an error for the browser.
    if (message.type() === "error" && !/ERR_INCOMPLETE_CHUNKED_ENCODING/.test(message.text()))
      faults.push(message.text());
  });
  await tab.goto(`${server.origin}/index.html`);
  await tab.click("text=Live demo");
  const demo = tab.frameLocator("iframe");
  await demo.locator("#state-text", { hasText: /^Open$/ }).waitFor();
  await demo.locator("#received", { hasText: /^\d{2,}|^\d,/ }).waitFor();
  await demo.locator("#cut").click();
  await demo.locator("#verdict", { hasText: "caught up" }).waitFor();
  assert.equal(await demo.locator("#missed").textContent(), "0");
  assert.deepEqual(faults, []);
});
