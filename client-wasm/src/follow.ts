// Common code of all framework hooks: a connection as a changing state.

import {
  type Connection,
  type ConnectOptions,
  connect,
  type EventOf,
  type EventsOf,
  type OptionsFor,
  type ServerEvent,
  type Unstated,
} from "millrace";

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

/**
 * The constraint on the options that TypeScript infers. It infers functions whose parameters have no type yet as
 * `unknown`, and then infers nothing if that violates the constraint. So only the options that decide the type of the
 * events have a type here; HookOptionsFor checks the others.
 */
export type HookOptions = {
  [Name in keyof ConnectOptions | "onEvent"]?: Name extends "decode" | "schema" | "types"
    ? ConnectOptions[Name]
    : unknown;
};

/**
 * The arguments of a hook after the URL. From the mapped type TypeScript infers the options before it types the parameter
 * of `onEvent`, which depends on them.
 */
export type HookOptionsFor<Events, Options> = OptionsFor<
  Events,
  Options & { [Name in keyof Options]: Options[Name] } & HookBase<EventsOf<Events, Options>>,
  HookBase<EventsOf<Events, Options>>
>;

/** All options of a hook. */
export type HookBase<Events> = ConnectOptions & OnEvent<Events>;

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
