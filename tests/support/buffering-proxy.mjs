// A reverse proxy on 127.0.0.1 that sends a response's head on at once and holds its body back until that ends, as those
// in offices and in front of clouds do.

import { createServer, request } from "node:http";

export class BufferingProxy {
  /** The requests so far: their URL, and the last event ID in their head. */
  requests = [];
  #server;

  /** Forwards to 127.0.0.1:`targetPort`. */
  static async to(targetPort) {
    const proxy = new BufferingProxy();
    proxy.#server = createServer((near, answer) => proxy.#forward(near, answer, targetPort));
    await new Promise((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get origin() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  async close() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #forward({ method, url, headers }, answer, port) {
    this.requests.push({ url, lastEventId: headers["last-event-id"] });
    const far = request({ port, host: "127.0.0.1", method, path: url, headers: { ...headers, connection: "close" } });
    far.on("response", (response) => {
      answer.writeHead(response.statusCode, response.headers);
      answer.flushHeaders();
      const held = [];
      response.on("data", (bytes) => held.push(bytes));
      response.on("end", () => answer.end(Buffer.concat(held)));
      response.on("error", () => answer.destroy());
    });
    far.on("error", () => answer.destroy());
    answer.on("close", () => far.destroy());
    far.end();
  }
}
