// A server that emits exactly the bytes a test wants, on 127.0.0.1 and a free port.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { constants, createSecureServer } from "node:http2";
import { overTls, testCertificate } from "./test-tls.mjs";

export const eventStream = { "Content-Type": "text/event-stream" };

/**
 * Serves requests with `respond(request, response, count)`, `count` being 1 for the first, until closed. `requests` keeps what
 * was asked: method, URL, headers and body.
 */
export async function serve(respond) {
  const requests = [];
  const { server, closeAll } = (overTls ? makeHttp2Server : makeHttp1Server)(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method, url, headers } = request;
    requests.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
    respond(request, response, requests.length);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `${overTls ? "https" : "http"}://127.0.0.1:${server.address().port}`,
    requests,
    async close() {
      closeAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function makeHttp1Server(respond) {
  const server = createServer(respond);
  return { server, closeAll: () => server.closeAllConnections() };
}

/** HTTP/2 over TLS, for listeners that were written for HTTP/1.1. */
function makeHttp2Server(respond) {
  const { chain, key } = testCertificate();
  const sessions = new Set();
  // Node.js refuses new streams while more than this, in megabytes, waits for a client.
  const maxSessionMemory = 1000;
  const server = createSecureServer(
    { cert: readFileSync(chain), key: readFileSync(key), maxSessionMemory },
    (request, response) => {
      request.headers.host ??= request.authority;
      // What breaks a connection of HTTP/1.1 ends a stream.
      response.destroy = () => response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      return respond(request, response);
    },
  );
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
    session.on("error", () => {}); // browsers break connections, too
  });
  return {
    server,
    closeAll() {
      for (const session of sessions) session.destroy();
    },
  };
}

/** Answers each request with the next of `bodies`, as an event stream that ends, or stays open with `open: true`. */
export function streams(...bodies) {
  return (_request, response, count) => {
    const { body, open = false, status = 200, headers = eventStream } = asStream(bodies[count - 1]);
    response.writeHead(status, headers);
    if (open) response.write(body || ":\n");
    else response.end(body);
  };
}

/** The same for every request; the stream stays open. */
export const always = (body) => (_request, response) => response.writeHead(200, eventStream).write(body || ":\n");

function asStream(value) {
  if (value === undefined) return { body: "", status: 204, headers: {} };
  return typeof value === "string" ? { body: value } : value;
}

/**
 * Answers the first request with `first`, and breaks that connection when `/cut` is asked for; answers the ones after with
 * `second`. Browsers throw away what they have not read when a connection breaks, so the client says when it has.
 */
export function cutOnRequest(first, second) {
  let broken;
  return (request, response, count) => {
    if (request.url === "/cut") {
      broken.destroy();
      response.end();
      return;
    }
    if (count === 1) broken = response;
    response.writeHead(200, eventStream).write(count === 1 ? first : second);
  };
}

/** Answers with `body` and leaves the stream open; answers `/closed` once the client has closed it. */
export function tellWhenClosed(body) {
  let closed;
  return (request, response, count) => {
    if (request.url === "/closed") {
      closed.then(() => response.end("closed"));
      return;
    }
    if (count === 1) closed = once(response, "close");
    response.writeHead(200, eventStream).write(body);
  };
}
