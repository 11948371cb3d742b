// Arrival: an event of the stream as the page's views see it. Outage: a time without a connection.

import { parseJson } from "./parse-json.js";

export interface Arrival {
  readonly id: string;
  readonly type: string;
  /** The data as it was sent. */
  readonly text: string;
  /** The data's fields; empty unless it is a JSON object. Anyone may publish here, so check every field. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** When it was published, in ms on the page's own clock (`performance.now`). */
  readonly publishedAt: number;
  /** Whether it was published while this page had no connection or was not open, and arrived later. */
  readonly late: boolean;
}

/** Why there was no connection: it was lost, replaced, or closed to return to an old ID. */
export type Away = "lost" | "changed" | "again";

export interface Outage {
  why: Away;
  /** When the connection was lost, in ms on the page's own clock. */
  readonly lostAt: number;
  /** When a connection was open again; undefined until then. */
  resumedAt?: number;
  /** The last event ID after which the stream continued. */
  resumedId?: string;
  /** Events caught up so far. */
  caughtUp: number;
  /** The server could not continue after `resumedId`: events may be lost. */
  gap: boolean;
}

/** The data of a `millrace.gap`: the events after this ID are gone, or the ID is unknown. */
export interface Gap {
  readonly lastEventId: string;
  readonly reason: "expired" | "unknown";
}

/** The fields of an event's data. */
export function fieldsOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = parseJson(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    return { text: typeof value === "string" ? value : text };
  } catch {
    return { text };
  }
}
