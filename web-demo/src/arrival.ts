// Arrival: an event of the stream as the page's views see it. Outage: a time without a connection.

export interface Arrival {
  readonly id: string;
  readonly type: string;
  /** The data as it was sent. */
  readonly text: string;
  /** The data as JSON, or the text itself where it is none. */
  readonly value: unknown;
  /** When it was published, in ms on the page's own clock (`performance.now`). */
  readonly publishedAt: number;
  /** Whether it was published while this page had no connection, and was caught up later. */
  readonly late: boolean;
}

export interface Outage {
  /** When the connection was lost, in ms on the page's own clock. */
  readonly lostAt: number;
  /** When it was open again; nothing while it is not. */
  resumedAt?: number;
  /** The last event ID from which the stream went on. */
  resumedId?: string;
  /** Events caught up so far. */
  caughtUp: number;
  /** The server could not go on after `resumedId`: events may be lost. */
  gap: boolean;
}

/** The data of a `millrace.gap`: what came after this ID is gone, or the ID is not known at all. */
export interface Gap {
  readonly lastEventId: string;
  readonly reason: "expired" | "unknown";
}

/** A tick of `demo/ticks`. */
export interface Tick {
  readonly n: number;
  readonly symbol: string;
  readonly price: number;
  readonly time: number;
}

/** The tick in an event's data; nothing if it is none. `time` is ms since 1970, sent as such or as an ISO 8601 string. */
export function tickOf(value: unknown): Tick | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { n, symbol, price, time } = value as Record<string, unknown>;
  if (typeof n !== "number" || typeof symbol !== "string" || typeof price !== "number") return undefined;
  return { n, symbol, price, time: typeof time === "string" ? Date.parse(time) : Number(time) };
}
