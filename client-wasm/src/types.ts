// What the package's users see, in types. README.md explains them with examples.

/** Why a connection was lost, or could not be made. */
export type LossReason =
  | "none"
  /** No connection, or it broke. The browser's own EventSource cannot tell this from the end of the stream. */
  | "network-error"
  /** The server ended the response. */
  | "end-of-stream"
  /** Nothing came for too long. */
  | "timeout"
  /** A status other than 200; 204 means that the server wants no more. */
  | "status"
  /** Not `text/event-stream`. */
  | "content-type"
  /** An event exceeds 16 MiB. */
  | "too-large"
  /** Over the native transport, events without IDs came faster than they were iterated over. */
  | "overrun";

/** An event of the stream. */
export interface ServerEvent<Data = string> {
  /** The `event` field, `message` where there was none. */
  readonly type: string;
  readonly data: Data;
  /** The last event ID once this event has come: its own, or that of the last event that had one. */
  readonly lastEventId: string;
}

export type TransportName = "native" | "fetch";

export interface ConnectOptions<Decode extends "text" | "json" = "text"> {
  /** Added to the URL as `topic` parameters, as a Millrace server wants them. */
  topics?: string | readonly string[];
  /**
   * The event types wanted; others are left out, but for `millrace.gap`. Without it the `fetch` transport delivers all,
   * and the `native` one only `message`: the browser's EventSource hands out only what it is asked for by name.
   */
  types?: readonly string[];
  /** The request's method; default `GET`, or `POST` if there is a body. */
  method?: string;
  /** Request headers, or a function that is asked for them before each attempt to connect. */
  headers?: RequestHeaders | (() => RequestHeaders | Promise<RequestHeaders>);
  /** The request's body, sent anew on each attempt: a stream, which can be read only once, is refused. */
  body?: RequestInit["body"];
  /** Aborting it closes the connection; the iteration then throws the signal's reason. */
  signal?: AbortSignal;
  /** Where to go on from: the ID of the last event that was dealt with, or `earliest` for all there is. */
  lastEventId?: string;
  /** Used instead of the global `fetch`. */
  fetch?: typeof fetch;
  /** `json`: data is parsed. */
  decode?: Decode;
  /** Default `auto`: `native` where it can do the job (a plain GET, with the event types known), else `fetch`. */
  transport?: "auto" | TransportName;
  /** Sends cookies to other origins, too. */
  withCredentials?: boolean;
  /**
   * Whether a lost connection is made again. Default: yes for GET. A request with another method may have effects of its
   * own, so it is sent again only once the stream has given an ID to go on from.
   */
  reconnect?: boolean;
}

type RequestHeaders = NonNullable<RequestInit["headers"]>;

/** Fired as `error` when the connection is lost: for good if readyState is 2, else it will be made again. */
export interface ConnectionErrorEvent extends Event {
  readonly reason: LossReason;
  /** The last response's status; 0 if there was none. */
  readonly status: number;
  /** Milliseconds until the next attempt; an estimate with the `native` transport; null if there will be none. */
  readonly reconnectIn: number | null;
}

/** What `connect()` returns: events to iterate over once, and the state of the connection that brings them. */
export interface Connection<Data = string> extends EventTarget, AsyncIterable<ServerEvent<Data>> {
  /** The request's URL, absolute, with the topics. */
  readonly url: string;
  /** 0 connecting, 1 open, 2 closed: as in EventSource. */
  readonly readyState: number;
  readonly transport: TransportName;
  /** What a reconnection would send: the ID of the last event handed out, or one that came without an event. */
  readonly lastEventId: string;
  /** Ends the connection and the iteration. */
  close(): void;
  addEventListener(
    type: "open",
    listener: (event: Event) => unknown,
    options?: Parameters<EventTarget["addEventListener"]>[2],
  ): void;
  addEventListener(
    type: "error",
    listener: (event: ConnectionErrorEvent) => unknown,
    options?: Parameters<EventTarget["addEventListener"]>[2],
  ): void;
}
