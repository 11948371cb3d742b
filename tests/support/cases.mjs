// How cases are run that hold in every runtime. A case says what a server answers, what a client does, and what comes of it:
//
//   { name, respond(request, response, count), run(client, base, tools), expect, requests?(requests), page? }
//
// `run` is carried into browsers as text, so it uses nothing but its parameters: the class or function under test, the
// server's origin and the tools below. What it returns has to equal `expect`. `respond` answers every request but the page's
// own; `requests`, if there, looks at what was asked; `page` are further headers of the page.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { serve } from "./http-server.mjs";
import { within } from "./until.mjs";

/** How long a case may take: in ms, and longer than each of its waits. */
const wholeCase = 60_000;

export function makeTools() {
  return {
    /** Waits until `condition` holds; rejects after 30 s, before those give up that wait for the whole case. */
    until(condition) {
      const end = performance.now() + 30_000;
      return new Promise((resolve, reject) => {
        const ask = () => {
          if (condition()) resolve();
          else if (performance.now() < end) setTimeout(ask, 2);
          else reject(new Error(`not within 30 s: ${condition}`));
        };
        ask();
      });
    },
    /** What an event source fires, as lines: `open 1`, `message 1 data id`, with readyState at that moment. */
    record(source, ...types) {
      const lines = [];
      for (const type of ["open", "error", "message", ...types]) {
        source.addEventListener(type, (event) => {
          const rest = event instanceof MessageEvent ? [event.data, event.lastEventId] : [];
          lines.push([type, source.readyState, ...rest].join(" ").trim());
        });
      }
      return lines;
    },
    /** The name of the error that it throws; "nothing" if it throws none. */
    thrown(act) {
      try {
        act();
        return "nothing";
      } catch (error) {
        return error.name;
      }
    },
    /** Iterates to the end, or up to `count` events; then closes. */
    async take(connection, count = Number.POSITIVE_INFINITY) {
      const events = [];
      if (count === 0) return events;
      for await (const { type, data, lastEventId } of connection) {
        events.push([type, data, lastEventId].join(" ").trim());
        if (events.length === count) break;
      }
      return events;
    },
  };
}

/** In Node.js, with what `client` gives. */
export function runInNode(cases, client, prefix = "") {
  for (const { name, respond, run, expect, requests } of cases) {
    test(`${prefix}${name}`, async (context) => {
      const server = await serve(respond);
      context.after(() => server.close());
      const result = await within(run(client, server.origin, makeTools()), name, wholeCase);
      assert.deepEqual(result, expect);
      requests?.(server.requests);
    });
  }
}

const packageFile = new URL("../../client-wasm/dist/index.js", import.meta.url);

/** Answers with a page, and with the package for it to import; true if the request was for one of them. */
export function servePage(request, response, headers = {}) {
  if (request.url === "/page") {
    response.writeHead(200, { "Content-Type": "text/html", ...headers }).end("<!doctype html><title>Millrace</title>");
  } else if (request.url === "/millrace.js") {
    response.writeHead(200, { "Content-Type": "text/javascript" }).end(readFileSync(packageFile));
  } else if (request.url === "/extras.js") {
    const extras = new URL("extras.js", packageFile);
    response.writeHead(200, { "Content-Type": "text/javascript" }).end(readFileSync(extras));
  } else if (request.url === "/worker.js") {
    response.writeHead(200, { "Content-Type": "text/javascript" }).end(`(${answerScripts})()`);
  } else if (request.url === "/favicon.ico") {
    response.writeHead(404).end();
  } else return false;
  return true;
}

// In a worker, of one page or shared: tells what the scripts come to that it is sent.
function answerScripts() {
  const answerTo = (port) => {
    port.onmessage = ({ data }) => {
      // biome-ignore lint/security/noGlobalEval: they come as text, as to a page
      const settled = new Promise((resolve) => resolve(globalThis.eval(data)));
      settled.then(
        (value) => port.postMessage({ value }),
        (error) => port.postMessage({ error: String(error) }),
      );
    };
  };
  if ("onconnect" in globalThis) globalThis.onconnect = ({ ports }) => answerTo(ports[0]);
  else answerTo(globalThis);
}

/** What runInPage() uses of a page, for a worker of that page's. `kind`: the browser's class of worker. */
export function workerOf(page, kind) {
  const ask = (script, kind) =>
    new Promise((resolve, reject) => {
      const worker = new globalThis[kind]("/worker.js", { type: "module" });
      const port = worker.port ?? worker;
      port.onmessage = ({ data: { value, error } }) => (error ? reject(new Error(error)) : resolve(value));
      worker.onerror = ({ message }) => reject(new Error(message));
      port.postMessage(script);
    });
  return {
    goto: (url) => page.goto(url),
    evaluate: (script) => page.evaluate(`(${ask})(${JSON.stringify(script)}, "${kind}")`),
    close: () => page.close(),
  };
}

/**
 * In a browser's page; `client` is an expression in which `millrace` is the package. `differences` are what the browser does
 * its own way and no script can change: `{ tests, reason }`, a pattern for the names of the tests that are left out for it.
 */
export function runInPage(cases, newPage, client, prefix, differences = []) {
  for (const { name, respond, run, expect, requests, page: headers } of cases) {
    const whole = `${prefix}: ${name}`;
    const skip = differences.find(({ tests }) => tests.test(whole))?.reason ?? false;
    test(whole, { skip }, async (context) => {
      let count = 0;
      const server = await serve((request, response) => {
        if (!servePage(request, response, headers)) respond(request, response, ++count);
      });
      context.after(() => server.close());
      const page = await newPage();
      context.after(() => page.close());
      await page.goto(`${server.origin}/page`);
      const parameters = `${client}, location.origin, (${makeTools})()`;
      const script = `import("/millrace.js").then((millrace) => (${asFunction(run)})(${parameters}))`;
      assert.deepEqual(await within(page.evaluate(script), name, wholeCase), expect);
      requests?.(server.requests.filter(({ url }) => url.startsWith("/stream")));
    });
  }
}

// A method's text begins with its name, which is no expression.
function asFunction(method) {
  return method.toString().replace(/^(async )?\w+\(/, "$1function (");
}
