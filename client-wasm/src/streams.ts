// Event streams as whole texts and as Web Streams. The core reads them. Writing takes less code here than a call to the
// core would; tests/fixtures/writer checks that both writers write the same.

import { loadCore } from "./core.js";
import { EventStreamParser, type ParserOptions } from "./event-stream-parser.js";
import type { ServerEvent } from "./types.js";

/** The input of encode(): an event, or a comment, which clients ignore. */
export type Encodable =
  | {
      /** Any text; its line ends all arrive as LF. */
      data: string;
      /** The `event` field; `message` without one. At most 128 bytes, no line ends, no NUL. */
      type?: string;
      /** At most 256 bytes, no line ends, no NUL. */
      id?: string;
      /** Sets the client's reconnection time, in milliseconds. */
      retry?: number;
      comment?: undefined;
    }
  | { comment: string };

// Makes an encoder for each call, so that importing the package uses nothing that a platform may lack.
const utf8 = (text: string) => new TextEncoder().encode(text);

/** The events of a whole event stream, without an incomplete one at the end. Throws like EventStreamParser. */
export function parse(stream: string | Uint8Array): ServerEvent[] {
  const parser = new EventStreamParser();
  try {
    return parser.feed(bytesOf(stream));
  } finally {
    parser.close();
  }
}

/** An event, or a comment, as a block of an event stream. Throws a TypeError that names the field that cannot be written. */
export function encode(event: Encodable): string {
  if (event.comment !== undefined) return `${lines("", "comment", event.comment)}\n`;
  const { type = "", id = "", data, retry } = event;
  if (retry !== undefined && !(retry >= 0 && retry <= 0x7fffffff)) {
    throw new TypeError(`"retry" must be a number of milliseconds from 0 to 2147483647, not ${retry}`);
  }
  const typeField = field("event", "type", type, 128);
  const idField = field("id", "id", id, 256);
  const retryField = retry === undefined ? "" : `retry: ${Math.trunc(retry)}\n`;
  return `${typeField}${idField}${retryField}${lines("data", "data", data)}\n`;
}

// Like TextDecoderStream, these classes have a TransformStream's two ends but do not extend it, because a class that
// extends a global stays in every bundle.

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
    const utf8 = new TextEncoder();
    const transform = new TransformStream<Encodable, Uint8Array>({
      transform: (event, controller) => controller.enqueue(utf8.encode(encode(event))),
    });
    this.readable = transform.readable;
    this.writable = transform.writable;
  }
}

function bytesOf(chunk: string | Uint8Array): Uint8Array {
  if (typeof chunk === "string") return utf8(chunk);
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError("event streams are text or Uint8Arrays");
}

/** A line for each line of the value, none of which can begin a field of its own. */
function lines(field: string, name: string, value: unknown): string {
  const written = (line: string) => `${field}: ${line}\n`;
  return text(name, value)
    .split(/\r\n?|\n/)
    .map(written)
    .join("");
}

/** Returns nothing for an empty value. A line end would inject fields, and clients ignore an ID with NUL. */
function field(field: string, name: string, value: unknown, maxBytes: number): string {
  const written = text(name, value);
  // A UTF-16 unit is three bytes at most, so most values need not be encoded for the check.
  if (/[\r\n\0]/.test(written) || (written.length * 3 > maxBytes && utf8(written).length > maxBytes)) {
    throw new TypeError(`"${name}" cannot be written: it holds a line end or NUL, or is too long`);
  }
  return written && `${field}: ${written}\n`;
}

function text(name: string, value: unknown): string {
  if (typeof value !== "string") throw new TypeError(`"${name}" must be a string, not ${value}`);
  return value;
}
