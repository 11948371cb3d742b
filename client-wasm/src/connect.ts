// connect(): an event stream as an async iterable.

import { type AnyOptions, type Plan, planOf } from "./connect-options.js";
import { type ConnectionOwner, CoreConnection, type Loss } from "./connection.js";
import { ConnectionError, LossEvent } from "./connection-error.js";
import { type CoreEvent, plainEvent } from "./core.js";
import { type Decoder, decoderOf } from "./decode.js";
import { maxSaidCharacters, parseJson } from "./json.js";
import { followPage, listenUntil } from "./page.js";
import type { SharedConnection } from "./share.js";
import { gapType } from "./shared-values.js";
import { StoredId } from "./stored-id.js";
import type { Changeable } from "./topics.js";
import { lazyTransport } from "./transports/lazy.js";
import { fetchTransport } from "./transports/poll.js";
import type { TransportListener } from "./transports/transport.js";
import type { EventsOf, NoOptions, OptionsFor, Unstated, UrlOf } from "./typed-events.js";
import type { Connection, ConnectOptions, Gap, RequestHeaders, ServerEvent, Topics, TransportName } from "./types.js";
import { verdictBy } from "./verdict.js";

/**
 * Events, and characters of their data, that may wait for the iteration. Beyond it a transport that cannot be paused is
 * closed, and resumes from the last ID when there is room. Other transports read on only when nothing waits.
 */
const maxWaitingEvents = 1024;
const maxWaitingCharacters = 16_777_216;

/** How the iteration ends: with an error, or without. */
type End = { error?: unknown };

/** An item that waits for the iteration; comments are reported on the way to the next event. */
type Item = ServerEvent | { readonly comment: string };

interface Waiter {
  resolve(result: IteratorResult<ServerEvent<unknown>>): void;
  reject(error: unknown): void;
}

class IteratedConnection extends EventTarget implements AsyncIterator<ServerEvent<unknown>> {
  readonly #plan: Plan;
  readonly #decode: Decoder;
  /** undefined while its code is being loaded. */
  #connection: CoreConnection | SharedConnection | undefined;
  readonly #stored: StoredId | undefined;
  readonly #stopListening = new AbortController();
  #waiting: Item[] = [];
  #waitingCharacters = 0;
  #handedOut = 0;
  #lastHandedOutId: string;
  #waiters: Waiter[] = [];
  #end: End | undefined;
  #roomMade: (() => void) | undefined;
  #hasLost = false;

  constructor(url: string | URL, options: AnyOptions = {}) {
    super();
    this.#plan = planOf(url, options);
    const { request, policy, transport, types } = this.#plan;
    const { signal, persist, share } = options;
    this.#decode = decoderOf(options, this.url);
    this.#stored = persist && new StoredId(this.url);
    this.#lastHandedOutId = this.#stored?.value || (options.lastEventId ?? "");
    const makeTransport = (listener: TransportListener, polling: boolean) => {
      if (polling || transport === "fetch" || transport === "poll") {
        return fetchTransport(polling ? "poll" : transport, request, listener);
      }
      const load = async () => (await import("./extras.js")).transportOf(transport, request, types, listener);
      return lazyTransport(transport, load, listener);
    };
    const direct = (owner: ConnectionOwner, lastEventId: string) =>
      new CoreConnection(owner, makeTransport, policy, lastEventId);
    const abort = () => this.#finish({ error: signal?.reason }, true);
    if (signal?.aborted) {
      abort();
      return;
    }
    const stop = this.#stopListening.signal;
    if (signal) listenUntil(stop, signal, "abort", abort);
    if (this.#stored) listenUntil(stop, globalThis, "pagehide", () => this.#store());
    if (!share) {
      this.#begin(direct(this.#owner(), this.#lastHandedOutId));
      return;
    }
    // Everything that decides what the server answers; the options reject anything else.
    const headers = [...new Headers(options.headers as RequestHeaders)];
    const name = JSON.stringify([this.url, types, request.withCredentials, transport, headers]);
    import("./extras.js")
      .then(({ SharedConnection }) =>
        this.#begin(new SharedConnection(this.#owner(), name, direct, transport, this.#lastHandedOutId)),
      )
      .catch((error) => this.#finish({ error }));
  }

  #begin(connection: CoreConnection | SharedConnection): void {
    if (this.#end) return;
    this.#connection = connection;
    connection.start();
    const { signal } = this.#stopListening;
    const { document } = globalThis;
    if (!document || this.#plan.options.whenHidden !== "close") {
      followPage(connection, signal);
      return;
    }
    const look = followPage(connection, signal, () => document.visibilityState === "hidden");
    listenUntil(signal, document, "visibilitychange", look);
    look();
  }

  #owner(): ConnectionOwner {
    const { types, transport, options } = this.#plan;
    const canWait = !options.share && (transport === "fetch" || transport === "poll");
    const owner: ConnectionOwner = {
      eventOf: plainEvent,
      opened: () => {
        this.dispatchEvent(new Event("open"));
        if (this.#plan.unsure) this.#change();
      },
      received: (event) => {
        if (event.type === gapType && options.onGap) this.#tellGap(event);
        else if (!types || types.includes(event.type)) this.#push(event);
      },
      commented: options.onComment && ((comment) => this.#comment(comment)),
      forgotten: (id) => {
        const data = JSON.stringify({ lastEventId: id.slice(0, 256), reason: "unknown" });
        owner.received({ type: gapType, data, lastEventId: "", hasId: false }, 1);
      },
      lost: (loss) => this.#lost(loss),
      broken: (error) => this.#finish({ error }),
      full: () => this.#full(canWait ? 1 : maxWaitingEvents),
      verdict: verdictBy(options, this.#plan),
    };
    return owner;
  }

  get url(): string {
    return this.#plan.url;
  }

  /** What topics.ts changes: done where it is loaded. */
  async #change(add?: string[], remove?: string[]): Promise<void> {
    const owner: Changeable = {
      plan: this.#plan,
      connection: () => (this.#end ? undefined : (this.#connection as CoreConnection | undefined)),
      refused: (message, status) => new ConnectionError(message, "status", status),
    };
    await (await import("./extras.js")).changeTopics(owner, add, remove);
  }

  get topics(): Topics {
    return {
      add: (...topics) => this.#change(topics),
      remove: (...topics) => this.#change([], topics),
      [Symbol.iterator]: () => new URL(this.url).searchParams.getAll("topic").values(),
    };
  }

  get readyState(): number {
    return this.#connection?.readyState ?? (this.#end ? 2 : 0);
  }

  get transport(): TransportName {
    return this.#connection?.transport.name ?? this.#plan.transport;
  }

  get lastEventId(): string {
    return (this.#waiting.length > 0 ? undefined : this.#connection?.lastEventId) ?? this.#lastHandedOutId;
  }

  close(): void {
    this.#finish({}, true);
  }

  restart(): void {
    if (!this.#end) this.#connection?.restart();
  }

  async stop(): Promise<void> {
    const { stopAnswer } = await import("./extras.js");
    await stopAnswer(this, this.#plan, this.#stopListening, ConnectionError);
  }

  // --- The iteration ---

  [Symbol.asyncIterator](): AsyncIterator<ServerEvent<unknown>> {
    return this;
  }

  async next(): Promise<IteratorResult<ServerEvent<unknown>>> {
    for (let item = this.#waiting[this.#handedOut]; item; item = this.#waiting[this.#handedOut]) {
      this.#handedOut += 1;
      if (this.#handedOut === this.#waiting.length) this.#empty();
      if (!("comment" in item)) return this.#handOut(item);
      this.#tellComment(item.comment);
    }
    if (!this.#end) return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
    const end = this.#end;
    this.#end = {}; // throws an error only once
    if ("error" in end) throw end.error;
    return { done: true, value: undefined };
  }

  /** Leaving the loop closes the connection. */
  async return(): Promise<IteratorResult<ServerEvent<unknown>>> {
    this.close();
    return { done: true, value: undefined };
  }

  async #handOut(event: ServerEvent): Promise<IteratorResult<ServerEvent<unknown>>> {
    this.#lastHandedOutId = event.lastEventId;
    try {
      return { done: false, value: event.type === gapType ? event : await this.#decode(event) };
    } catch (error) {
      this.close();
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<unknown> {
    return this.return();
  }

  // --- Calls from the connection ---

  #push({ kind, ...event }: CoreEvent): void {
    const waiter = this.#waiters.shift();
    if (waiter) this.#handOut(event).then(waiter.resolve, waiter.reject);
    else this.#wait(event, event.data);
  }

  #wait(item: Item, text: string): void {
    this.#waiting.push(item);
    this.#waitingCharacters += text.length;
  }

  #comment(comment: string): void {
    if (this.#waiters.length > 0) this.#tellComment(comment);
    else this.#wait({ comment }, comment);
  }

  #tellComment(comment: string): void {
    queueMicrotask(() => this.#plan.options.onComment?.(comment));
  }

  // An exception of the callback is reported like one of a listener, and does not end the stream.
  #tellGap({ data }: CoreEvent): void {
    const gap = gapIn(data);
    queueMicrotask(() => this.#plan.options.onGap?.(gap));
  }

  #full(limit: number): Promise<void> | undefined {
    if (this.#waiting.length < limit && this.#waitingCharacters < maxWaitingCharacters) return undefined;
    if (limit > 1 && !this.#connection?.lastEventId) {
      const message = `${this.url}: more than ${limit} events or 16 MiB wait, and without IDs the stream cannot be interrupted: use the fetch transport`;
      this.#finish({ error: new ConnectionError(message, "overrun", 200) });
    }
    return new Promise((resolve) => {
      this.#roomMade = resolve;
    });
  }

  #empty(): void {
    this.#waiting = [];
    this.#handedOut = this.#waitingCharacters = 0;
    this.#roomMade?.();
  }

  #lost(loss: Loss): void {
    const { reason, status, reconnectIn } = loss;
    // Browsers do not report what they forbid.
    const mayBeForbidden = !this.#hasLost && reason === "network-error" && status === 0 && globalThis.location;
    this.#hasLost = true;
    const message =
      loss.message + (mayBeForbidden ? ": no connection, or CORS or the Content-Security-Policy forbids it" : "");
    this.dispatchEvent(new LossEvent({ ...loss, message }));
    if (reconnectIn !== null) return;
    const isFinished = reason === "status" && status === 204;
    if (isFinished) this.#stored?.clear();
    const error = new ConnectionError(`${this.url}: ${message}`, reason, status);
    this.#finish(isFinished || reason === "end-of-stream" ? {} : { error });
  }

  #store(): void {
    this.#stored?.set(this.lastEventId);
  }

  /** `atOnce`: drops the items that still wait. */
  #finish(end: End, atOnce = false): void {
    if (atOnce) {
      if (!this.#end) this.#store();
      this.#empty();
    }
    if (this.#end) return;
    this.#end = end;
    this.#stopListening.abort();
    this.#connection?.close();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { resolve, reject } of waiters) this.next().then(resolve, reject);
  }
}

/** A server's data must not end the program: invalid data is a gap without details. */
function gapIn(data: string): Gap {
  try {
    const { lastEventId, reason } = parseJson(data, maxSaidCharacters) as Partial<Gap>;
    return { lastEventId: `${lastEventId ?? ""}`, reason: reason === "expired" ? reason : "unknown" };
  } catch {
    return { lastEventId: "", reason: "unknown" };
  }
}

/**
 * Connects, and reconnects, to the event stream at `url`: `for await (const event of connect(url)) …`. Leaving the
 * loop, close() or the signal ends it. Throws a TypeError that names an invalid option.
 */
export function connect<Events extends object = Unstated, Options extends ConnectOptions = NoOptions>(
  url: UrlOf<Events>,
  ...options: OptionsFor<Events, Options>
): Connection<EventsOf<Events, Options>> {
  return new IteratedConnection(url, ...(options as [ConnectOptions?])) as unknown as Connection<
    EventsOf<Events, Options>
  >;
}
