// A server that emits exactly the bytes a test wants, on 127.0.0.1 and a free port.

import { once } from "node:events";
import { createServer } from "node:http";

export const eventStream = { "Content-Type": "text/event-stream" };

/**
 * Serves requests with `respond(request, response, count)`, `count` being 1 for the first, until closed. `requests` keeps what
 * was asked: method, URL, headers and body.
 */
export async function serve(respond) {
  const requests = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method, url, headers } = request;
    requests.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
    respond(request, response, requests.length);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
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
