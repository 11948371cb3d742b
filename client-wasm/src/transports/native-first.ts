// The browser's own EventSource, until another connection has to continue from an ID: a page that returns from the
// back/forward cache, or a server that could not be reached. A new EventSource cannot send the ID as a header; `fetch`
// can, where the server allows it.

import { FetchTransport } from "./fetch.js";
import { NativeTransport } from "./native.js";
import type { Request, Transport, TransportListener } from "./transport.js";

export class NativeFirst implements Transport {
  readonly name = "native";
  readonly #native: NativeTransport;
  readonly #fetch: FetchTransport;
  #current: Transport;

  constructor(request: Request, types: readonly string[], listener: TransportListener) {
    this.#current = this.#native = new NativeTransport(request, types, listener);
    this.#fetch = new FetchTransport(request, listener);
  }

  connect(lastEventId: string): Promise<void> {
    if (lastEventId && !this.#native.reconnectsItself) this.#current = this.#fetch;
    return this.#current.connect(lastEventId);
  }

  drop(): void {
    this.#current.drop();
  }

  listen(type: string): void {
    this.#native.listen(type);
  }
}
