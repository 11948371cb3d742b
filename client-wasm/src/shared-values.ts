// Enums and constants that C++ and TypeScript share. Generated from the headers by tools/shared-values.mjs: change
// them there, and run it. Enums: client-wasm/src/abi.h. As enums, so that bundles contain only the numbers.

import type { LossReason } from "./types.js";

/** The kind of a batch's record. The functions in abi.cpp that add a kind say which fields it uses. */
export enum Kind {
  /** `a`: whether to poll */
  connect,
  open,
  event,
  /** `a`: index of the reason, `b`: status, `c`: milliseconds until the reconnection */
  reconnect,
  /** the same, for good */
  fail,
  /** `text`: the last event ID, changed by a block without an event */
  id,
  /** `text`: the comment */
  comment,
  /** `a`: milliseconds */
  retry,
  tooLarge,
  /**
   * `a`: which of Millrace's own fields; `text`: its value in the following events; empty: unknown. 0: the topics,
   * with a tab between two; 1 and 2: `traceparent` and `tracestate`
   */
  field,
}

/** The inputs of a source, for source_tell(). */
export enum Input {
  /** at most maxInputBytes of the body */
  bytes,
  /** an event that the transport itself has parsed: its last event ID, and 1 if it is a cursor */
  message,
  start,
  /**
   * status, Content-Type and Last-Event-ID with an LF between, Retry-After in milliseconds, a Verdict, the heartbeat
   * in ms
   */
  response,
  end,
  networkError,
  /** no connection, and another attempt would fail, too */
  futileError,
  /** at nextTimeout(); early or late is harmless */
  timeout,
  /** reconnect now instead of waiting */
  online,
  /** the connection was dropped; no new one until `resume` */
  suspend,
  resume,
  /** the connection was dropped; connect again at once */
  restart,
}

/** The owner's decision about a status. */
export enum Verdict {
  none,
  retry,
  fail,
  mended,
}

/**
 * The policy's flags, added up. At most one of the two about replays, and one of `idempotent` and `always`: without
 * them the source drops no replays and repeats no request.
 */
export enum Flag {
  retryOnServerError = 1,
  polling = 2,
  dropReplaysOfLogs = 4,
  dropReplays = 8,
  idempotent = 16,
  always = 32,
  notIdempotent = 64,
  cursorEvents = 128,
}

/** Indexed by EventSourceState::Reason. */
export const reasons: readonly LossReason[] = [
  "none",
  "network-error",
  "end-of-stream",
  "timeout",
  "status",
  "content-type",
  "too-large",
  "buffered",
];

/** Reconnection time until the server sends a `retry` field. */
export const defaultBase = 3000;

/** Cap on the exponential part of the backoff. A server's `retry` above it is still honoured. */
export const defaultMax = 60_000;

/**
 * Largest line, and largest data buffer of one event, that a client accepts, in bytes. Beyond it the stream ends
 * with an error: a parser never buffers without bound.
 */
export const defaultEventBytes = 16_777_216;

/** Topics of one event; an event with more is refused (400). */
export const maxTopics = 16;

/** Type of the event that reports a gap: the log no longer holds what the client missed. */
export const gapType = "millrace.gap";

/**
 * Type of the event without data that carries only the cursor. It is not in the log: clients take its ID, and do not
 * pass it to their users.
 */
export const cursorType = "millrace.cursor";
