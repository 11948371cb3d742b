// The package as the four bundlers leave it, and by <script src>, in Chromium: with WebAssembly, and under a Content Security
// Policy that forbids it.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bundlers } from "../support/bundlers.mjs";
import { launchChromium } from "../support/chromium.mjs";
import { serve, streams } from "../support/http-server.mjs";
import { projectWithPackage } from "../support/packed-package.mjs";
import { within } from "../support/until.mjs";

const program = `
  import { EventSource } from "millrace";
  const source = new EventSource("/stream");
  globalThis.received = new Promise((resolve) => {
    source.onmessage = ({ data }) => { resolve(data); source.close(); };
  });`;
const inPage = `globalThis.EventSource = millrace.EventSource;${program.replace(/import .*/, "")}`;

let browser;
let project;
before(async () => {
  project = projectWithPackage("bundled");
  writeFileSync(join(project.folder, "program.js"), program);
  browser = await launchChromium();
});
after(() => browser.close());

const policies = {
  "with WebAssembly": "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'",
  "where WebAssembly is forbidden": "script-src 'self' 'unsafe-inline'",
};

/** The data of the stream's event in a page that holds `html`, and whether wasm2js.js was loaded, from the files of `folder`. */
async function receive(context, folder, html, policy) {
  const server = await serve((request, response) => {
    const file = join(folder, request.url);
    if (request.url === "/stream") streams({ body: "data: over the mill\n\n", open: true })(request, response, 1);
    else if (request.url === "/page") {
      response.writeHead(200, { "Content-Type": "text/html", "Content-Security-Policy": policy }).end(html);
    } else if (existsSync(file)) {
      response.writeHead(200, { "Content-Type": "text/javascript" }).end(readFileSync(file));
    } else response.writeHead(404).end();
  });
  const page = await browser.newPage();
  context.after(async () => {
    await page.close();
    await server.close();
  });
  await page.goto(`${server.origin}/page`);
  const received = await within(page.evaluate("globalThis.received"), "an event in the page");
  const scripts = server.requests.filter(({ url }) => url.endsWith(".js"));
  return [received, scripts.length];
}

for (const [how, policy] of Object.entries(policies)) {
  const scripts = how === "with WebAssembly" ? 1 : 2; // the second is the core as JavaScript

  for (const [name, bundle] of Object.entries(bundlers)) {
    test(`bundled by ${name}, ${how}`, async (context) => {
      const folder = join(project.folder, name);
      if (!existsSync(folder)) await bundle(join(project.folder, "program.js"), folder);
      const html = '<!doctype html><script type="module" src="/main.js"></script>';
      assert.deepEqual(await receive(context, folder, html, policy), ["over the mill", scripts]);
    });
  }

  test(`by <script src>, ${how}`, async (context) => {
    const html = `<!doctype html><script src="/millrace.iife.js"></script><script>${inPage}</script>`;
    const folder = join(project.installed, "dist");
    assert.deepEqual(await receive(context, folder, html, policy), ["over the mill", scripts]);
  });
}
