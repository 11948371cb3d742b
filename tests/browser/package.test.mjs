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

const withoutPreflight = {
  name: "another origin gets the last event ID, and no preflight request",
  respond(request, response) {
    if (request.headers.host.startsWith("127.")) return response.writeHead(404).end();
    response.writeHead(200, { ...eventStream, "Access-Control-Allow-Origin": "*" });
    if (lastEventIdOf(request)) response.write("id: 2\ndata: b\n\n");
    else response.end("retry: 20\nid: 1\ndata: a\n\n");
  },
  async run(EventSource, base, { record, until }) {
    const url = `${base.replace("127.0.0.1", "localhost")}/stream`;
    const source = new EventSource(url, {}, { transport: "native" });
    const lines = record(source);
    await until(() => lines.some((line) => line.endsWith("b 2")));
    source.close();
    return lines.filter((line) => line.startsWith("message"));
  },
  expect: ["message 1 a 1", "message 1 b 2"],
  requests(requests) {
    assert.deepEqual(
      requests.map(({ method, headers }) => `${method} ${headers["last-event-id"] ?? "-"}`),
      ["GET -", "GET 1"],
    );
  },
};
runInPage([withoutPreflight], newPage, "millrace.EventSource", "our EventSource over native", differences);
