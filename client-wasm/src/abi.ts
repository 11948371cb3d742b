// The interface between C++ and TypeScript: the module's exports, and the numbers of enums. The enums have the same
// names and numbers as in abi.h; build.mjs fails if they differ (shared-enums.mjs).

import type { LossReason } from "./types.js";

/** exports.txt in TypeScript. Pointers, lengths and handles are numbers; a batch is a pointer to a batch. */
export interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  input(bytes: number): number;
  source_new(lastEventIdBytes: number, seed: number, ...policy: number[]): number;
  source_delete(source: number): void;
  source_tell(source: number, input: number, now: number, ...rest: number[]): number;
  source_next_timeout(source: number): number;
  parser_new(lastEventIdBytes: number): number;
  parser_delete(parser: number): void;
  parser_feed(parser: number, bytes: number): number;
  parser_reset(parser: number): void;
}

// Enums, so that bundles contain only the numbers.

/** The kind of a batch's record. */
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
  /** `text`: the topic of the following events; empty: unknown */
  topic,
}

/** The inputs of a source. */
export enum Input {
  /** at most maxInputBytes of the body */
  bytes,
  /** an event that the transport itself has parsed: its last event ID, and 1 if it is a cursor */
  message,
  start,
  /** status, Content-Type and Last-Event-ID with an LF between, Retry-After in milliseconds, a Verdict, the heartbeat in ms */
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

/** The policy's flags, added up. */
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

/** The core's defaults: the reconnection time and the longest wait in milliseconds; the largest event in bytes. */
export const defaultBase = 3000;
export const defaultMax = 60_000;
export const defaultEventBytes = 16_777_216;

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
