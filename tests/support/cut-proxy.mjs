// A TCP proxy on 127.0.0.1 that cuts connections, as networks do.

import { connect, createServer } from "node:net";
import { overTls } from "./test-tls.mjs";

export class CutProxy {
  /** Connections made so far. */
  accepted = 0;
  /** Event streams that came compressed by gzip, of those whose head came in one piece. */
  compressedStreams = 0;
  /** The last event IDs that requests had in their heads or queries, one a request; undefined: none. */
  requestedFrom = [];
  /** What came over each connection so far: `text`, and whether there is a block of an event stream in it. */
  streams = [];
  #server;
  #pairs = new Set();

  /** Forwards to 127.0.0.1:`targetPort`. */
  static async to(targetPort) {
    const proxy = new CutProxy();
    proxy.#server = createServer((near) => proxy.#join(near, connect(targetPort, "127.0.0.1")));
    await new Promise((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port() {
    return this.#server.address().port;
  }

  get origin() {
    return `${overTls ? "https" : "http"}://127.0.0.1:${this.port}`;
  }

  /** Resets all connections, in the middle of anything. */
  cut() {
    for (const pair of this.#pairs) for (const socket of [pair.near, pair.far]) reset(socket);
  }

  /** Ends all connections behind what has been passed on: a reset may drop what a client has not read yet. */
  end() {
    for (const { near, far } of this.#pairs) {
      near.destroySoon();
      far.destroy();
    }
  }

  async close() {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near, far) {
    this.accepted += 1;
    const pair = { near, far };
    this.#pairs.add(pair);
    near.on("data", (bytes) => {
      const head = bytes.toString("latin1");
      const id = /\r\nlast-event-id: (.*)\r\n/i.exec(head) ?? /[?&]lastEventId=([^& ]*)/.exec(head);
      if (/^[A-Z]+ .* HTTP/.test(head)) this.requestedFrom.push(id?.[1]);
    });
    const stream = {
      text: "",
      get hasBlock() {
        return this.text.indexOf("\n\n") > 0;
      },
    };
    this.streams.push(stream);
    far.on("data", (bytes) => {
      const text = bytes.toString("latin1");
      if (stream.text.length < 65_536) stream.text += text;
      const fields = [/\r\ncontent-encoding: gzip\r\n/i, /\r\ncontent-type: text\/event-stream\r\n/i];
      if (fields.every((field) => field.test(text))) this.compressedStreams += 1;
    });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
    }
  }
}

// Node.js cannot reset a socket whose end is on its way: it would never be closed, and the process spin when it ends.
function reset(socket) {
  if (socket.writableEnded || socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}
