// The C++ core: its WebAssembly module, and the two objects of it that the package uses. abi.cpp is the other side.
//
// Every call hands one input over and returns, decoded, what it led to. Nothing of a batch stays in the module's memory,
// so that calls for different sources may follow one another in any order.

import wasmText from "millrace.wasm";
import { bytesOf } from "./module-text.js";
import type { LossReason } from "./types.js";

/** What the core wants done, in order. `id` is a change of the last event ID that no event brought. */
export type Signal =
  | { kind: "connect" }
  | { kind: "open" }
  | CoreEvent
  | { kind: "reconnect" | "fail"; reason: LossReason; status: number; wait: number }
  | { kind: "id"; lastEventId: string }
  | { kind: "comment"; comment: string }
  | { kind: "retry"; retry: number }
  | { kind: "too-large" };

export interface CoreEvent {
  kind: "event";
  type: string;
  data: string;
  lastEventId: string;
}

/** exports.txt, as TypeScript sees it. Pointers, lengths and handles are numbers; a batch is a pointer to one. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  input(bytes: number): number;
  source_new(lastEventIdBytes: number, seed: number): number;
  source_delete(source: number): void;
  source_start(source: number, now: number): number;
  source_response(source: number, status: number, contentTypeBytes: number, now: number): number;
  source_bytes(source: number, bytes: number, now: number): number;
  source_message(source: number, lastEventIdBytes: number, now: number): number;
  source_end(source: number, now: number): number;
  source_network_error(source: number, now: number): number;
  source_timeout(source: number, now: number): number;
  source_online(source: number, now: number): number;
  source_next_timeout(source: number): number;
  parser_new(lastEventIdBytes: number): number;
  parser_delete(parser: number): void;
  parser_feed(parser: number, bytes: number): number;
  parser_reset(parser: number): void;
  batch_to_utf16(): void;
}

/** The largest piece of a chunk that is handed over at once, in bytes: it bounds what one batch can hold. */
export const maxInputBytes = 65536;

const noText = 0xffffffff;

// Indices are abi.cpp's Kind and the core's Reason.
const kinds = ["connect", "open", "event", "reconnect", "fail", "id", "comment", "retry", "too-large"] as const;
const reasons: readonly LossReason[] = [
  "none",
  "network-error",
  "end-of-stream",
  "timeout",
  "status",
  "content-type",
  "too-large",
];

let loading: Promise<Core> | undefined;

/** The core, compiled once. Rejects where WebAssembly is missing or forbidden. */
export function loadCore(): Promise<Core> {
  // Not on the main thread, where some browsers refuse to compile more than 4 KiB.
  loading ??= WebAssembly.instantiate(bytesOf(wasmText)).then(
    ({ instance }) => new Core(instance.exports as unknown as Exports),
  );
  return loading;
}

export class Core {
  readonly exports: Exports;
  readonly #encoder = new TextEncoder();
  // A byte order mark at the front of a batch's text is data: the parser has taken away the one that is not.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  constructor(exports: Exports) {
    this.exports = exports;
    exports._initialize();
  }

  /** Puts the input of the next call where the core reads it, and returns its length in bytes. */
  put(input: string | Uint8Array): number {
    const bytes = typeof input === "string" ? this.#encoder.encode(input) : input;
    const at = this.exports.input(bytes.length);
    // Made anew each time: the memory may have grown, which detaches what looked at it before.
    new Uint8Array(this.exports.memory.buffer, at, bytes.length).set(bytes);
    return bytes.length;
  }

  /** What the batch says. `lastEventId` is the one before it. */
  decode(batch: number, lastEventId: string): Signal[] {
    const memory = this.exports.memory.buffer;
    const [count, recordsAt, textAt, textBytes] = new Uint32Array(memory, batch, 4) as unknown as number[];
    const text = this.#decoder.decode(new Uint8Array(memory, textAt, textBytes));
    if (text.length !== textBytes) this.exports.batch_to_utf16();
    const fields = new Uint32Array(memory, recordsAt, (count as number) * 4);
    let end = 0;
    const take = (length: number) => {
      const begin = end;
      end += length;
      return text.slice(begin, end);
    };
    let id = lastEventId;
    const takeId = (length: number) => {
      if (length !== noText) id = take(length);
      return id;
    };
    const signals: Signal[] = [];
    for (let i = 0; i < fields.length; i += 4) {
      const kind = kinds[fields[i] as number] as (typeof kinds)[number];
      const [a, b, c] = [fields[i + 1], fields[i + 2], fields[i + 3]] as [number, number, number];
      if (kind === "event") signals.push({ kind, type: take(a) || "message", data: take(b), lastEventId: takeId(c) });
      else if (kind === "id") signals.push({ kind, lastEventId: takeId(c) });
      else if (kind === "comment") signals.push({ kind, comment: take(b) });
      else if (kind === "retry") signals.push({ kind, retry: a });
      else if (kind === "reconnect" || kind === "fail") {
        signals.push({ kind, reason: reasons[a] as LossReason, status: b, wait: c });
      } else signals.push({ kind });
    }
    return signals;
  }
}

/** The core's EventSourceState: decides what an event source does next. `now` is performance.now(). */
export class Source {
  #lastEventId: string;
  readonly #core: Core;
  readonly #handle: number;

  /** `seed` decides the jitter of the waits. */
  constructor(core: Core, lastEventId: string, seed: number) {
    this.#core = core;
    this.#lastEventId = lastEventId;
    this.#handle = core.exports.source_new(core.put(lastEventId), seed);
  }

  /** Frees it in the module; nothing may be called after. */
  close(): void {
    this.#core.exports.source_delete(this.#handle);
  }

  /** The first connection. */
  start(now: number): Signal[] {
    return this.#decode(this.#core.exports.source_start(this.#handle, now));
  }

  response(status: number, contentType: string, now: number): Signal[] {
    return this.#decode(this.#core.exports.source_response(this.#handle, status, this.#core.put(contentType), now));
  }

  /** At most maxInputBytes of the body. */
  bytes(chunk: Uint8Array, now: number): Signal[] {
    return this.#decode(this.#core.exports.source_bytes(this.#handle, this.#core.put(chunk), now));
  }

  /** The transport has parsed an event by itself. */
  message(lastEventId: string, now: number): Signal[] {
    return this.#decode(this.#core.exports.source_message(this.#handle, this.#core.put(lastEventId), now));
  }

  end(now: number): Signal[] {
    return this.#decode(this.#core.exports.source_end(this.#handle, now));
  }

  networkError(now: number): Signal[] {
    return this.#decode(this.#core.exports.source_network_error(this.#handle, now));
  }

  /** A waiting reconnection happens now. */
  online(now: number): Signal[] {
    return this.#decode(this.#core.exports.source_online(this.#handle, now));
  }

  /** To be called at nextTimeout(); early or late does no harm. */
  timeout(now: number): Signal[] {
    return this.#decode(this.#core.exports.source_timeout(this.#handle, now));
  }

  /** Negative if there is none. */
  nextTimeout(): number {
    return this.#core.exports.source_next_timeout(this.#handle);
  }

  #decode(batch: number): Signal[] {
    const signals = this.#core.decode(batch, this.#lastEventId);
    for (const signal of signals) if ("lastEventId" in signal) this.#lastEventId = signal.lastEventId;
    return signals;
  }
}
