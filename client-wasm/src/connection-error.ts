// What is said of a connection that is lost.

import type { ConnectionErrorEvent, LossReason } from "./types.js";

/** What the iteration throws when the connection has failed for good. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  /** The same as `status`, as in other packages' errors; undefined if there was no response. */
  readonly code: number | undefined;

  constructor(
    message: string,
    readonly reason: LossReason,
    /** The last response's status; 0 if there was none. */
    readonly status: number,
  ) {
    super(message);
    this.code = status || undefined;
  }
}

export class LossEvent extends Event implements ConnectionErrorEvent {
  readonly reason: LossReason;
  readonly status: number;
  readonly code: number | undefined;
  readonly reconnectIn: number | null;
  readonly message: string;

  constructor({ reason, status, reconnectIn, message }: Omit<ConnectionErrorEvent, "code" | keyof Event>) {
    super("error");
    this.reason = reason;
    this.status = status;
    this.code = status || undefined;
    this.reconnectIn = reconnectIn;
    this.message = message;
  }
}
