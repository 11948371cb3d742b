// What the package's users see, in types. README.md explains them with examples.

/** What the standard's constructor takes, and one thing more. */
export interface EventSourceInit {
  /** Sends cookies to other origins, too. */
  withCredentials?: boolean;
  /** Used instead of the global `fetch`; to add headers, for one. */
  fetch?: typeof fetch;
}

/** What is asked for, over what, and how often: the options that `connect()` and EventSource have in common. */
export interface RequestOptions {
  /** The request's method; default `GET`, or `POST` if there is a body. */
  method?: string;
  /**
   * Request headers, or a function that is asked for them before each attempt to connect. If it fails, so has the attempt,
   * and it is asked again.
   */
  headers?: RequestHeaders | (() => RequestHeaders | Promise<RequestHeaders>);
  /** The request's body, sent anew on each attempt: a stream, which can be read only once, is refused. */
  body?: RequestInit["body"];
  /**
   * Where to go on from: the ID of the last event that was dealt with; of a Millrace server also `earliest` for all there is,
   * and `latest` for the newest event of each topic, and then what changes.
   */
  lastEventId?: string;
  /**
   * Default `auto`: `native` where it can do the job (a plain GET, with the event types known), else `fetch`. `native` sees no
   * response's head: behind a proxy that holds streams back it begins at the head of the log, unless `lastEventId` says where.
   */
  transport?: "auto" | TransportName;
  /**
   * Whether the request is sent again once its connection is lost. Default `idempotent`: if its method is GET, HEAD,
   * OPTIONS, TRACE, PUT or DELETE; another may have effects of its own, so it is sent once, however it ends. `always`: it
   * is, too; but not once the response has ended in order without an ID to go on from. `never`: none is.
   */
  reconnect?: "never" | "idempotent" | "always";
  retry?: RetryOptions;
  /** Called where the server answers 401, to renew what `headers` gives; then the request is made once more, at once. */
  onUnauthorized?(): void | Promise<void>;
  /**
   * Milliseconds of silence after which the connection counts as dead; 0: never. Heartbeats break it, though over `native`
   * only events and `millrace.cursor` do. Default: two and a half heartbeats where the server says its heartbeat, as
   * Millrace's do (so 37.5 s), which `native` cannot see; else never.
   */
  idleTimeout?: number;
  /**
   * Milliseconds after which a stream of which nothing has come is polled for instead, since a proxy must be holding it
   * back; until then it is not open. Only for servers that begin their streams at once. Default: 5000 where `topics` are
   * given, else never.
   */
  firstByteTimeout?: number;
}

/**
 * EventSource's third argument, which the standard's has not. Without it all is as the standard has it; with `retry`, the
 * statuses named there are tried again.
 */
export type EventSourceOptions = RequestOptions;

/** The standard's `error` event, which says nothing, and what there is to say. The platform's own has none of it. */
export interface EventSourceErrorEvent extends Event {
  /** What came instead of events: the status, the Content-Type and how the body begins, or how the connection was lost. */
  readonly message?: string;
  /** The last response's status; 0 if there was none. */
  readonly status?: number;
  /** The same as the `eventsource` package has it: not there if there was no response. */
  readonly code?: number | undefined;
}

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
  /** An event exceeds `maxEventBytes`. */
  | "too-large"
  /** Nothing came within `firstByteTimeout`: something on the way holds the stream back, and polling begins. */
  | "buffered"
  /** Events that cannot be held back came faster than they were iterated over, and without IDs to go on from. */
  | "overrun";

/** An event of the stream. */
export interface ServerEvent<Data = string, Type extends string = string> {
  /** The `event` field, `message` where there was none. */
  readonly type: Type;
  readonly data: Data;
  /** The last event ID once this event has come: its own, or that of the last event that had one. */
  readonly lastEventId: string;
  /** Whether the ID is this event's own. Over `native`, which does not say, whether it is another than before. */
  readonly hasId: boolean;
  /** The topic it was published to; not there if the stream does not say. Millrace's servers do, if they are asked. */
  readonly topic?: string;
}

/** What a server no longer has of what was missed. */
export interface Gap {
  /** The ID that could not be gone on from. */
  readonly lastEventId: string;
  /** `expired`: events after that ID are gone; `unknown`: the server knows no such ID. */
  readonly reason: "expired" | "unknown";
}

/** What carries a connection: the browser's EventSource, `fetch`, XMLHttpRequest, or one request after the other. */
export type TransportName = "native" | "fetch" | "xhr" | "poll";

/** When a lost connection is made again. What is left out stays at the default. */
export interface RetryOptions {
  /** Milliseconds until the server sends a `retry` field; default 3000. */
  base?: number;
  /** The longest wait that repeated failures lead to, in milliseconds; default 60000. */
  max?: number;
  /** The share of the wait, 0 to 1, that is added at random; default 0.25. */
  jitter?: number;
  /** Attempts in a row that may fail before the connection fails for good; default any number. */
  attempts?: number;
  /**
   * Whether a status other than 200 and 204 is worth another attempt. Default, also for undefined: 408, 425, 429, 500, 502,
   * 503, 504 and 520 to 530 are. Retry-After is heeded.
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

/** What a schema makes of a value: another, or what is wrong with it. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: SchemaPath | undefined }[] };

/** From the data to what is wrong in it. */
export type SchemaPath = readonly (PropertyKey | { readonly key: PropertyKey })[];

/** What `connect()` makes of data: text as it came, a value from JSON, bytes from Base64. */
export type Decoding = "text" | "json" | "base64";

export interface ConnectOptions extends RequestOptions {
  /** Added to the URL as `topic` parameters, as a Millrace server wants them, and `fields=topic`, which brings `event.topic`. */
  topics?: string | readonly string[];
  /**
   * The event types wanted; others are left out, but for `millrace.gap`. Without it the `fetch` transport delivers all
   * but `millrace.cursor`, by which a server says how far it has got, and the `native` one only `message`: the browser's
   * EventSource hands out only what it is asked for by name.
   */
  types?: readonly string[];
  /** Aborting it closes the connection; the iteration then throws the signal's reason. */
  signal?: AbortSignal;
  /** Used instead of the global `fetch`. */
  fetch?: typeof fetch;
  /** What becomes of the data: `json` is parsed, `base64` gives a Uint8Array. Default `text`. */
  decode?: Decoding;
  /** Checks, and may transform, decoded data. What it finds fault with ends the iteration with a TypeError. */
  schema?: StandardSchema;
  /** Sends cookies to other origins, too. */
  withCredentials?: boolean;
  /** `close`: no connection while the page is hidden; it goes on from the last ID when it is seen. Default `keep`. */
  whenHidden?: "keep" | "close";
  /** Called, in place of an event, where the server says that some of what was missed is gone. */
  onGap?(gap: Gap): void;
  /** Called with each comment, without its colon, once what came before it has been iterated over; not over `native`, nor shared. */
  onComment?(comment: string): void;
  /** `session`: goes on after the page was reloaded, from the last event handed out before. A TypeError where there is no sessionStorage. */
  persist?: "session";
  /**
   * Whether events that a server sends once more right after a reconnection are left out: those with an ID of their own that
   * have come before with the same ID, type and data, in the same order. Default: of servers that say where a stream begins
   * (`Last-Event-ID` in the response's head), as Millrace's do. `true`: of all servers. Not over `native`.
   */
  dropReplays?: boolean;
  /** The largest event, in bytes; one that is larger fails the connection. Default 16 MiB; not over `native`. */
  maxEventBytes?: number;
  /**
   * All pages of this origin that ask for the same share one connection, which lives in one of them, and each gets all
   * events. When that page is closed, another goes on from its last ID. Needs Web Locks: a secure context. Pages share
   * where URL, types, headers, transport and credentials are the same; a function for `headers` and a `fetch` of one's own,
   * which cannot be compared, are a TypeError.
   */
  share?: boolean;
}

/** What the platform's `fetch` takes for headers. */
export type RequestHeaders = NonNullable<RequestInit["headers"]>;

/** Fired as `error` when the connection is lost: for good if readyState is 2, else it will be made again. */
export interface ConnectionErrorEvent extends Event {
  readonly reason: LossReason;
  /** The last response's status; 0 if there was none. */
  readonly status: number;
  /** The same, as in other packages' errors: undefined if there was no response. */
  readonly code: number | undefined;
  /** What came instead of events: the status, the Content-Type and how the body begins, or how the connection was lost. */
  readonly message: string;
  /** Milliseconds until the next attempt; an estimate with the `native` transport; null if there will be none. */
  readonly reconnectIn: number | null;
}

/** The events of a map from types to what their data is: a union that `type` tells apart. */
export type EventOf<Events> = {
  [Type in keyof Events & string]: ServerEvent<Events[Type], Type>;
}[keyof Events & string];

/** Stands for a map of events that was not stated: what the options say is taken. */
export interface Unstated {
  readonly "millrace: no map of events": never;
}

/** Stands for options that were not given. */
export interface NoOptions extends ConnectOptions {
  readonly "millrace: no options"?: never;
}

/** What the options make of an event's data; `unknown` where they do not say for certain. */
export type DataOf<Options> = Options extends { schema: StandardSchema<infer Data> }
  ? Data
  : "millrace: no options" extends keyof Options
    ? string
    : "schema" extends keyof Options
      ? unknown
      : Options extends { decode?: infer Decode }
        ? "decode" extends keyof Options
          ? DecodedBy<Decode>
          : string
        : string;

/** What a decoding makes of an event's data. */
export type DecodedBy<Decode> = Decode extends "json" ? unknown : Decode extends "base64" ? Uint8Array : string;

/** The types that the options name; without them, any. */
export type TypesOf<Options> = Options extends { types: readonly (infer Type extends string)[] } ? Type : string;

/** The map of events as it was stated, or as the options have it. */
export type EventsOf<Events, Options> = [Events] extends [Unstated]
  ? { [Type in TypesOf<Options>]: DataOf<Options> }
  : Events;

/**
 * What follows the URL: options of the kind `Base`. Where a map of events was stated, `types` are among its keys, and what
 * is not text has to be decoded.
 */
export type OptionsFor<Events, Options, Base = ConnectOptions> = [Events] extends [Unstated]
  ? [options?: Options]
  : [Events[keyof Events]] extends [string]
    ? [options?: StatedOptions<Events, Base> & { decode?: "text" }]
    : [
        options: StatedOptions<Events, Base> &
          ({ decode: "json" | "base64" } | { schema: StandardSchema<Events[keyof Events]> }),
      ];

/** Options whose `types` are keys of the map. */
export type StatedOptions<Events, Base> = Omit<Base, "types"> & { types?: readonly (keyof Events & string)[] };

/**
 * What `connect()` returns: events to iterate over once, and the state of the connection that brings them. `Events` maps their
 * types to what their data is.
 */
export interface Connection<Events = Record<string, string>> extends EventTarget, AsyncIterable<EventOf<Events>> {
  /** The request's URL, absolute, with the topics. */
  readonly url: string;
  /** 0 connecting, 1 open, 2 closed: as in EventSource. */
  readonly readyState: number;
  readonly transport: TransportName;
  /** What a reconnection would send: the ID of the last event handed out, or one that came without an event. */
  readonly lastEventId: string;
  /**
   * Drops the connection, or the wait for one, and connects anew at once, from the last ID; no error is reported.
   * A shared one is made anew by the page that has it only.
   */
  restart(): void;
  /** Ends the connection and the iteration. */
  close(): void;
  /** Closes it at the end of a block: `await using connection = connect(…)`. */
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

/** What a connection fires. */
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
  /** As TypeScript's library has it from `ESNext.Disposable` on. */
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
  }
}
