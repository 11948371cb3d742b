// `millrace/from-readable-stream`: EventSource.fromReadableStream(), as proposed for the standard. The program supplies
// the bytes, for example from its own `fetch`, and the class parses them and fires events.

import {
  type EventSourceConstructor,
  EventStreamParser,
  EventSource as Plain,
  ready,
  type ServerEvent,
} from "millrace";
import { type Handlers, setHandler } from "./event-handlers.js";
import { nextTask } from "./next-task.js";

/** An EventSource that reads a stream. It never reconnects: it closes when the stream ends or breaks. */
export interface StreamEventSource extends Plain {
  /** The ID with which a request can resume the stream. */
  readonly lastEventId: string;
  /** The reconnection time that the stream requests, in milliseconds. */
  readonly reconnectionTime: number;
  /** Drops an incomplete block: a new stream begins, through the same TransformStream. */
  reset(): void;
}

/** The class of `millrace`, with the proposed method. */
export interface StreamEventSourceConstructor extends EventSourceConstructor {
  /** Throws a TypeError if the stream is locked, or not a stream. Chunks are Uint8Arrays. */
  fromReadableStream(stream: ReadableStream<Uint8Array>): StreamEventSource;
}

/** The default, until a `retry` field changes it. */
const defaultReconnectionTime = 3000;

class StreamEventSourceClass extends EventTarget {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #handlers: Handlers = {};
  #parser: EventStreamParser | undefined;
  #readyState = 0;
  #lastEventId = "";
  #reconnectionTime = defaultReconnectionTime;

  constructor(stream: ReadableStream<Uint8Array>) {
    super();
    this.#reader = stream.getReader();
    this.#read().then(
      () => this.#fail("the stream has ended"),
      (error) => this.#fail(`${error}`, error),
    );
  }

  get url(): string {
    return "about:event-stream";
  }

  get withCredentials(): boolean {
    return false;
  }

  get readyState(): number {
    return this.#readyState;
  }

  get lastEventId(): string {
    return this.#lastEventId;
  }

  get reconnectionTime(): number {
    return this.#reconnectionTime;
  }

  reset(): void {
    this.#parser?.reset();
  }

  close(): void {
    this.#end();
  }

  async #read(): Promise<void> {
    await ready();
    await nextTask();
    if (this.#readyState === 2) return;
    this.#parser = new EventStreamParser({
      onRetry: (retry) => {
        this.#reconnectionTime = retry;
      },
    });
    this.#readyState = 1;
    this.dispatchEvent(new Event("open"));
    while (this.#readyState < 2) {
      const { value, done } = await this.#reader.read();
      if (done) return;
      if (!(value instanceof Uint8Array)) throw new TypeError("the stream's chunks must be Uint8Arrays");
      const events = this.#parser?.feed(value) ?? [];
      // Counts IDs already read, even before their events' tasks.
      this.#lastEventId = this.#parser?.lastEventId ?? this.#lastEventId;
      for (const event of events) await this.#dispatch(event);
    }
  }

  /** Dispatches each event in its own task, as in a browser. */
  async #dispatch({ type, data, lastEventId }: ServerEvent): Promise<void> {
    await nextTask();
    if (this.#readyState === 2) return;
    this.dispatchEvent(new MessageEvent(type, { data, lastEventId, origin: "null" }));
  }

  #fail(message: string, error?: unknown): void {
    if (this.#readyState === 2) return;
    this.#end(error);
    this.dispatchEvent(Object.assign(new Event("error"), { message, status: 0 }));
  }

  #end(reason?: unknown): void {
    this.#readyState = 2;
    this.#reader.cancel(reason).catch(() => {});
    this.#parser?.close();
    this.#parser = undefined;
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

/** The package's EventSource, with the proposed method. */
export const EventSource: StreamEventSourceConstructor = /* @__PURE__ */ (() => {
  class WithStreams extends Plain {
    static fromReadableStream(stream: ReadableStream<Uint8Array>): StreamEventSource {
      return new StreamEventSourceClass(stream) as unknown as StreamEventSource;
    }
  }
  Object.defineProperty(WithStreams, "name", { value: "EventSource" });
  // Makes a stream's source an instance of both classes, with their constants.
  Object.setPrototypeOf(StreamEventSourceClass.prototype, WithStreams.prototype);
  return WithStreams;
})();
