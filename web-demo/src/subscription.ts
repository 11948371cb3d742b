// Subscription: this page's event stream, from `connect()` to what the views are told. It knows how the connection
// stands, when each event was published, and which of them were caught up after an outage; it draws nothing.

import { type Connection, connect, type ConnectOptions } from "millrace";
import { type Arrival, type Outage, type Tick, tickOf } from "./arrival.ts";
import { PublishClock } from "./publish-clock.ts";
import { lossInWords } from "./words.ts";

export type Link =
  | { readonly state: "connecting" }
  | { readonly state: "open" }
  /** `retryAt`: when the next attempt begins, in ms on the page's clock. */
  | { readonly state: "waiting"; readonly why: string; readonly retryAt: number }
  | { readonly state: "closed"; readonly why: string };

export interface Listener {
  linkChanged(link: Link): void;
  lost(outage: Outage): void;
  /** What was published during the outage has come. */
  caughtUp(outage: Outage): void;
  arrived(arrival: Arrival, tick: Tick | undefined): void;
  /** The server could not go on where this page had stopped; `reason` as in `millrace.gap`. */
  gap(reason: string, lastEventId: string): void;
}

export class Subscription {
  #listener: Listener;
  #connection: Connection;
  #clock = new PublishClock();
  #outage: Outage | undefined;
  #wasOpen = false;

  constructor(url: string, options: ConnectOptions, listener: Listener) {
    this.#listener = listener;
    this.#connection = connect(url, options);
    this.#connection.addEventListener("open", () => this.#opened());
    this.#connection.addEventListener("error", (error) => this.#lost(error));
    listener.linkChanged({ state: "connecting" });
  }

  get transport(): string {
    return this.#connection.transport ?? "";
  }

  get lastEventId(): string {
    return this.#connection.lastEventId;
  }

  /** Reads the stream; returns when it has ended for good. */
  async read(): Promise<void> {
    for await (const event of this.#connection) {
      if (event.type === "millrace.gap") this.#gap(event.data);
      this.#arrived(event.lastEventId, event.type, event.data);
    }
  }

  #opened(): void {
    this.#wasOpen = true;
    if (this.#outage) {
      this.#outage.resumedAt = performance.now();
      this.#outage.resumedId = this.lastEventId;
    }
    this.#listener.linkChanged({ state: "open" });
  }

  #lost(error: { reason: string; status: number; reconnectIn: number | null }): void {
    const now = performance.now();
    if (this.#wasOpen && (!this.#outage || this.#outage.resumedAt !== undefined)) {
      this.#outage = { lostAt: now, caughtUp: 0 };
      this.#listener.lost(this.#outage);
    }
    const why = lossInWords(error.reason, error.status);
    this.#listener.linkChanged(
      error.reconnectIn === null
        ? { state: "closed", why }
        : { state: "waiting", why, retryAt: now + error.reconnectIn },
    );
  }

  #gap(text: string): void {
    const { reason, lastEventId } = valueOf(text) as { reason: string; lastEventId: string };
    // Another life of the log: its clock may be another one, too.
    if (reason === "unknown") this.#clock.reset();
    this.#listener.gap(reason, lastEventId);
  }

  #arrived(id: string, type: string, text: string): void {
    const now = performance.now();
    const value = valueOf(text);
    const tick = type === "tick" ? tickOf(value) : undefined;
    const publishedAt = tick ? this.#clock.toLocal(tick.time, now) : now;
    const late = this.#isLate(publishedAt, tick !== undefined);
    this.#listener.arrived({ id, type, text, value, publishedAt, late }, tick);
  }

  /** Events come in the log's order: after a resume they are late until the first tick that is not. */
  #isLate(publishedAt: number, hasTime: boolean): boolean {
    const outage = this.#outage;
    if (outage?.resumedAt === undefined) return false;
    if (hasTime && publishedAt >= outage.resumedAt) {
      this.#outage = undefined;
      this.#listener.caughtUp(outage);
      return false;
    }
    outage.caughtUp += 1;
    return true;
  }
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
