// The C++ core: its WebAssembly module, and the two objects in it that the package uses. abi.cpp is the other side.
//
// Every call passes one input and returns the decoded results. No batch stays in the module's memory, so calls for
// different sources may follow in any order.

import type { Exports } from "./abi.js";
import { batchTextOf } from "./batch-text.js";
import type { BatchText } from "./decoded-text.js";
import { instantiate, instantiateNow } from "./module.js";
import { type Input, Kind, maxTopics } from "./shared-values.js";
import type { ServerEvent } from "./types.js";

/** A request of the core; mostly an event, which is passed on unchanged and has no kind. */
export type Signal = CoreEvent | Notice;

export interface CoreEvent extends ServerEvent {
  readonly kind?: undefined;
}

/** Any signal but an event. Kind explains the numbers. */
export interface Notice {
  readonly kind: Exclude<Kind, Kind.event>;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly text: string;
}

/** The largest piece of a chunk passed at once, in bytes; it bounds a batch. */
export const maxInputBytes = 65536;

/** In place of a length: the text has not changed. */
const unchanged = -1;

/**
 * The core's policy in the form of abi.cpp: jitter in percent, base and max of the waits, attempts, idle timeout, first
 * byte timeout, event bytes, flags.
 */
export type Policy = readonly number[];

let loading: Promise<Core> | undefined;
let loaded: Core | undefined;

/** Instantiates the core once. Rejects if that is not possible. */
export function loadCore(): Promise<Core> {
  loading ??= instantiate().then((exports) => {
    loaded ??= new Core(exports);
    return loaded;
  });
  return loading;
}

/**
 * The same, synchronously. Throws if WebAssembly cannot be compiled, or not synchronously, unless the core is loaded
 * already.
 */
export function coreNow(): Core {
  loaded ??= new Core(instantiateNow());
  return loaded;
}

/** Longest input that is copied byte by byte, which is faster than a call of TypedArray.prototype.set. */
const shortInputBytes = 16;

export class Core {
  readonly exported: Exports;
  readonly #encoder = new TextEncoder();
  readonly #text: BatchText;
  // The module's memory.
  #bytes = new Uint8Array();
  #words!: Int32Array;
  // The input buffer.
  #input = 0;
  #inputBytes = 0;

  constructor(exports: Exports) {
    this.exported = exports;
    this.#text = batchTextOf(exports);
  }

  /**
   * Call it before reading the memory. Memory that has grown is a new object; an instance's old one is then empty, which is
   * seen sooner, but that of JavaScript (whose exports have a prototype) is not.
   */
  #look(): void {
    if (this.#bytes.length && !(this.exported instanceof Object)) return;
    const { buffer } = this.exported.memory;
    if (this.#bytes.buffer === buffer) return;
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Int32Array(buffer);
  }

  /** Writes the next call's input to the core's buffer, and returns its length in bytes. */
  put(input: string | Uint8Array): number {
    const bytes = typeof input === "string" ? this.#encoder.encode(input) : input;
    const { length } = bytes;
    if (length > this.#inputBytes) {
      this.#input = this.exported.input(length);
      this.#inputBytes = length;
    }
    this.#look();
    if (length > shortInputBytes) this.#bytes.set(bytes, this.#input);
    else for (let i = 0; i < length; i++) this.#bytes[this.#input + i] = bytes[i] as number;
    return length;
  }

  /** Decodes the batch; 0 is an empty one. `stream` is the stream it belongs to. */
  read(batch: number, stream: CoreStream): Signal[] {
    if (batch === 0) return [];
    this.#look();
    const words = this.#words;
    const count = words[batch >> 2] as number;
    let at = (words[(batch >> 2) + 1] as number) >> 2;
    const textAt = words[(batch >> 2) + 2] as number;
    const textBytes = words[(batch >> 2) + 3] as number;
    const text = this.#text(this.#bytes, textAt, textBytes, batch);
    // One UTF-16 unit per byte; otherwise every text is followed by a CR and contains none.
    const isAscii = text.length === textBytes;
    let begin = 0;
    const next = (length: number) => {
      const end = isAscii ? begin + length : text.indexOf("\r", begin);
      const piece = text.slice(begin, end);
      begin = end + 1;
      return piece;
    };
    let { type, lastEventId } = stream;
    const signals: Signal[] = [];
    for (const last = at + count * 4; at < last; at += 4) {
      const kind = words[at] as Kind;
      const a = words[at + 1] as number;
      const b = words[at + 2] as number;
      const c = words[at + 3] as number;
      if (kind === Kind.event) {
        if (a !== unchanged) type = next(a) || "message";
        const data = next(b);
        const hasId = c !== unchanged;
        if (hasId) lastEventId = next(c);
        signals.push(stream.eventOf(type, data, lastEventId, hasId, stream.fields));
      } else if (kind === Kind.field) stream.fields[a] = next(c);
      else if (kind === Kind.id) {
        const said = next(c);
        if (said !== lastEventId) signals.push({ kind, a, b, c, text: said });
        lastEventId = said;
      } else signals.push({ kind, a, b, c, text: kind === Kind.comment ? next(b) : "" });
    }
    stream.type = type;
    stream.lastEventId = lastEventId;
    return signals;
  }
}

/** Makes an event from the core's data. */
export type EventOf = (type: string, data: string, lastEventId: string, hasId: boolean, fields?: Fields) => CoreEvent;

/**
 * Millrace's own fields of an event: the topics, with a tab between two, and `traceparent` and `tracestate` as they were sent.
 * Undefined and empty: unknown.
 */
export type Fields = [topics?: string, traceparent?: string, tracestate?: string];

// As is_trace_parent() and is_trace_state() of trace_context.cpp: the same fixtures try both.
const traceParent =
  /^(?!00.{54}|.{129}|ff|.{3}0{32}|.{36}0{16})[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}(-[!-~]*)?$/;
const traceState =
  /^(?!.{513})[\t ,]*([a-z\d][a-z\d_*/@-]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~][\t ]*(,[\t ,]*|$)){1,32}$/;

/** The topics of the event that was made last, as text and as the list that all events with the same text share. */
let newestTopics: string | undefined;
let topics: readonly string[] | undefined;

export const plainEvent: EventOf = (type, data, lastEventId, hasId, fields) => {
  const event = { type, data, lastEventId, hasId };
  return fields?.length ? withFields(event, fields) : event;
};

function withFields(
  event: { -readonly [K in keyof CoreEvent]: CoreEvent[K] },
  [text, traceparent = "", tracestate = ""]: Fields,
): CoreEvent {
  if (text !== newestTopics) {
    newestTopics = text;
    // No topic is empty: a tab that separates nothing is left out, as by set_topics() of event_stream_parser.cpp.
    topics = Object.freeze(text?.match(/[^\t](.*[^\t])?/s)?.[0].split(/\t+/, maxTopics));
  }
  if (topics) {
    event.topic = topics[0] as string;
    event.topics = topics;
  }
  if (traceParent.test(traceparent)) {
    event.traceparent = traceparent;
    if (traceState.test(tracestate)) event.tracestate = tracestate;
  }
  return event;
}

/** The parts of an event that the core omits when they have not changed, and the function that makes events. */
export interface CoreStream {
  type: string;
  lastEventId: string;
  /** Of the last event. */
  readonly fields: Fields;
  readonly eventOf: EventOf;
}

/** The core's EventSourceState, which decides what an event source does next. */
export class Source implements CoreStream {
  type = "message";
  readonly fields: Fields = [];
  lastEventId: string;
  readonly eventOf: EventOf;
  readonly #core: Core;
  readonly #handle: number;

  /** `seed` decides the jitter of the waits. */
  constructor(core: Core, lastEventId: string, seed: number, policy: Policy, eventOf: EventOf) {
    this.#core = core;
    this.lastEventId = lastEventId;
    this.eventOf = eventOf;
    this.#handle = core.exported.source_new(core.put(lastEventId), seed, ...policy);
  }

  /** Frees it in the module; no further call is allowed. */
  close(): void {
    this.#core.exported.source_delete(this.#handle);
  }

  /** Passes `input` and returns the results; at most one of the parameters is text or bytes. */
  tell(input: Input, ...parameters: (number | string | Uint8Array)[]): Signal[] {
    const numbers = parameters.map((value) => (typeof value === "number" ? value : this.#core.put(value)));
    const batch = this.#core.exported.source_tell(this.#handle, input, performance.now(), ...numbers);
    return this.#core.read(batch, this);
  }

  /** On performance.now()'s clock; negative if none is set. */
  nextTimeout(): number {
    return this.#core.exported.source_next_timeout(this.#handle);
  }
}
