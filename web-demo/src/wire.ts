// Wire: this page's event stream, from `connect()` to the views. It knows the state of the connection, when each event was
// published, and which events were caught up after an outage. It draws nothing.

import type { Connection, ConnectionErrorEvent, connect, LossReason, TransportName } from "millrace";
import { type Arrival, type Away, fieldsOf, type Gap, type Outage } from "./arrival.js";
import { isTapped, tapped } from "./frames.js";
import { PublishClock } from "./publish-clock.js";

/** The last event ID of a page that the server has sent away for good. */
const goneForGood = "millrace.gone";

export interface Loss {
  readonly reason: LossReason | "unreadable" | "gone";
  readonly status: number;
  /** Whether the connection was open before. */
  readonly wasOpen: boolean;
}

export type Link =
  | { readonly state: "connecting" }
  | { readonly state: "open" }
  /** `retryAt`: when the next attempt begins, in ms on the page's clock. */
  | { readonly state: "waiting"; readonly loss: Loss; readonly retryAt: number }
  | { readonly state: "closed"; readonly loss: Loss };

export interface Listener {
  linkChanged(link: Link): void;
  lost(outage: Outage): void;
  /** All events of the outage have arrived. */
  caughtUp(outage: Outage): void;
  arrived(arrival: Arrival): void;
  /** The server could not continue where this page had stopped. */
  gap(gap: Gap): void;
  /** Bytes of the stream as they arrive, if the transport shows them. */
  bytes(chunk: Uint8Array): void;
}

export interface Route {
  /** connect() of the package, with any core. */
  readonly connect: typeof connect;
  readonly url: string;
  readonly transport: TransportName;
  /** One connection for all of the browser's tabs on this route. */
  readonly share: boolean;
  /** After how many ms of silence the connection counts as dead; undefined if silence is normal. */
  readonly idleTimeout: number | undefined;
  readonly topics: readonly string[];
  readonly types: readonly string[];
}

export class Wire {
  readonly #listener: Listener;
  readonly #clock = new PublishClock();
  #connection: Connection | undefined;
  #outage: Outage | undefined;
  #isTold = false; // the listener knows of this outage
  #isOpen = false;
  #hasOpened = false; // before that, nothing can be lost

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  get lastEventId(): string {
    return this.#connection?.lastEventId ?? "";
  }

  /** When something with the server's time `time` was published, in ms on the page's clock; undefined while that is unknown. */
  publishedAt(time: number): number | undefined {
    return this.#clock.isSet ? this.#clock.toLocal(time, performance.now()) : undefined;
  }

  /**
   * Connects by this route and replaces the present connection. Begins after `lastEventId`, or where that connection was.
   * `again`: the page already has the events that it requests. An outage lasts until any connection is open.
   */
  take(
    { connect, url, transport, share, topics, types, idleTimeout }: Route,
    lastEventId = this.lastEventId,
    again = false,
  ): void {
    if (this.#hasOpened) this.#away(again ? "again" : "changed");
    this.#connection?.close();
    const connection = connect(url, {
      ...{ transport, share, topics, types, lastEventId },
      ...(idleTimeout === undefined ? {} : { idleTimeout }),
      ...(isTapped(transport, share) ? { fetch: tapped((chunk) => this.#listener.bytes(chunk)) } : {}),
    });
    this.#connection = connection;
    this.#isOpen = false;
    connection.addEventListener("open", () => this.#opened(connection));
    connection.addEventListener("error", (error) => this.#lost(connection, error));
    this.#listener.linkChanged({ state: "connecting" });
    void this.#read(connection);
  }

  async #read(connection: Connection): Promise<void> {
    try {
      for await (const { type, data, lastEventId } of connection) {
        if (!this.#isCurrent(connection)) return; // replaced while this event was on its way
        if (type === "millrace.gap") this.#gap(data);
        else this.#arrived(lastEventId, type, data);
      }
    } catch (error) {
      if (connection.readyState !== 2) throw error; // a fault of the page's own
      if (this.#isCurrent(connection) && !(error instanceof Error && error.name === "ConnectionError")) {
        this.#listener.linkChanged({
          state: "closed",
          loss: { reason: "unreadable", status: 0, wasOpen: this.#isOpen },
        });
      }
    }
  }

  /** The connection is lost, or the attempt has failed. */
  #away(why: Away): void {
    if (!this.#outage || this.#outage.resumedAt !== undefined) {
      this.#outage = { why, lostAt: performance.now(), caughtUp: 0, gap: false };
      this.#isTold = false;
    } else if (why === "again") this.#outage.why = why;
  }

  #isCurrent(connection: Connection): boolean {
    return connection === this.#connection;
  }

  #opened(connection: Connection): void {
    if (!this.#isCurrent(connection)) return;
    this.#isOpen = true;
    this.#hasOpened = true;
    if (this.#outage && this.#outage.resumedAt === undefined) {
      this.#outage.resumedAt = performance.now();
      this.#outage.resumedId = this.lastEventId;
    }
    this.#listener.linkChanged({ state: "open" });
  }

  #lost(connection: Connection, { reason, status, reconnectIn }: ConnectionErrorEvent): void {
    if (!this.#isCurrent(connection)) return;
    const now = performance.now();
    if (this.#isOpen) this.#away("lost");
    if (this.#outage && !this.#isTold) {
      this.#isTold = true;
      if (this.#outage.why === "changed") this.#outage.why = "lost"; // the new connection failed
      this.#listener.lost(this.#outage);
    }
    const isGone = reconnectIn === null && connection.lastEventId === goneForGood;
    const loss: Loss = { reason: isGone ? "gone" : reason, status, wasOpen: this.#isOpen };
    this.#isOpen = false;
    this.#listener.linkChanged(
      reconnectIn === null ? { state: "closed", loss } : { state: "waiting", loss, retryAt: now + reconnectIn },
    );
  }

  #gap(text: string): void {
    const { lastEventId, reason } = fieldsOf(text);
    if (this.#outage) this.#outage.gap = true;
    this.#listener.gap({ lastEventId: String(lastEventId), reason: reason === "expired" ? reason : "unknown" });
  }

  #arrived(id: string, type: string, text: string): void {
    const now = performance.now();
    const fields = fieldsOf(text);
    const { time } = fields;
    const hasTime = typeof time === "number";
    const publishedAt = hasTime ? this.#clock.toLocal(time, now) : now;
    const late = this.#isLate(publishedAt, hasTime);
    this.#listener.arrived({ id, type, text, fields, publishedAt, late });
  }

  /** Events arrive in the log's order: after a resume, they are late until the first one published since then. */
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
