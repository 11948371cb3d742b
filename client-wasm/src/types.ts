// The package's public types. README.md explains them with examples.

/** The options of the standard's constructor, and `fetch`. */
export interface EventSourceInit {
  /** Sends cookies to other origins, too. */
  withCredentials?: boolean;
  /** Used instead of the global `fetch`, for example to add headers. */
  fetch?: typeof fetch;
}

/** The request, its transport and its repetition: options of both `connect()` and EventSource. */
export interface RequestOptions {
  /** The request's method; default `GET`, or `POST` if there is a body. */
  method?: string;
  /**
   * Request headers, or a function that returns them, called before each attempt to connect. If the function fails, the
   * attempt has failed, and the next one calls it again.
   */
  headers?: RequestHeaders | (() => RequestHeaders | Promise<RequestHeaders>);
  /** The request's body, sent again with each attempt. A stream is refused, because it can be read only once. */
  body?: RequestInit["body"];
  /**
   * Where to resume: the ID of the last event that was handled. With a Millrace server also `earliest`, for all events
   * it has, and `latest`, for the newest event of each topic and then all new events.
   */
  lastEventId?: string;
  /**
   * Default `auto`: `native` if it suffices (a plain GET with known event types), otherwise `fetch`. `native` cannot
   * read response heads: behind a proxy that holds streams back it begins at the head of the log, unless `lastEventId`
   * is set.
   */
  transport?: "auto" | TransportName;
  /**
   * Whether to send the request again after its connection is lost. Default `idempotent`: only if its method is GET,
   * HEAD, OPTIONS, TRACE, PUT or DELETE, because repeating another method may have effects. `always`: with any method,
   * except after a response that ended in order without an ID from which to resume. `never`: not at all.
   */
  reconnect?: "never" | "idempotent" | "always";
  retry?: RetryOptions;
  /**
   * Called when the server answers 401, to renew what `headers` returns; then the request is sent once more, at once.
   */
  onUnauthorized?(): void | Promise<void>;
  /**
   * Milliseconds of silence after which the connection counts as dead; 0: never. Any byte ends the silence, but over
   * `native` only events and `millrace.cursor` do. Default: 2.5 heartbeats if the server reports its heartbeat, as
   * Millrace does (37.5 s by default); otherwise, and over `native`, never.
   */
  idleTimeout?: number;
  /**
   * Milliseconds without a first byte after which the connection polls instead, because a proxy must be holding the
   * stream back. The connection opens with the first byte. Only for servers that begin streams at once. Default: 5000
   * with `topics`, otherwise never.
   */
  firstByteTimeout?: number;
}

/**
 * EventSource's third argument, beyond the standard. Without it EventSource behaves as in the standard; with `retry`,
 * it tries again after the statuses described there.
 */
export type EventSourceOptions = RequestOptions;

/** The standard's `error` event, with details that the platform's EventSource does not give. */
export interface EventSourceErrorEvent extends Event {
  /**
   * What came instead of events: the status, the Content-Type and the beginning of the body, or how the connection was
   * lost.
   */
  readonly message?: string;
  /** The last response's status; 0 without a response. */
  readonly status?: number;
  /** The same, as in the `eventsource` package: undefined without a response. */
  readonly code?: number | undefined;
}

/** Why a connection was lost or could not be made. */
export type LossReason =
  | "none"
  /**
   * The connection failed or broke. The browser's own EventSource cannot distinguish this from the end of the stream.
   */
  | "network-error"
  /** The server ended the response. */
  | "end-of-stream"
  /** Nothing arrived within `idleTimeout`. */
  | "timeout"
  /** A status other than 200; 204 means that the server has nothing more to send. */
  | "status"
  /** The Content-Type is not `text/event-stream`. */
  | "content-type"
  /** An event exceeds `maxEventBytes`. */
  | "too-large"
  /** Nothing arrived within `firstByteTimeout`: a proxy holds the stream back, and polling begins. */
  | "buffered"
  /**
   * Events arrived faster than the program iterates, over a transport that cannot be paused, and without IDs from which
   * to resume.
   */
  | "overrun";

/** An event of the stream. */
export interface ServerEvent<Data = string, Type extends string = string> {
  /** The `event` field; `message` without one. */
  readonly type: Type;
  readonly data: Data;
  /** The last event ID after this event: its own, or that of the last event that had one. */
  readonly lastEventId: string;
  /**
   * Whether the event itself had an ID. Over `native`, which does not report that: whether the ID differs from the one
   * before.
   */
  readonly hasId: boolean;
  /** The event's topic; of several, the first. Undefined if the stream names none: Millrace's servers do on request. */
  readonly topic?: string;
  /**
   * All topics of the event that the connection listens to, in the publisher's order: `topic`, and further ones of an
   * event that was published to several. Frozen. Undefined if the stream names none.
   */
  readonly topics?: readonly string[];
  /** The trace that the event belongs to (W3C Trace Context), if the stream names one: `traces` asks a server for it. */
  readonly traceparent?: string;
  /** What vendors add to the trace. Undefined without `traceparent`. */
  readonly tracestate?: string;
}

/** Missed events that the server no longer has. */
export interface Gap {
  /** The ID from which the connection tried to resume. */
  readonly lastEventId: string;
  /** `expired`: events after that ID are gone; `unknown`: the server does not know the ID. */
  readonly reason: "expired" | "unknown";
}

/**
 * The transport of a connection: the browser's EventSource, `fetch`, XMLHttpRequest, or one request after the other.
 */
export type TransportName = "native" | "fetch" | "xhr" | "poll";

/** When to reconnect. Missing members have their defaults. */
export interface RetryOptions {
  /** The reconnection time in milliseconds, until the server sends a `retry` field; default 3000. */
  base?: number;
  /** The longest wait after repeated failures, in milliseconds; default 60000. */
  max?: number;
  /** The largest random addition to a wait, as a share of it, 0 to 1; default 0.25. */
  jitter?: number;
  /** Failed attempts in a row after which the connection fails for good; default: unlimited. */
  attempts?: number;
  /**
   * Returns whether to try again after a status other than 200 and 204. By default, and for undefined: after 408, 425,
   * 429, 500, 502, 503, 504 and 520 to 530. The next attempt waits for Retry-After.
   */
  on?(status: number): boolean | undefined;
}

/** A schema of any library that follows the Standard Schema specification, version 1. */
export interface StandardSchema<Output = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    /** Called with each event's decoded data. */
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** A schema's result: the value, or what is wrong with it. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: SchemaPath | undefined }[] };

/** The path from the data to the fault in it. */
export type SchemaPath = readonly (PropertyKey | { readonly key: PropertyKey })[];

/** How `connect()` decodes data: as text, JSON or Base64. */
export type Decoding = "text" | "json" | "base64";

export interface ConnectOptions extends RequestOptions {
  /**
   * Added to the URL as `topic` parameters for a Millrace server, with `fields=topic`, which makes it send
   * `event.topic` and `event.topics`.
   */
  topics?: string | readonly string[];
  /** Asks a Millrace server for each event's `traceparent` and `tracestate`: adds `fields=trace` to the URL. */
  traces?: boolean;
  /**
   * A name for the stream, added to the URL as `client`: by it `topics.add()` and `topics.remove()` find the stream at the
   * server. If the server does not know the user, it must have at least 16 characters, drawn at random. Default: the first
   * change draws one, and reconnects.
   */
  client?: string;
  /**
   * The event types to deliver, besides `millrace.gap`. Without it, the `fetch` transport delivers all types but
   * `millrace.cursor`, which carries only the server's position, and `native` only `message`, because the browser's
   * EventSource delivers only types that it is asked for by name.
   */
  types?: readonly string[];
  /** Aborting it closes the connection; the iteration then throws the signal's reason. */
  signal?: AbortSignal;
  /** Used instead of the global `fetch`. */
  fetch?: typeof fetch;
  /** How to decode data: `json` parses it, `base64` returns a Uint8Array. Default `text`. */
  decode?: Decoding;
  /** Checks, and may transform, decoded data. Data that it rejects ends the iteration with a TypeError. */
  schema?: StandardSchema;
  /** Sends cookies to other origins, too. */
  withCredentials?: boolean;
  /**
   * `close`: no connection while the page is hidden; when the page is visible, it resumes from the last ID. Default
   * `keep`.
   */
  whenHidden?: "keep" | "close";
  /** Called, in place of an event, when the server reports that some missed events are gone. */
  onGap?(gap: Gap): void;
  /**
   * Called with each comment, without its colon, after the iteration has passed all earlier events; not over `native`,
   * nor with `share`.
   */
  onComment?(comment: string): void;
  /**
   * `session`: after a reload of the page, resumes from the last event delivered before it. A TypeError without
   * sessionStorage.
   */
  persist?: "session";
  /**
   * Whether to leave out events that a server repeats right after a reconnection: those with an ID of their own that
   * have arrived before with the same ID, type and data, in the same order. Default: for servers that report where a
   * stream begins (`Last-Event-ID` in the response's head), as Millrace does. `true`: for all servers. Not over
   * `native`.
   */
  dropReplays?: boolean;
  /** The largest event, in bytes; a larger one fails the connection. Default 16 MiB; not over `native`. */
  maxEventBytes?: number;
  /**
   * Shares one connection between all pages of this origin with equal requests: one page has the connection, and each
   * gets all events. When that page is closed, another resumes from its last ID. Needs Web Locks, so a secure context.
   * Requests are equal if URL, types, headers, transport and credentials are; a `headers` function or a custom `fetch`,
   * which cannot be compared, is a TypeError.
   */
  share?: boolean;
  /**
   * Replaces the DELETE that `stop()` sends, for servers that stop answers in another way. Called with the answer's
   * name; `stop()` rejects with what it throws.
   */
  stop?(answer: string): unknown;
}

/** The headers that the platform's `fetch` accepts. */
export type RequestHeaders = NonNullable<RequestInit["headers"]>;

/** Fired as `error` when the connection is lost: for good if readyState is 2, otherwise it reconnects. */
export interface ConnectionErrorEvent extends Event {
  readonly reason: LossReason;
  /** The last response's status; 0 without a response. */
  readonly status: number;
  /** The same, as in other packages' errors: undefined without a response. */
  readonly code: number | undefined;
  /**
   * What came instead of events: the status, the Content-Type and the beginning of the body, or how the connection was
   * lost.
   */
  readonly message: string;
  /** Milliseconds until the next attempt; an estimate with the `native` transport; null without a next attempt. */
  readonly reconnectIn: number | null;
}

/** The events of a map from types to their data: a union discriminated by `type`. */
export type EventOf<Events> = {
  [Type in keyof Events & string]: ServerEvent<Events[Type], Type>;
}[keyof Events & string];

/**
 * The result of `connect()`: events to iterate over once, and the state of their connection. `Events` maps event types
 * to their data.
 */
export interface Connection<Events = Record<string, string>> extends EventTarget, AsyncIterable<EventOf<Events>> {
  /** The request's URL, absolute, with the topics. */
  readonly url: string;
  /** What it listens to: the `topic` parameters of its URL. Not to be changed with `share`. */
  readonly topics: Topics;
  /** 0 connecting, 1 open, 2 closed: as in EventSource. */
  readonly readyState: number;
  readonly transport: TransportName;
  /**
   * The ID that a reconnection would send: that of the last event delivered, or a later one that came without an event.
   */
  readonly lastEventId: string;
  /**
   * Drops the connection, or the wait for one, and connects again at once from the last ID, without an error. With
   * `share`, only the page that has the connection does so.
   */
  restart(): void;
  /** Ends the connection and the iteration. The server may continue an answer that streams: see stop(). */
  close(): void;
  /**
   * Asks the server to end the answer that streams, for all its listeners; the iteration continues to the last event.
   * Sends a DELETE to the URL, with the answer's name as its last segment and with the connection's headers. The name is
   * that of the response's `Millrace-Answer` field, otherwise that of the events' IDs. Without a response yet, it waits
   * for one. Rejects with a ConnectionError if the server refuses, or has named no answer. Resolves if the answer is
   * over already.
   */
  stop(): Promise<void>;
  /** Closes the connection at the end of a block: `await using connection = connect(…)`. */
  [Symbol.asyncDispose](): Promise<void>;
  addEventListener<Type extends keyof ConnectionEventMap>(
    type: Type,
    listener: ((event: ConnectionEventMap[Type]) => unknown) | EventListenerObjectOf<ConnectionEventMap[Type]>,
    options?: Parameters<EventTarget["addEventListener"]>[2],
  ): void;
  removeEventListener<Type extends keyof ConnectionEventMap>(
    type: Type,
    listener: ((event: ConnectionEventMap[Type]) => unknown) | EventListenerObjectOf<ConnectionEventMap[Type]>,
    options?: Parameters<EventTarget["removeEventListener"]>[2],
  ): void;
}

/** The topics of a connection to a Millrace server, to iterate over, and to change while it is open. */
export interface Topics extends Iterable<string> {
  /**
   * Adds topics or patterns. The open stream gets them without losing its place; where the server cannot do that (`native`,
   * polling, the first change of a stream without the option `client`, another server), a new connection resumes from
   * its last ID. With `lastEventId: "latest"` the newest event of each topic that is added comes first. Rejects with a
   * ConnectionError, and changes nothing, if the server refuses.
   */
  add(...topics: string[]): Promise<void>;
  /** Removes topics or patterns, likewise. Events that were on their way may still come. */
  remove(...topics: string[]): Promise<void>;
}

/** The events that a connection fires. */
export interface ConnectionEventMap {
  open: Event;
  error: ConnectionErrorEvent;
}

/** A listener that is an object. */
export interface EventListenerObjectOf<Type> {
  /** Called with each event. */
  handleEvent(event: Type): unknown;
}

declare global {
  /** As in TypeScript's library from `ESNext.Disposable` on. */
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
  }
}
