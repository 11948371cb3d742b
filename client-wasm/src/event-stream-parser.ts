// EventStreamParser: bytes of an event stream in, events out, for programs with a transport of their own.

import { type CoreEvent, coreNow, loadCore, maxInputBytes, type Signal } from "./core.js";
import { Parser } from "./parser.js";
import { Kind } from "./shared-values.js";
import type { ServerEvent } from "./types.js";

/** Where a parser begins, and what it reports besides events. */
export interface ParserOptions {
  /** The last event ID until the stream sets one. */
  lastEventId?: string;
  /** Called with each comment, without the colon. */
  onComment?: (comment: string) => void;
  /** Called with each reconnection time the stream sets, in milliseconds. */
  onRetry?: (retry: number) => void;
}

/** Made with the first parser, so that importing the package uses nothing that a platform may lack. */
let abandoned: FinalizationRegistry<Parser> | undefined;

/** Resolves once the core can be used synchronously, even if WebAssembly cannot be compiled. */
export async function ready(): Promise<void> {
  await loadCore();
}

/** Whether all signals are events, as usual. */
function areEvents(signals: Signal[]): signals is CoreEvent[] {
  for (const { kind } of signals) if (kind !== undefined) return false;
  return true;
}

/**
 * Bytes of an event stream in, events out: the core's parser, for programs with a transport of their own. Holds memory
 * of the core until close(), or until it is garbage-collected.
 */
export class EventStreamParser {
  readonly #options: ParserOptions;
  readonly #parser: Parser;

  /** Throws if WebAssembly cannot be compiled synchronously: `await ready()` first. */
  constructor(options: ParserOptions = {}) {
    this.#options = options;
    this.#parser = new Parser(coreNow(), options.lastEventId);
    abandoned ??= globalThis.FinalizationRegistry && new FinalizationRegistry((parser) => parser.close());
    abandoned?.register(this, this.#parser, this);
  }

  /** The last event ID string: what a reconnection would send. */
  get lastEventId(): string {
    return this.#parser.lastEventId;
  }

  /**
   * The events that the chunk completes. Chunks may be split anywhere. Throws a RangeError once a line or an event exceeds
   * 16 MiB, and again until reset().
   */
  feed(chunk: Uint8Array): ServerEvent[] {
    if (chunk.length <= maxInputBytes) return this.#feed(chunk);
    const events: ServerEvent[] = [];
    for (let begin = 0; begin < chunk.length; begin += maxInputBytes) {
      for (const event of this.#feed(chunk.subarray(begin, begin + maxInputBytes))) events.push(event);
    }
    return events;
  }

  /** Begins a new stream: drops an incomplete event, and keeps the last event ID. */
  reset(): void {
    this.#parser.reset();
  }

  /** Frees its memory at once instead of at garbage collection. No further call is allowed. */
  close(): void {
    abandoned?.unregister(this);
    this.#parser.close();
  }

  #feed(chunk: Uint8Array): ServerEvent[] {
    const signals = this.#parser.feed(chunk);
    if (areEvents(signals)) return signals;
    const { onComment, onRetry } = this.#options;
    return signals.filter((signal): signal is CoreEvent => {
      if (signal.kind === Kind.comment) onComment?.(signal.text);
      else if (signal.kind === Kind.retry) onRetry?.(signal.a);
      else if (signal.kind === Kind.tooLarge) throw new RangeError("an event or a line of the stream exceeds 16 MiB");
      return signal.kind === undefined;
    });
  }
}
