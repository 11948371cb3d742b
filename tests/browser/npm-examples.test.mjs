// The examples of the npm package, built as their readers would build them, show what a server sends, in Chromium.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build } from "vite";
import { launchChromium } from "../support/chromium.mjs";
import { eventStream, serve } from "../support/http-server.mjs";
import { copyExamples, exampleNames } from "../support/npm-examples.mjs";

let browser;
let folder;
before(async () => {
  folder = copyExamples("npm-example-pages");
  browser = await launchChromium();
});
after(() => browser.close());

/** The files that Vite makes of the project, by their paths on a server. */
async function built(at) {
  const here = process.cwd();
  process.chdir(at); // as its own `npm run build` would: plugins look for their files there
  try {
    const { output } = await build({ root: at, logLevel: "error" });
    return new Map(output.map(({ fileName }) => [`/${fileName}`, readFileSync(join(at, "dist", fileName))]));
  } finally {
    process.chdir(here);
  }
}

const kinds = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };
const kindOf = (path) => kinds[/\.\w+$/.exec(path)?.[0]] ?? "text/plain";

for (const name of exampleNames().filter((name) => name !== "node")) {
  test(`${name} is built, and shows an event`, async (context) => {
    const files = await built(join(folder, name));
    const server = await serve((request, response) => {
      const path = request.url.replace(/\?.*/, "");
      if (path === "/events") {
        response.writeHead(200, eventStream).write('event: created\ndata: {"total":17}\n\n');
        return;
      }
      response.writeHead(files.has(path) ? 200 : 404, { "Content-Type": kindOf(path) }).end(files.get(path));
    });
    context.after(() => server.close());
    const page = await browser.newPage();
    context.after(() => page.close());
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(`${server.origin}/index.html?events=/events`);
    await page.getByText(/17/).waitFor({ timeout: 30_000 });
    assert.deepEqual(errors, []);
  });
}
