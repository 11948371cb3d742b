// The core's EventStreamParser by itself: the bytes of an event stream in, what they say out.

import type { Core, Signal } from "./core.js";

export class Parser {
  #lastEventId: string;
  readonly #core: Core;
  readonly #handle: number;

  constructor(core: Core, lastEventId = "") {
    this.#core = core;
    this.#lastEventId = lastEventId;
    this.#handle = core.exports.parser_new(core.put(lastEventId));
  }

  /** The last event ID string: what a reconnection would send. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  /** At most maxInputBytes. */
  feed(chunk: Uint8Array): Signal[] {
    const batch = this.#core.exports.parser_feed(this.#handle, this.#core.put(chunk));
    const signals = this.#core.decode(batch, this.#lastEventId);
    for (const signal of signals) if ("lastEventId" in signal) this.#lastEventId = signal.lastEventId;
    return signals;
  }

  /** A new stream begins; the last event ID string stays. */
  reset(): void {
    this.#core.exports.parser_reset(this.#handle);
  }

  /** Frees it in the module; nothing may be called after. */
  close(): void {
    this.#core.exports.parser_delete(this.#handle);
  }
}
