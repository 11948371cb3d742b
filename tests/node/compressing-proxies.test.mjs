// Node's development servers, which compress what they proxy: a stream must pass each event at once.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import compression from "compression";
import express from "express";
import { createProxyMiddleware } from "http-proxy-middleware";
import webpack from "webpack";
import WebpackDevServer from "webpack-dev-server";
import { freePort } from "../support/free-port.mjs";
import { startMillrace } from "../support/millrace-server.mjs";
import { within } from "../support/until.mjs";

/** Reads a stream as a browser asks for it: compressed if the server likes. */
async function* read(url, signal) {
  const response = await fetch(url, { headers: { Accept: "text/event-stream", "Accept-Encoding": "gzip" }, signal });
  assert.equal(response.status, 200);
  assert.match(response.headers.get("cache-control"), /no-transform/);
  const decoder = new TextDecoder();
  for await (const bytes of response.body) yield decoder.decode(bytes, { stream: true });
}

/** `origin`: of the proxy in front of `server`. */
async function passesEachEventAtOnce(context, server, origin) {
  const abort = new AbortController();
  context.after(() => abort.abort());
  const pieces = read(`${origin}/events?topic=orders`, abort.signal);
  const next = async (text, what) => {
    let all = "";
    while (!all.includes(text)) {
      const { value, done } = await within(pieces.next(), what);
      assert.ok(!done, `the stream has ended before ${what}`);
      all += value;
    }
  };
  await next("id: ", "the first block to arrive");
  for (let n = 0; n < 5; ++n) {
    await server.publish({ topic: "orders", data: `event ${n}` });
    await next(`data: event ${n}\n`, `event ${n} to arrive before the next is published`);
  }
}

/** What a proxy needs a stopped Millrace for: its streams end, and with them the proxy's connections. */
async function millrace(context, ...options) {
  const server = await startMillrace(...options);
  context.after(() => server.close());
  return server;
}

for (const options of [[], ["--gzip"]]) {
  const how = options.length ? ", which compresses by itself" : "";

  test(`Express with compression and http-proxy-middleware holds back nothing of a server${how}`, async (context) => {
    const server = await millrace(context, ...options);
    const app = express();
    app.use(compression());
    app.use(createProxyMiddleware({ target: server.origin, changeOrigin: true }));
    const proxy = createServer(app).listen(0, "127.0.0.1");
    context.after(() => {
      proxy.closeAllConnections();
      proxy.close();
    });
    await once(proxy, "listening");
    await passesEachEventAtOnce(context, server, `http://127.0.0.1:${proxy.address().port}`);
  });

  test(`webpack-dev-server (and Create React App's) holds back nothing of a server${how}`, async (context) => {
    const server = await millrace(context, ...options);
    const directory = mkdtempSync(join(tmpdir(), "millrace-webpack-"));
    context.after(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, "index.js"), "");
    const compiler = webpack({
      mode: "development",
      context: directory,
      entry: "./index.js",
      output: { path: directory },
      infrastructureLogging: { level: "error" },
      stats: "errors-only",
    });
    const port = await freePort();
    const devServer = new WebpackDevServer(
      {
        host: "127.0.0.1",
        port,
        hot: false,
        client: false,
        liveReload: false,
        proxy: [{ context: ["/events"], target: server.origin, changeOrigin: true }],
      },
      compiler,
    );
    await devServer.start();
    context.after(() => devServer.stop());
    await passesEachEventAtOnce(context, server, `http://127.0.0.1:${port}`);
  });
}
