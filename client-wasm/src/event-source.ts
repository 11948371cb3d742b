// The standard's EventSource. [WHATWG 9.2.2]

import { type ConnectionOwner, CoreConnection, type Loss } from "./connection.js";
import { type Handlers, setHandler } from "./event-handlers.js";
import { dispatching, messageOf, prepareMessages } from "./message-target.js";
import { nextTask } from "./next-task.js";
import { followPage } from "./page.js";
import { defaultBase, defaultEventBytes, defaultMax, Flag } from "./shared-values.js";
import { transportOfEventSource } from "./transports/of-event-source.js";
import { ownFetch } from "./transports/own-fetch.js";
import type { Request } from "./transports/transport.js";
import type { EventSourceErrorEvent, EventSourceInit, EventSourceOptions } from "./types.js";
import { resolveUrl } from "./url.js";

type Listener = Parameters<EventTarget["addEventListener"]>[1];
type AddOptions = Parameters<EventTarget["addEventListener"]>[2];
type RemoveOptions = Parameters<EventTarget["removeEventListener"]>[2];
/** The event types of every source. */
export interface EventSourceEventMap {
  open: Event;
  message: MessageEvent;
  error: EventSourceErrorEvent;
}

/**
 * Largest random addition to the reconnection time, as a share of it, so that clients do not reconnect together.
 * Programs, and the browsers' own tests, expect the server's time to within a tenth.
 */
const jitter = 0.05;

/**
 * In a batch of at most this many events, each event gets a task, as in a browser. In a larger batch, only the promise
 * reactions of an event run before the next one, which is cheap enough for fast streams.
 */
const maxTasks = 16;

/** The browser's interface, member for member. */
export interface EventSource extends EventTarget {
  /** The request's URL, absolute. */
  readonly url: string;
  /** Whether cookies are sent to other origins, too. */
  readonly withCredentials: boolean;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSED: 2;
  /** CONNECTING (also between attempts), OPEN or CLOSED (for good). */
  readonly readyState: number;
  /** Called when a connection is open. */
  onopen: ((this: EventSource, event: Event) => unknown) | null;
  /** Called with the events without a type. */
  onmessage: ((this: EventSource, event: MessageEvent) => unknown) | null;
  /** Called when a connection is lost or has failed for good, which `readyState` distinguishes. */
  onerror: ((this: EventSource, event: EventSourceErrorEvent) => unknown) | null;
  /** Closes the source, which fires no further event. */
  close(): void;
  addEventListener<K extends keyof EventSourceEventMap>(
    type: K,
    listener: (this: EventSource, event: EventSourceEventMap[K]) => unknown,
    options?: AddOptions,
  ): void;
  addEventListener(
    type: string,
    listener: (this: EventSource, event: MessageEvent) => unknown,
    options?: AddOptions,
  ): void;
  addEventListener(type: string, listener: Listener, options?: AddOptions): void;
  removeEventListener<K extends keyof EventSourceEventMap>(
    type: K,
    listener: (this: EventSource, event: EventSourceEventMap[K]) => unknown,
    options?: RemoveOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: (this: EventSource, event: MessageEvent) => unknown,
    options?: RemoveOptions,
  ): void;
  removeEventListener(type: string, listener: Listener, options?: RemoveOptions): void;
}

/** The standard's class, with a third argument. */
export interface EventSourceConstructor {
  /**
   * Throws a SyntaxError DOMException if `url` is invalid. `options` are beyond the standard: an invalid option fails
   * the source, with an `error` event whose `message` names it.
   */
  new (url: string | URL, init?: EventSourceInit | null, options?: EventSourceOptions | null): EventSource;
  readonly prototype: EventSource;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSED: 2;
}

const done = /* @__PURE__ */ Promise.resolve();

/** The platform's class, which a program may replace by this one. */
let platformsOwn: typeof globalThis.EventSource | undefined;

class EventSourceClass extends EventTarget {
  readonly #request: Request;
  /** undefined while its code is being loaded. */
  #connection: CoreConnection | undefined;
  readonly #handlers: Handlers = {};
  readonly #stopListening = new AbortController();

  // Defaults make `length` 1, as in the standard.
  constructor(address: string | URL, init: EventSourceInit | null = {}, options: EventSourceOptions | null = null) {
    // biome-ignore lint/complexity/noArguments: `undefined` that is given is a URL to the standard, unlike nothing at all
    if (arguments.length === 0) throw new TypeError("the URL is missing");
    super();
    const text = `${address}`;
    if (init !== null && Object(init) !== init) throw new TypeError("init must be an object");
    const { href: url, origin, username, password } = resolveUrl(text, "An invalid or illegal string was specified");
    this.#request = { url, withCredentials: Boolean(init?.withCredentials), fetch: ownFetch };
    prepareMessages(this);
    const owner: ConnectionOwner = {
      opened: () => {
        this.dispatchEvent(new Event("open"));
        return nextTask();
      },
      eventOf: (type, data, lastEventId) =>
        messageOf(type, data, lastEventId, (this.#connection as CoreConnection).origin),
      received: (event, batch) => {
        this.dispatchEvent(event as unknown as MessageEvent);
        return batch > maxTasks ? done : nextTask();
      },
      lost: (loss) => this.#fail(loss),
      broken: (error) => {
        this.close();
        console.error(url, error);
        this.#fail(error as Loss);
      },
    };
    const start = (...plan: ConstructorParameters<typeof CoreConnection>) => {
      if (this.readyState === 2) return;
      this.#connection = new CoreConnection(...plan);
      this.#connection.start();
      followPage(this.#connection, this.#stopListening.signal);
    };
    const startPlain = () => {
      const policy = [jitter * 100, defaultBase, defaultMax, 0, -1, 0, defaultEventBytes, Flag.idempotent];
      start(owner, (listener) => transportOfEventSource(this.#request, listener), policy);
    };
    const isAsked = options || init?.fetch || username || password;
    if (isAsked || (globalThis.location?.origin ?? origin) !== origin) {
      const types = new Set<string>();
      const { addEventListener } = this;
      this.addEventListener = (type: string, ...rest: [Listener, AddOptions?]) => {
        types.add(type);
        this.#connection?.transport.listen?.(type);
        addEventListener.call(this, type, ...rest);
      };
      import("./extras.js")
        .then(({ planFor }) =>
          start(...planFor(owner, this.#request, init?.fetch, options, jitter, types, platformsOwn)),
        )
        .catch(isAsked ? owner.broken : startPlain);
    } else startPlain();
  }

  #fail({ message, status = 0 }: Pick<Loss, "message"> & Partial<Loss>): void {
    if (this.readyState === 2) this.#stopListening.abort();
    this.dispatchEvent(Object.assign(new Event("error"), { message, status, code: status || undefined }));
  }

  get url(): string {
    return this.#request.url;
  }

  get withCredentials(): boolean {
    return this.#request.withCredentials;
  }

  get readyState(): number {
    return this.#stopListening.signal.aborted ? 2 : (this.#connection?.readyState ?? 0);
  }

  close(): void {
    this.#stopListening.abort();
    this.#connection?.close();
  }

  get onopen(): unknown {
    return this.#handlers.open?.value ?? null;
  }
  set onopen(value: unknown) {
    setHandler(this, this.#handlers, "open", value);
  }

  get onmessage(): unknown {
    return this.#handlers.message?.value ?? null;
  }
  set onmessage(value: unknown) {
    setHandler(this, this.#handlers, "message", value);
  }

  get onerror(): unknown {
    return this.#handlers.error?.value ?? null;
  }
  set onerror(value: unknown) {
    setHandler(this, this.#handlers, "error", value);
  }
}

// Adds what a class declaration lacks of a Web IDL interface: constants, and enumerable members.
function asInterface(implementation: typeof EventSourceClass): EventSourceConstructor {
  platformsOwn = globalThis.EventSource;
  const { prototype } = implementation;
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (name !== "constructor") Object.defineProperty(prototype, name, { enumerable: true });
  }
  ["CONNECTING", "OPEN", "CLOSED"].forEach((name, value) => {
    for (const target of [implementation, prototype]) Object.defineProperty(target, name, { value, enumerable: true });
  });
  // Tells libraries that they may pass a `fetch`, as to that package's class.
  (implementation as unknown as Record<symbol, boolean>)[Symbol.for("eventsource.supports-fetch-override")] = true;
  Object.defineProperty(prototype, Symbol.toStringTag, { value: "EventSource", configurable: true });
  Object.defineProperty(implementation, "name", { value: "EventSource", configurable: true });
  return implementation as unknown as EventSourceConstructor;
}

/**
 * The standard's class, member for member, over `fetch`, or over the browser's own class for other origins. It reconnects,
 * with the last event ID, until close().
 */
export const EventSource: EventSourceConstructor = /* @__PURE__ */ dispatching(
  /* @__PURE__ */ asInterface(EventSourceClass),
);
