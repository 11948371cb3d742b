// What the hooks of all frameworks have in common: a connection as a state that changes.

import type { Connection, ConnectOptions, ServerEvent } from "millrace";

export interface EventSourceState<Data = string> {
  /** The newest event; undefined before the first. */
  event?: ServerEvent<Data>;
  /** 0 connecting, 1 open, 2 closed: as in EventSource. */
  readyState: number;
  /** What has ended the connection for good: a ConnectionError, or what the options threw. */
  error?: unknown;
}

/** The options of connect(), and a function called with every event. */
export interface UseEventSourceOptions<Data = string> extends ConnectOptions<"text" | "json"> {
  /** Called with every event, also those that a rendering skips because newer ones have come. */
  onEvent?: (event: ServerEvent<Data>) => void;
}

/** Reports what changes until the function returned is called, which closes the connection. */
export function follow<Data>(
  connection: Connection<Data>,
  onEvent: (event: ServerEvent<Data>) => void,
  report: (change: Partial<EventSourceState<Data>>) => void,
): () => void {
  let change: typeof report = (what) => report({ readyState: connection.readyState, ...what });
  const lost = () => change({});
  connection.addEventListener("open", lost);
  connection.addEventListener("error", lost);
  (async () => {
    for await (const event of connection) {
      onEvent(event);
      change({ event });
    }
    lost();
  })().catch((error) => change({ error }));
  return () => {
    change = () => {};
    connection.close();
  };
}
