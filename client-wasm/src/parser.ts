// The core's EventStreamParser alone: bytes of an event stream in, signals out.

import { type Core, type CoreStream, type Fields, plainEvent, type Signal } from "./core.js";

export class Parser implements CoreStream {
  type = "message";
  readonly fields: Fields = [];
  /** The last event ID string: what a reconnection would send. */
  lastEventId: string;
  readonly eventOf = plainEvent;
  readonly #core: Core;
  readonly #handle: number;

  constructor(core: Core, lastEventId = "") {
    this.#core = core;
    this.lastEventId = lastEventId;
    this.#handle = core.exported.parser_new(core.put(lastEventId));
  }

  /** At most maxInputBytes. */
  feed(chunk: Uint8Array): Signal[] {
    return this.#core.read(this.#core.exported.parser_feed(this.#handle, this.#core.put(chunk)), this);
  }

  /** Begins a new stream; keeps the last event ID string. */
  reset(): void {
    this.#core.exported.parser_reset(this.#handle);
  }

  /** Frees it in the module; no further call is allowed. */
  close(): void {
    this.#core.exported.parser_delete(this.#handle);
  }
}
