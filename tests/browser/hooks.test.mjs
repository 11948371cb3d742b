// The hooks as React and Vue themselves render them, and the core fetched as a file by millrace/slim, in Chromium.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bundlers } from "../support/bundlers.mjs";
import { launchChromium } from "../support/chromium.mjs";
import { eventStream, serve } from "../support/http-server.mjs";
import { projectWithPackage } from "../support/packed-package.mjs";
import { until } from "../support/until.mjs";

// Each shows what comes from the URL that show() is given, and nothing at all for null.
const programs = {
  react: `
    import { createElement, StrictMode } from "react";
    import { createRoot } from "react-dom/client";
    import { useEventSource } from "millrace/react";
    function Shown({ url }) {
      const { event, readyState } = useEventSource(url);
      return createElement("p", null, readyState + " " + event?.data);
    }
    const root = createRoot(document.querySelector("main"));
    globalThis.show = (url) => root.render(url && createElement(StrictMode, null, createElement(Shown, { url })));`,
  vue: `
    import { createApp, h, ref } from "vue";
    import { useEventSource } from "millrace/vue";
    const Shown = {
      props: ["url"],
      setup(props) {
        const state = useEventSource(() => props.url);
        return () => h("p", state.readyState + " " + state.event?.data);
      },
    };
    const url = ref(null);
    createApp(() => url.value && h(Shown, { url: url.value })).mount("main");
    globalThis.show = (next) => { url.value = next; };`,
  slim: `
    import { EventSource, setWasm } from "millrace/slim";
    setWasm("/millrace.wasm");
    let source;
    globalThis.show = (url) => {
      source?.close();
      source = url && new EventSource(url);
      if (source) source.onmessage = ({ data }) => {
        document.querySelector("main").textContent = source.readyState + " " + data;
      };
    };`,
};

let browser;
let project;
before(async () => {
  project = projectWithPackage("hooks", ["react", "react-dom", "vue"]);
  browser = await launchChromium();
});
after(() => browser.close());

for (const [name, program] of Object.entries(programs)) {
  test(`${name} shows the newest event, follows the URL, and lets go of the connection`, async (context) => {
    const entry = join(project.folder, `${name}.js`);
    const folder = join(project.folder, name);
    writeFileSync(entry, program);
    await bundlers.esbuild(entry, folder);
    const open = { "/one": 0, "/two": 0 };
    const files = {
      "/page": ["text/html", '<!doctype html><main></main><script type="module" src="/main.js"></script>'],
      "/millrace.wasm": ["application/wasm", readFileSync(join(project.installed, "dist/millrace.wasm"))],
    };
    for (const file of readdirSync(folder)) files[`/${file}`] = ["text/javascript", readFileSync(join(folder, file))];
    const server = await serve(async ({ url }, response) => {
      if (url in files) {
        const [type, body] = files[url];
        response.writeHead(200, { "Content-Type": type }).end(body);
      } else if (url in open) {
        open[url] += 1;
        response.writeHead(200, eventStream).write(`data: before ${url}\n\ndata: from ${url}\n\n`);
        await once(response, "close");
        open[url] -= 1;
      } else response.writeHead(404).end();
    });
    const page = await browser.newPage();
    context.after(async () => {
      await page.close();
      await server.close();
    });
    await page.goto(`${server.origin}/page`);
    const shows = (text) =>
      until(async () => (await page.evaluate("document.querySelector('main').textContent")) === text, text);
    await page.evaluate('show("/one")');
    await shows("1 from /one");
    await page.evaluate('show("/two")');
    await shows("1 from /two");
    await until(() => open["/one"] === 0 && open["/two"] === 1, "the first connection to be closed");
    await page.evaluate("show(null)");
    await until(() => open["/two"] === 0, "the second to be closed");
    if (name === "slim") assert.equal(server.requests.filter(({ url }) => url === "/millrace.wasm").length, 1);
  });
}
