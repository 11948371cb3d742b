// The core's EventStreamParser by itself: the bytes of an event stream in, what they say out.

import { type Core, type CoreStream, plainEvent, type Signal } from "./core.js";

export class Parser implements CoreStream {
  type = "message";
  topic = "";
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

  /** A new stream begins; the last event ID string stays. */
  reset(): void {
    this.#core.exported.parser_reset(this.#handle);
  }

  /** Frees it in the module; nothing may be called after. */
  close(): void {
    this.#core.exported.parser_delete(this.#handle);
  }
}
