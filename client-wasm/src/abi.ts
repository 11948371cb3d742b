// What C++ and TypeScript have to agree on: the module's exports, and what is called by number. The enums are those of
// abi.h, name for name and number for number; build.mjs fails where they differ (shared-enums.mjs).

import type { LossReason } from "./types.js";

/** exports.txt, as TypeScript sees it. Pointers, lengths and handles are numbers; a batch is a pointer to one. */
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

// Enums, since bundles then have nothing but the numbers.

/** What a record of a batch says. */
export enum Kind {
  /** `a`: whether it is to be polled */
  connect,
  open,
  event,
  /** `a`: index of the reason, `b`: status, `c`: milliseconds until then */
  reconnect,
  /** the same, for good */
  fail,
  /** `text`: the last event ID, changed by a block without an event */
  id,
  /** `text`: what it says */
  comment,
  /** `a`: milliseconds */
  retry,
  tooLarge,
  /** `text`: the topic of the events that follow; empty: they do not say theirs */
  topic,
}

/** What can happen to a source. */
export enum Input {
  /** at most maxInputBytes of the body */
  bytes,
  /** the transport has parsed an event by itself: its last event ID, and 1 if it is a cursor */
  message,
  start,
  /** status, Content-Type and Last-Event-ID with an LF between, Retry-After in milliseconds, a Verdict, the heartbeat in ms */
  response,
  end,
  networkError,
  /** no connection, and no other attempt would change that */
  futileError,
  /** to be told at nextTimeout(); early or late does no harm */
  timeout,
  /** a waiting reconnection happens now */
  online,
  /** the connection has been dropped, and none is wanted until `resume` */
  suspend,
  resume,
  /** the connection has been dropped, and is wanted anew at once */
  restart,
}

/** What the owner of a source says of a status. */
export enum Verdict {
  none,
  retry,
  fail,
  mended,
}

/** The policy's yes and no, added up. */
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

/** The core's defaults: milliseconds until the server says otherwise, and at most; bytes of an event. */
export const defaultBase = 3000;
export const defaultMax = 60_000;
export const defaultEventBytes = 16_777_216;

/** By the number of EventSourceState::Reason. */
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
