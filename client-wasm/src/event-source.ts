// EventSource as the standard has it. [WHATWG 9.2.2]

import { defaultBase, defaultEventBytes, defaultMax, Flag } from "./abi.js";
import { type ConnectionOwner, CoreConnection, type Loss } from "./connection.js";
import { type Handlers, setHandler } from "./event-handlers.js";
import { messageOf } from "./message.js";
import { nextTask } from "./next-task.js";
import { followPage } from "./page.js";
import { transportOfEventSource } from "./transports/of-event-source.js";
import { ownFetch } from "./transports/own-fetch.js";
import type { Request } from "./transports/transport.js";
import type { EventSourceErrorEvent, EventSourceInit, EventSourceOptions } from "./types.js";
import { resolveUrl } from "./url.js";

type Listener = Parameters<EventTarget["addEventListener"]>[1];
type AddOptions = Parameters<EventTarget["addEventListener"]>[2];
type RemoveOptions = Parameters<EventTarget["removeEventListener"]>[2];
/** The types of the events that are there in any case. */
export interface EventSourceEventMap {
  open: Event;
  message: MessageEvent;
  error: EventSourceErrorEvent;
}

/**
 * The share of the reconnection time that is added at random, so that clients do not come back all at once. Who looks for
 * the server's time to within a tenth, as the browsers' own tests do, has to find it.
 */
const jitter = 0.05;

/**
 * Events that have come together get a task each, as in a browser, if they are not more. Of a larger batch the promise
 * reactions of one run before the next, which is what costs little enough for streams that fast.
 */
const maxTasks = 16;

/** The browser's interface, member for member. */
export interface EventSource extends EventTarget {
  /** The URL that was asked for, absolute. */
  readonly url: string;
  /** Whether cookies go to other origins, too. */
  readonly withCredentials: boolean;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSED: 2;
  /** CONNECTING, also between two attempts, OPEN or CLOSED: then for good. */
  readonly readyState: number;
  /** Called when a connection is there. */
  onopen: ((this: EventSource, event: Event) => unknown) | null;
  /** Called with the events that have no type of their own. */
  onmessage: ((this: EventSource, event: MessageEvent) => unknown) | null;
  /** Called when a connection is lost, or has failed for good: `readyState` tells. */
  onerror: ((this: EventSource, event: EventSourceErrorEvent) => unknown) | null;
  /** Ends it: nothing is fired any more. */
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

/** The class: the standard's, and a third argument. */
export interface EventSourceConstructor {
  /**
   * Throws a SyntaxError DOMException if `url` is not one. `options` are beyond the standard: a wrong one of them fails the
   * source, with an `error` event whose `message` names it.
   */
  new (url: string | URL, init?: EventSourceInit | null, options?: EventSourceOptions | null): EventSource;
  readonly prototype: EventSource;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSED: 2;
}

const done = /* @__PURE__ */ Promise.resolve();

class EventSourceClass extends EventTarget {
  readonly #request: Request;
  /** undefined: what it takes is still being loaded. */
  #connection: CoreConnection | undefined;
  readonly #handlers: Handlers = {};
  readonly #stopListening = new AbortController();

  // With defaults, so that `length` is 1, as it has to be.
  constructor(address: string | URL, init: EventSourceInit | null = {}, options: EventSourceOptions | null = null) {
    // biome-ignore lint/complexity/noArguments: `undefined` that is given is a URL to the standard, unlike nothing at all
    if (arguments.length === 0) throw new TypeError("the URL is missing");
    super();
    const text = `${address}`;
    if (init !== null && Object(init) !== init) throw new TypeError("init must be an object");
    const { href: url, username, password } = resolveUrl(text, "An invalid or illegal string was specified");
    this.#request = { url, withCredentials: Boolean(init?.withCredentials), fetch: ownFetch };
    const owner: ConnectionOwner = {
      opened: () => {
        this.dispatchEvent(new Event("open"));
        return nextTask();
      },
      eventOf: messageOf,
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
    if (options || init?.fetch || username || password) {
      const types = new Set<string>();
      this.addEventListener = (type: string, ...rest: [Listener, AddOptions?]) => {
        types.add(type);
        this.#connection?.transport.listen?.(type);
        super.addEventListener(type, ...rest);
      };
      import("./extras.js")
        .then(({ planFor }) => start(...planFor(owner, this.#request, init?.fetch, options ?? {}, jitter, types)))
        .catch(owner.broken);
    } else {
      const policy = [jitter * 100, defaultBase, defaultMax, 0, -1, 0, defaultEventBytes, Flag.idempotent];
      start(owner, (listener) => transportOfEventSource(this.#request, listener), policy);
    }
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

// What a class declaration cannot say of a Web IDL interface: constants, and members that show when enumerated.
function asInterface(implementation: typeof EventSourceClass): EventSourceConstructor {
  const { prototype } = implementation;
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (name !== "constructor") Object.defineProperty(prototype, name, { enumerable: true });
  }
  ["CONNECTING", "OPEN", "CLOSED"].forEach((name, value) => {
    for (const target of [implementation, prototype]) Object.defineProperty(target, name, { value, enumerable: true });
  });
  // How libraries see that they may hand it a `fetch`, as that package's.
  Object.assign(implementation, { [Symbol.for("eventsource.supports-fetch-override")]: true });
  Object.defineProperty(prototype, Symbol.toStringTag, { value: "EventSource", configurable: true });
  Object.defineProperty(implementation, "name", { value: "EventSource", configurable: true });
  return implementation as unknown as EventSourceConstructor;
}

/** The standard's class, member for member, over `fetch`. It reconnects, with the last event ID, until close(). */
export const EventSource: EventSourceConstructor = /* @__PURE__ */ asInterface(EventSourceClass);
