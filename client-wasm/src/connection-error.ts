// The errors and events of a lost connection.

import type { ConnectionErrorEvent, LossReason } from "./types.js";

/** Thrown by the iteration when the connection has failed for good. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  /** The same as `status`, as in other packages' errors; undefined without a response. */
  readonly code: number | undefined;

  constructor(
    message: string,
    readonly reason: LossReason,
    /** The last response's status; 0 without a response. */
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
