// The C++ core: its WebAssembly module, and the two objects of it that the package uses. abi.cpp is the other side.
//
// Every call hands one input over and returns, decoded, what it led to. Nothing of a batch stays in the module's memory,
// so that calls for different sources may follow one another in any order.

import { type Exports, type Input, Kind } from "./abi.js";
import { type BatchText, batchTextOf } from "./batch-text.js";
import { instantiate, instantiateNow } from "./module.js";
import type { ServerEvent } from "./types.js";

/** What the core wants done, in order: mostly events, which are handed on as they are and have no kind. */
export type Signal = CoreEvent | Notice;

export interface CoreEvent extends ServerEvent {
  readonly kind?: undefined;
}

/** Anything but an event. What the numbers mean is at Kind. */
export interface Notice {
  readonly kind: Exclude<Kind, Kind.event>;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly text: string;
}

/** The largest piece of a chunk that is handed over at once, in bytes: it bounds what one batch can hold. */
export const maxInputBytes = 65536;

/** In place of a length: the text is the same as before. */
const unchanged = -1;

/**
 * The core's policy as abi.cpp takes it: jitter in percent, base and max of the waits, attempts, idle timeout, first byte
 * timeout, event bytes, flags.
 */
export type Policy = readonly number[];

let loading: Promise<Core> | undefined;
let loaded: Core | undefined;

/** The core, instantiated once. Rejects where that is not possible. */
export function loadCore(): Promise<Core> {
  loading ??= instantiate().then((exports) => {
    loaded ??= new Core(exports);
    return loaded;
  });
  return loading;
}

/** The same at once. Throws where WebAssembly may not be compiled, or not at once, unless the core has been loaded. */
export function coreNow(): Core {
  loaded ??= new Core(instantiateNow());
  return loaded;
}

/** Longest input that is copied byte by byte, which takes less time than a call of TypedArray.prototype.set. */
const shortInputBytes = 16;

const nothing: Signal[] = [];

export class Core {
  readonly exported: Exports;
  readonly #encoder = new TextEncoder();
  readonly #text: BatchText;
  // The module's memory.
  #bytes = new Uint8Array();
  #words = new Int32Array();
  // The input buffer.
  #input = 0;
  #inputBytes = 0;

  constructor(exports: Exports) {
    this.exported = exports;
    this.#text = batchTextOf(exports);
  }

  /** To be called before the memory is looked at: when it grows, it is another. */
  #look(): void {
    const { buffer } = this.exported.memory;
    if (this.#bytes.buffer === buffer) return;
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Int32Array(buffer);
  }

  /** Puts the input of the next call where the core reads it, and returns its length in bytes. */
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

  /** What the batch says; 0 is one that says nothing. `stream` is what it is a part of. */
  read(batch: number, stream: CoreStream): Signal[] {
    if (batch === 0) return nothing;
    this.#look();
    const words = this.#words;
    const count = words[batch >> 2] as number;
    let at = (words[(batch >> 2) + 1] as number) >> 2;
    const textAt = words[(batch >> 2) + 2] as number;
    const textBytes = words[(batch >> 2) + 3] as number;
    const text = this.#text.of(this.#bytes, textAt, textBytes, batch);
    // A UTF-16 unit a byte, or else a CR behind every text and none inside.
    const isAscii = text.length === textBytes;
    let begin = 0;
    const next = (length: number) => {
      const end = isAscii ? begin + length : text.indexOf("\r", begin);
      const piece = text.slice(begin, end);
      begin = end + 1;
      return piece;
    };
    let { type, lastEventId, topic } = stream;
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
        signals.push(stream.eventOf(type, data, lastEventId, hasId, topic));
      } else if (kind === Kind.topic) topic = next(c);
      else if (kind === Kind.id) {
        const said = next(c);
        if (said !== lastEventId) signals.push({ kind, a, b, c, text: said });
        lastEventId = said;
      } else signals.push({ kind, a, b, c, text: kind === Kind.comment ? next(b) : "" });
    }
    stream.type = type;
    stream.lastEventId = lastEventId;
    stream.topic = topic;
    return signals;
  }
}

/** What becomes of what the core says of an event. */
export type EventOf = (type: string, data: string, lastEventId: string, hasId: boolean, topic?: string) => CoreEvent;

export const plainEvent: EventOf = (type, data, lastEventId, hasId, topic) =>
  topic ? { type, data, lastEventId, hasId, topic } : { type, data, lastEventId, hasId };

/** What the core leaves out of an event because it is the same as before, and what makes one. */
export interface CoreStream {
  type: string;
  lastEventId: string;
  /** Of the last event; empty: it did not say. */
  topic: string;
  readonly eventOf: EventOf;
}

/** The core's EventSourceState: decides what an event source does next. */
export class Source implements CoreStream {
  type = "message";
  topic = "";
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

  /** Frees it in the module; nothing may be called after. */
  close(): void {
    this.#core.exported.source_delete(this.#handle);
  }

  /** What comes of `input`; at most one of the parameters is text or bytes. */
  tell(input: Input, ...parameters: (number | string | Uint8Array)[]): Signal[] {
    const numbers = parameters.map((value) => (typeof value === "number" ? value : this.#core.put(value)));
    const batch = this.#core.exported.source_tell(this.#handle, input, performance.now(), ...numbers);
    return this.#core.read(batch, this);
  }

  /** On performance.now()'s clock; negative if there is none. */
  nextTimeout(): number {
    return this.#core.exported.source_next_timeout(this.#handle);
  }
}
