// The package in Chromium, beside Chromium's own EventSource.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { runInPage } from "../support/cases.mjs";
import { contextOptions, differences, launchChromium } from "../support/chromium.mjs";
import { lastEventIdOf } from "../support/connect-cases.mjs";
import { eventStream } from "../support/http-server.mjs";
import { testBrowsersOwn, testPackage } from "./package-cases.mjs";

let browser;
let tabs;
before(async () => {
  browser = await launchChromium();
  tabs = await browser.newContext(contextOptions);
});
after(() => browser.close());

const newPage = () => tabs.newPage();
testBrowsersOwn(newPage, "Chromium", differences);
testPackage(newPage, differences);

/** `options`: the third argument. */
const withoutPreflight = (options) => ({
  name: "another origin gets the last event ID, and no preflight request",
  respond(request, response) {
    if (request.headers.host.startsWith("127.")) return response.writeHead(404).end();
    response.writeHead(200, { ...eventStream, "Access-Control-Allow-Origin": "*" });
    if (lastEventIdOf(request)) response.write("id: 2\ndata: b\n\n");
    else response.end("retry: 20\nid: 1\ndata: a\n\n");
  },
  run: `async (EventSource, base, { record, until }) => {
    const url = \`\${base.replace("127.0.0.1", "localhost")}/stream\`;
    const source = new EventSource(url, {}, ${options});
    const lines = record(source);
    await until(() => lines.some((line) => line.endsWith("b 2")));
    source.close();
    return lines.filter((line) => line.startsWith("message"));
  }`,
  expect: ["message 1 a 1", "message 1 b 2"],
  requests(requests) {
    assert.deepEqual(
      requests.map(({ method, headers }) => `${method} ${headers["last-event-id"] ?? "-"}`),
      ["GET -", "GET 1"],
    );
  },
});

/** The first stream is never answered, and `/asked` is when it has been asked for. */
function firstUnanswered() {
  const asked = [];
  let isAsked = false;
  return (request, response) => {
    if (request.url === "/asked") {
      if (isAsked) response.end();
      else asked.push(response);
    } else if (isAsked) {
      response.writeHead(200, eventStream).write("data: a\n\n");
    } else {
      isAsked = true;
      for (const waiting of asked) waiting.end();
    }
  };
}
const stopped = {
  name: "what window.stop() ends stays closed, by the standard",
  respond: firstUnanswered(),
  async run(EventSource, base, { record, until }) {
    const source = new EventSource(`${base}/stream`, {}, { transport: "native" });
    const lines = record(source);
    await fetch(`${base}/asked`);
    window.stop();
    await until(() => lines.length > 0);
    return [...lines, source.readyState];
  },
  expect: ["error 2", 2],
};

const own = "millrace.EventSource";
runInPage([withoutPreflight("null")], newPage, own, "our EventSource", differences);
runInPage(
  [withoutPreflight('{ transport: "native" }'), stopped],
  newPage,
  own,
  "our EventSource over native",
  differences,
);

/** As a program that replaces the browser's class: that one still has the connection to another origin. */
const replaced = "(globalThis.EventSource = millrace.EventSource)";
runInPage([withoutPreflight("null")], newPage, replaced, "our EventSource in the place of the browser's", differences);

const readElsewhere = {
  name: "another origin is read over fetch where extras.js cannot be loaded",
  respond(request, response) {
    const allow = { "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "Last-Event-ID" };
    if (request.headers.host.startsWith("127.")) return response.writeHead(404).end();
    response.writeHead(200, { ...eventStream, ...allow }).write("data: a\n\n");
  },
  async run(EventSource, base, { record, until }) {
    const source = new EventSource(`${base.replace("127.0.0.1", "localhost")}/stream`);
    const lines = record(source);
    await until(() => lines.length === 2);
    source.close();
    return lines;
  },
  expect: ["open 1", "message 1 a"],
};
async function pageWithoutExtras() {
  const page = await newPage();
  await page.route("**/extras.js", (route) => route.abort());
  return page;
}
runInPage([readElsewhere], pageWithoutExtras, own, "our EventSource", differences);
