// What the hooks of all frameworks have in common: a connection as a state that changes.

import { type Connection, type ConnectOptions, connect, type EventOf, type ServerEvent, type Unstated } from "millrace";

/** What a hook or a store shows of a connection. */
export interface EventSourceState<Events = Record<string, string>> {
  /** The newest event; undefined before the first. */
  event?: EventOf<Events>;
  /** 0 connecting, 1 open, 2 closed: as in EventSource. */
  readyState: number;
  /** What has ended the connection for good: a ConnectionError, or what is wrong with the options. */
  error?: unknown;
}

/** What a hook takes beside the options of connect(). */
export interface OnEvent<Events = Record<string, string>> {
  /** Called with every event, also those that a rendering skips because newer ones have come. */
  onEvent?: (event: EventOf<Events>) => void;
}

/** What is reported of a connection, whose events are of any kind here. */
export interface AnyState {
  event?: ServerEvent<unknown>;
  readyState: number;
  error?: unknown;
}

/** Connects, and reports what changes until the function returned is called, which closes the connection. */
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
