// Subscription: this page's event stream, from `connect()` to what the views are told. It knows how the connection
// stands, when each event was published, and which of them were caught up after an outage; it draws nothing.

import { type Connection, type ConnectionErrorEvent, type ConnectOptions, connect } from "millrace";
import { type Arrival, type Gap, type Outage, type Tick, tickOf } from "./arrival.js";
import { PublishClock } from "./publish-clock.js";
import { lossInWords } from "./words.js";

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
  /** The server could not go on where this page had stopped. */
  gap(arrival: Arrival, gap: Gap): void;
}

export class Subscription {
  #listener: Listener;
  #connection: Connection;
  #clock = new PublishClock();
  #outage: Outage | undefined;
  #isOpen = false;

  constructor(url: string, options: ConnectOptions, listener: Listener) {
    this.#listener = listener;
    this.#connection = connect(url, options);
    this.#connection.addEventListener("open", () => this.#opened());
    this.#connection.addEventListener("error", (error) => this.#lost(error));
    listener.linkChanged({ state: "connecting" });
  }

  get transport(): string {
    return this.#connection.transport;
  }

  get lastEventId(): string {
    return this.#connection.lastEventId;
  }

  /** Reads the stream; returns when it has ended for good. */
  async read(): Promise<void> {
    for await (const { type, data, lastEventId } of this.#connection) {
      if (type === "millrace.gap") this.#gap(lastEventId, type, data);
      else this.#arrived(lastEventId, type, data);
    }
  }

  #opened(): void {
    this.#isOpen = true;
    if (this.#outage) {
      this.#outage.resumedAt = performance.now();
      this.#outage.resumedId = this.lastEventId;
    }
    this.#listener.linkChanged({ state: "open" });
  }

  #lost(error: ConnectionErrorEvent): void {
    const now = performance.now();
    if (this.#isOpen) {
      this.#outage = { lostAt: now, caughtUp: 0, gap: false };
      this.#listener.lost(this.#outage);
    }
    const why = lossInWords(error.reason, error.status, this.#isOpen);
    this.#isOpen = false;
    this.#listener.linkChanged(
      error.reconnectIn === null
        ? { state: "closed", why }
        : { state: "waiting", why, retryAt: now + error.reconnectIn },
    );
  }

  #gap(id: string, type: string, text: string): void {
    const value = parsed(text);
    if (this.#outage) this.#outage.gap = true;
    this.#listener.gap({ id, type, text, value, publishedAt: performance.now(), late: false }, value as Gap);
  }

  #arrived(id: string, type: string, text: string): void {
    const now = performance.now();
    const value = parsed(text);
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

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
