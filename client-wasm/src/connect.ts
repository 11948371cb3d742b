// connect(): an event stream as something to iterate over.

import { planOf } from "./connect-options.js";
import { type ConnectionOwner, CoreConnection, type Loss } from "./connection.js";
import { FetchTransport } from "./transports/fetch.js";
import { NativeTransport } from "./transports/native.js";
import type {
  Connection,
  ConnectionErrorEvent,
  ConnectOptions,
  LossReason,
  ServerEvent,
  TransportName,
} from "./types.js";

/**
 * Events that may wait to be iterated over before a transport that cannot be slowed down is ended and, once there is room,
 * made again from the last ID. The fetch transport reads on only when nothing waits.
 */
const maxWaitingEvents = 1024;

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

class LossEvent extends Event implements ConnectionErrorEvent {
  readonly reason: LossReason;
  readonly status: number;
  readonly reconnectIn: number | null;

  constructor({ reason, status, reconnectIn }: Loss) {
    super("error");
    this.reason = reason;
    this.status = status;
    this.reconnectIn = reconnectIn;
  }
}

/** How the iteration ends: with an error thrown, or without. */
type End = { error?: unknown };

interface Waiter {
  resolve(result: IteratorResult<ServerEvent<unknown>>): void;
  reject(error: unknown): void;
}

class IteratedConnection extends EventTarget implements AsyncIterator<ServerEvent<unknown>> {
  readonly url: string;
  readonly #json: boolean;
  readonly #connection: CoreConnection;
  readonly #stopListening = new AbortController();
  #waiting: ServerEvent[] = [];
  #handedOut = 0;
  #lastHandedOutId: string;
  #waiters: Waiter[] = [];
  #end: End | undefined;
  #roomMade: (() => void) | undefined;

  constructor(url: string | URL, options: ConnectOptions<"text" | "json">) {
    super();
    const plan = planOf(url, options);
    const { request, signal, types } = plan;
    this.url = request.url;
    this.#json = plan.json;
    this.#lastHandedOutId = plan.lastEventId;
    const isNative = plan.transport === "native";
    const owner: ConnectionOwner = {
      opened: () => this.dispatchEvent(new Event("open")),
      received: ({ type, data, lastEventId }) => {
        if (!types || types.includes(type)) this.#push({ type, data, lastEventId });
      },
      lost: (loss) => this.#lost(loss),
      broken: (error) => this.#finish({ error }),
      full: () => (isNative ? this.#full(maxWaitingEvents) : this.#full(1)),
      mayReconnect: () => plan.reconnect ?? this.#connection.lastEventId !== "",
    };
    this.#connection = new CoreConnection(
      owner,
      (listener) =>
        isNative
          ? new NativeTransport(request, types ?? ["message", "millrace.gap"], listener)
          : new FetchTransport(request, listener),
      plan.lastEventId,
    );
    const abort = () => this.#finish({ error: signal?.reason }, true);
    if (signal?.aborted) abort();
    else {
      signal?.addEventListener("abort", abort, { signal: this.#stopListening.signal });
      this.#connection.start();
    }
  }

  get readyState(): number {
    return this.#connection.readyState;
  }

  get transport(): TransportName {
    return this.#connection.transport.name;
  }

  get lastEventId(): string {
    return this.#waiting.length > 0 ? this.#lastHandedOutId : this.#connection.lastEventId;
  }

  close(): void {
    this.#finish({}, true);
  }

  // --- The iteration ---

  [Symbol.asyncIterator](): AsyncIterator<ServerEvent<unknown>> {
    return this;
  }

  async next(): Promise<IteratorResult<ServerEvent<unknown>>> {
    const event = this.#waiting[this.#handedOut];
    if (event) {
      this.#handedOut += 1;
      if (this.#handedOut === this.#waiting.length) this.#empty();
      return this.#handOut(event);
    }
    if (!this.#end) return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
    const end = this.#end;
    this.#end = {}; // an error is thrown once
    if ("error" in end) throw end.error;
    return { done: true, value: undefined };
  }

  /** Leaving the loop closes the connection. */
  async return(): Promise<IteratorResult<ServerEvent<unknown>>> {
    this.close();
    return { done: true, value: undefined };
  }

  #handOut(event: ServerEvent): IteratorResult<ServerEvent<unknown>> {
    this.#lastHandedOutId = event.lastEventId;
    if (!this.#json) return { done: false, value: event };
    try {
      return { done: false, value: { ...event, data: JSON.parse(event.data) } };
    } catch (cause) {
      this.close();
      const { type, lastEventId } = event;
      throw new SyntaxError(`${this.url}: the data of an event (type "${type}", ID "${lastEventId}") is not JSON`, {
        cause,
      });
    }
  }

  // --- What the connection brings ---

  #push(event: ServerEvent): void {
    const waiter = this.#waiters.shift();
    if (!waiter) this.#waiting.push(event);
    else {
      try {
        waiter.resolve(this.#handOut(event));
      } catch (error) {
        waiter.reject(error);
      }
    }
  }

  #full(limit: number): Promise<void> | undefined {
    if (this.#waiting.length < limit) return undefined;
    if (limit > 1 && this.#connection.lastEventId === "") {
      const message = `${this.url}: more than ${limit} events wait, and without IDs the stream cannot be interrupted; the fetch transport slows it down`;
      this.#finish({ error: new ConnectionError(message, "overrun", 200) });
    }
    return new Promise((resolve) => {
      this.#roomMade = resolve;
    });
  }

  #empty(): void {
    this.#waiting = [];
    this.#handedOut = 0;
    this.#roomMade?.();
  }

  #lost(loss: Loss): void {
    this.dispatchEvent(new LossEvent(loss));
    const { reason, status, reconnectIn } = loss;
    if (reconnectIn !== null) return;
    const endedWell = reason === "end-of-stream" || (reason === "status" && status === 204);
    this.#finish(endedWell ? {} : { error: new ConnectionError(sentenceFor(loss, this.url), reason, status) });
  }

  /** `atOnce`: what still waits is not handed out. */
  #finish(end: End, atOnce = false): void {
    if (atOnce) this.#empty();
    if (this.#end) return;
    this.#end = end;
    this.#stopListening.abort();
    this.#connection.close();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { resolve, reject } of waiters) this.next().then(resolve, reject);
  }
}

function sentenceFor({ reason, status }: Loss, url: string): string {
  if (reason === "status") return `${url}: the server answered with status ${status}`;
  if (reason === "content-type") return `${url}: the answer is not an event stream (its Content-Type is another)`;
  return `${url}: the stream has failed: ${reason}`;
}

/**
 * Connects, and keeps connecting, to the event stream at `url`: `for await (const event of connect(url)) …`. Leaving the
 * loop, close() or the signal ends it. Throws a TypeError that names the option if one is wrong.
 */
export function connect<Data = unknown>(
  url: string | URL,
  options: ConnectOptions<"json"> & { decode: "json" },
): Connection<Data>;
export function connect(url: string | URL, options?: ConnectOptions): Connection;
export function connect(url: string | URL, options: ConnectOptions<"text" | "json"> = {}): Connection<unknown> {
  return new IteratedConnection(url, options) as Connection<unknown>;
}
