// Event streams for others: whole texts, and Web Streams, read and written by the same core as everything here.

import { type Core, coreNow, loadCore } from "./core.js";
import { EventStreamParser, type ParserOptions } from "./event-stream-parser.js";
import type { ServerEvent } from "./types.js";

/** What encode() writes: an event, or a comment, which clients ignore. */
export type Encodable =
  | {
      /** Any text; its line ends all arrive as LF. */
      data: string;
      /** The `event` field; none is a `message`. At most 128 bytes, no line ends, no NUL. */
      type?: string;
      /** At most 256 bytes, no line ends, no NUL. */
      id?: string;
      /** Sets the client's reconnection time, in milliseconds. */
      retry?: number;
      comment?: undefined;
    }
  | { comment: string };

const utf8 = /* @__PURE__ */ new TextEncoder();

/** The events of a whole event stream. What is incomplete at its end is no event. Throws as EventStreamParser does. */
export function parse(stream: string | Uint8Array): ServerEvent[] {
  const parser = new EventStreamParser();
  try {
    return parser.feed(bytesOf(stream));
  } finally {
    parser.close();
  }
}

/**
 * An event, or a comment, as a block of an event stream. Throws a TypeError that names the field that cannot be written,
 * and as EventStreamParser's constructor does.
 */
export function encode(event: Encodable): string {
  return encodeWith(coreNow(), event);
}

// Like TextDecoderStream, these have a TransformStream's two ends and are not one themselves: a class that extends what is
// global stays in every bundle.

/** Bytes of an event stream in, events out: `response.body.pipeThrough(new EventStreamDecoder())`. */
export class EventStreamDecoder {
  readonly readable: ReadableStream<ServerEvent>;
  readonly writable: WritableStream<Uint8Array | string>;
  readonly #options: ParserOptions;
  #parser: EventStreamParser | undefined;

  constructor(options: ParserOptions = {}) {
    this.#options = options;
    const transform = new TransformStream<Uint8Array | string, ServerEvent>({
      transform: async (chunk, controller) => {
        if (!this.#parser) {
          await loadCore();
          this.#parser = new EventStreamParser(options);
        }
        for (const event of this.#parser.feed(bytesOf(chunk))) controller.enqueue(event);
      },
    });
    this.readable = transform.readable;
    this.writable = transform.writable;
  }

  /** The last event ID string: what a reconnection would send. */
  get lastEventId(): string {
    return this.#parser?.lastEventId ?? this.#options.lastEventId ?? "";
  }
}

/** Events in, bytes of an event stream out: `new Response(events.pipeThrough(new EventStreamEncoder()), …)`. */
export class EventStreamEncoder {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Encodable>;

  constructor() {
    const transform = new TransformStream<Encodable, Uint8Array>({
      async transform(event, controller) {
        controller.enqueue(utf8.encode(encodeWith(await loadCore(), event)));
      },
    });
    this.readable = transform.readable;
    this.writable = transform.writable;
  }
}

function bytesOf(chunk: string | Uint8Array): Uint8Array {
  if (typeof chunk === "string") return utf8.encode(chunk);
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError("an event stream is read from text or Uint8Arrays");
}

function encodeWith(core: Core, event: Encodable): string {
  if (event.comment !== undefined)
    return core.text(core.exports.encode_comment(core.put(text("comment", event.comment))));
  const { type = "", id = "", data, retry = -1 } = event;
  if (retry !== -1 && !(retry >= 0 && retry <= 0x7fffffff)) {
    throw new TypeError(`"retry" must be a number of milliseconds from 0 to 2147483647, not ${retry}`);
  }
  const parts = [text("type", type), text("id", id), text("data", data)];
  const [typeBytes, idBytes, dataBytes] = parts.map((part) => utf8.encode(part).length) as [number, number, number];
  core.put(parts.join(""));
  const batch = core.exports.encode_event(typeBytes, idBytes, dataBytes, retry);
  const [failed] = core.read(batch, { type: "", lastEventId: "" });
  if (failed?.kind === "unwritable") {
    throw new TypeError(`"${failed.field}" cannot be written: it holds a line end or NUL, or is too long`);
  }
  return core.text(batch);
}

function text(name: string, value: unknown): string {
  if (typeof value !== "string") throw new TypeError(`"${name}" must be a string, not ${value}`);
  return value;
}
