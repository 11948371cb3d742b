// What is said of a connection that is lost.

import type { ConnectionErrorEvent, LossReason } from "./types.js";

/** What the iteration throws when the connection has failed for good. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";

  constructor(
    message: string,
    readonly reason: LossReason,
    /** The last response's status; 0 if there was none. */
    readonly status: number,
  ) {
    super(message);
  }
}

export class LossEvent extends Event implements ConnectionErrorEvent {
  readonly reason: LossReason;
  readonly status: number;
  readonly reconnectIn: number | null;
  readonly message: string;

  constructor({ reason, status, reconnectIn, message }: Omit<ConnectionErrorEvent, keyof Event>) {
    super("error");
    this.reason = reason;
    this.status = status;
    this.reconnectIn = reconnectIn;
    this.message = message;
  }
}
