// The hooks as React and Vue themselves render them, the store and the observable, and the core fetched as a file by millrace/slim, in Chromium.

import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
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
        const { readyState, event } = useEventSource(() => props.url);
        return () => h("p", readyState.value + " " + event.value?.data);
      },
    };
    const url = ref(null);
    createApp(() => url.value && h(Shown, { url: url.value })).mount("main");
    globalThis.show = (next) => { url.value = next; };`,
  svelte: `
    import { eventSourceStore } from "millrace/svelte";
    let leave;
    globalThis.show = (url) => {
      leave?.();
      leave = url && eventSourceStore(url).subscribe(({ readyState, event }) => {
        document.querySelector("main").textContent = readyState + " " + event?.data;
      });
    };`,
  observable: `
    import { observeEvents } from "millrace/observable";
    let subscription;
    globalThis.show = (url) => {
      subscription?.unsubscribe();
      subscription = url && observeEvents(url).subscribe(({ data }) => {
        document.querySelector("main").textContent = "1 " + data;
      });
    };`,
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

test("react: functions are the newest, and options that say the same keep the connection", async (context) => {
  const program = `
    import { createElement, useEffect } from "react";
    import { createRoot } from "react-dom/client";
    import { useEventSource } from "millrace/react";
    function Shown({ url, token, tenant }) {
      const schema = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value: value + " for " + token }) } };
      schema.self = schema; // as schemas may be
      const { event, error } = useEventSource(url, {
        headers: () => ({ Authorization: token, Tenant: tenant.get("Name") }),
        body: tenant,
        schema,
        retry: { base: 10, on: (status) => status === 403 && token === "new" },
        reconnect: "always",
      });
      useEffect(() => void (document.title = token)); // behind the hook's own effects
      return createElement("p", null, error ? "failed " + error.status : event?.data);
    }
    const root = createRoot(document.querySelector("main"));
    globalThis.show = (url, token, name) => {
      const props = { url, token, tenant: new URLSearchParams({ Name: name }) };
      root.render(createElement(Shown, props));
    };`;
  const entry = join(project.folder, "newest.js");
  const folder = join(project.folder, "newest");
  writeFileSync(entry, program);
  await bundlers.esbuild(entry, folder);
  let stream;
  const asked = [];
  const server = await serve(({ url, headers }, response) => {
    if (url === "/page") {
      response.writeHead(200, { "Content-Type": "text/html" });
      response.end('<!doctype html><main></main><script type="module" src="/main.js"></script>');
    } else if (url === "/events") {
      asked.push(`${headers.authorization} ${headers.tenant}`);
      const isRefused = headers.authorization === "new" && asked.length === 2;
      response.writeHead(isRefused ? 403 : 200, eventStream);
      if (isRefused) response.end();
      else response.write(`id: ${asked.length}\ndata: ${asked.length}\n\n`);
      stream = response;
    } else if (existsSync(join(folder, url))) {
      response.writeHead(200, { "Content-Type": "text/javascript" }).end(readFileSync(join(folder, url)));
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
  await page.evaluate('show("/events", "old", "a")');
  await shows("1 for old");
  await page.evaluate('show("/events", "new", "a")'); // the same but for functions and the schema: no new connection
  await until(async () => (await page.title()) === "new", "the page to be drawn with the new token");
  stream.write("id: 2\ndata: 2\n\n");
  await shows("2 for new");
  stream.destroy();
  await shows("3 for new"); // by way of a 403, which the newest retry.on takes for one that passes
  assert.deepEqual(asked, ["old a", "new a", "new a"]);
  await page.evaluate('show("/events", "new", "b")'); // the same class of object, and others in it
  await shows("4 for new");
  assert.equal(asked[3], "new b");
});
