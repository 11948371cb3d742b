// Wire: this page's event stream, from `connect()` to what the views are told. It knows how the connection stands, when
// each event was published, and which of them were caught up after an outage; it draws nothing.

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
  /** What was published during the outage has come. */
  caughtUp(outage: Outage): void;
  arrived(arrival: Arrival): void;
  /** The server could not go on where this page had stopped. */
  gap(gap: Gap): void;
  /** Bytes of the stream as they came, where the transport shows them. */
  bytes(chunk: Uint8Array): void;
}

export interface Route {
  /** connect() of the package, with any core. */
  readonly connect: typeof connect;
  readonly url: string;
  readonly transport: TransportName;
  /** One connection for all of the browser's tabs that take this route. */
  readonly share: boolean;
  /** After how many ms of silence the connection counts as dead; nothing where silence is usual. */
  readonly idleTimeout: number | undefined;
  readonly topics: readonly string[];
  readonly types: readonly string[];
}

export class Wire {
  readonly #listener: Listener;
  readonly #clock = new PublishClock();
  #connection: Connection | undefined;
  #outage: Outage | undefined;
  #isTold = false; // of this outage, the listener
  #isOpen = false;
  #hasOpened = false; // before that there is nothing to lose

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  get lastEventId(): string {
    return this.#connection?.lastEventId ?? "";
  }

  /** When something with the server's time `time` was published, in ms on the page's clock; undefined: not known yet. */
  publishedAt(time: number): number | undefined {
    return this.#clock.isSet ? this.#clock.toLocal(time, performance.now()) : undefined;
  }

  /**
   * Connects by this route, in place of the connection there is: from `lastEventId` on, else from where that one was.
   * `again`: the page has had what it asks for. An outage goes on until there is a connection, whichever that is.
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
        if (!this.#isCurrent(connection)) return; // replaced while this one was on its way here
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

  /** There is no connection from now on, or still none. */
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
      if (this.#outage.why === "changed") this.#outage.why = "lost"; // for another that cannot be had
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

  /** Events come in the log's order: after a resume they are late until the first that was published since. */
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
