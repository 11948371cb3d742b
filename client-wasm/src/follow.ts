// Common code of all framework hooks: a connection as a changing state.

import { type Connection, type ConnectOptions, connect, type EventOf, type ServerEvent, type Unstated } from "millrace";

/** A connection's state in a hook or a store. */
export interface EventSourceState<Events = Record<string, string>> {
  /** The newest event; undefined before the first. */
  event?: EventOf<Events>;
  /** 0 connecting, 1 open, 2 closed: as in EventSource. */
  readyState: number;
  /** Why the connection has ended for good: a ConnectionError, or the error of an invalid option. */
  error?: unknown;
}

/** A hook's option besides those of connect(). */
export interface OnEvent<Events = Record<string, string>> {
  /** Called with every event, also those that a rendering skips because newer events have arrived. */
  onEvent?: (event: EventOf<Events>) => void;
}

/** A connection's state, with events of any type. */
export interface AnyState {
  event?: ServerEvent<unknown>;
  readyState: number;
  error?: unknown;
}

/** Connects, and reports changes until the returned function is called, which closes the connection. */
export function follow(
  url: string | URL,
  options: ConnectOptions | undefined,
  onEvent: (event: ServerEvent<unknown>) => void,
  report: (change: AnyState) => void,
): () => void {
  let isLeft = false;
  let connection: Connection<Record<string, unknown>> | undefined;
  const change = (what: Omit<AnyState, "readyState">) => {
    if (!isLeft) report({ readyState: connection?.readyState ?? 2, ...what });
  };
  const changed = () => change({});
  (async () => {
    connection = connect<Unstated, ConnectOptions>(url, options);
    connection.addEventListener("open", changed);
    connection.addEventListener("error", changed);
    for await (const event of connection) {
      onEvent(event);
      change({ event });
    }
    changed();
  })().catch((error) => change({ error }));
  return () => {
    isLeft = true;
    connection?.close();
  };
}
